#!/bin/sh
# Make .venv hold exactly what the lock files pin, and this package. Does nothing when it holds that already.
#
# What is there is known by content, not by file times: a stamp keeps the checksum of the lock files together with this
# folder and the interpreter, so a fresh clone, a moved folder and a switched branch all come out right.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET || true

venv=.venv
say() { echo "[set-up] $*"; }
die() { echo "[set-up] error: $1" >&2; echo "  why: $2" >&2; echo "  fix: $3" >&2; exit 1; }

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
        command -v "$candidate"
        return 0
    done
    return 1
}

checksum() { cat "$@" | cksum; }

locked="$(pwd) $(checksum requirements-build.lock requirements.lock)"
declared="$(checksum pyproject.toml)"

if [ "$(cat $venv/.locked 2>/dev/null)" = "$locked" ] && [ "$(cat $venv/.declared 2>/dev/null)" = "$declared" ] &&
    $venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

# One set-up at a time in this folder; the kernel frees the lock when its holder dies.
if [ -z "${MLWRIGHT_SETUP_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    MLWRIGHT_SETUP_LOCKED=1 exec flock .setup.lock "$0"
fi

started=$(date +%s)
pip() {
    $venv/bin/python -m pip --disable-pip-version-check --no-input "$@" >$venv/set-up.log 2>&1 || {
        tail -n 15 $venv/set-up.log >&2
        die "pip $1 failed." "the lines above are the end of $venv/set-up.log" \
            "check the network (and PIP_INDEX_URL, if a mirror is used), then run make again"
    }
}

if [ "$(cat $venv/.locked 2>/dev/null)" != "$locked" ] || ! $venv/bin/python -c '' 2>/dev/null; then
    python=$(find_python) || die "no Python 3.11 or newer was found." \
        "looked for python3, python3.11 ... python3.14 on PATH$(command -v python3 >/dev/null 2>&1 && echo "; python3 is $(python3 -V 2>&1)")" \
        "install one, or name it: make PYTHON=/path/to/python3.12"
    say "$($python -V) ($python) -> $venv"
    rm -rf $venv
    # Debian cuts ensurepip out of its python3; a pip that is there can then put a pip into the environment.
    "$python" -m venv $venv >.setup.log 2>&1 || {
        rm -rf $venv
        "$python" -m venv --without-pip $venv >>.setup.log 2>&1 &&
            "$python" -m pip --python $venv/bin/python install --quiet pip >>.setup.log 2>&1
    } || {
        cat .setup.log >&2
        rm -rf $venv .setup.log
        die "$python can't make a virtual environment." "its modules venv and ensurepip are not installed, and it has no pip" \
            "on Debian and Ubuntu: apt-get install python3-venv"
    }
    rm -f .setup.log
    say "$(grep -c '==' requirements.lock) pinned packages (the first time this takes about a minute)"
    pip install --no-deps --require-hashes --no-compile -r requirements-build.lock
    pip install --no-deps --require-hashes --no-compile --no-build-isolation -r requirements.lock
    say "compiling"
    $venv/bin/python -m compileall -q -j 0 $venv/lib >/dev/null 2>&1 || true
    echo "$locked" >$venv/.locked
fi
say "mlwright itself, editable"
pip install --no-deps --no-build-isolation --editable .
echo "$declared" >$venv/.declared
say "ready in $(($(date +%s) - started)) s"
