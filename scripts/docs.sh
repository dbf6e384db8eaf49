#!/bin/sh
# Build the web site of the documentation into site/. Its builder is installed on demand: nothing else needs it.
set -eu
cd "$(dirname "$0")/.."
if [ ! -x .venv/bin/zensical ]; then
    echo "[docs] installing the site builder (extra 'docs')"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.lock --no-deps --require-hashes
fi
.venv/bin/python scripts/make_reference.py
.venv/bin/zensical build --config-file mkdocs.yml --strict
echo "[docs] site/index.html"
