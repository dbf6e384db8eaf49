#!/bin/sh
# Pin everything that is tested, with hashes, into the lock files. Run as `make lock`.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
[ -x "$uv" ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --no-header "$@"
}

echo "[lock] requirements-build.lock"
compile requirements-build.in --output-file requirements-build.lock
echo "[lock] requirements.lock"
compile pyproject.toml --extra dev --output-file requirements.lock
echo "[lock] requirements-peers.lock"
# The override that leaves pandas out is for mlwright alone.
compile requirements-peers.in --no-config --output-file requirements-peers.lock
echo "[lock] requirements-frameworks.lock"
# Laid over .venv, so it agrees with the locks of .venv; torch is left out, because its builds differ in hash and in needs.
echo "torch ; python_version < '0'" | compile requirements-frameworks.in --no-config --override - \
    --constraint requirements.lock --constraint requirements-build.lock --output-file requirements-frameworks.lock
echo "[lock] requirements-docs.lock"
compile pyproject.toml --extra docs --constraint requirements.lock --output-file requirements-docs.lock
