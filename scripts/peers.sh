#!/bin/sh
# Make .venv-peers hold the programs that tests compare with and speak to. Does nothing when it holds them already.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET || true

venv=.venv-peers
locked="$(pwd) $(cksum <requirements-peers.lock)"
[ "$(cat $venv/.locked 2>/dev/null)" = "$locked" ] && $venv/bin/python -c '' 2>/dev/null && exit 0

# One set-up at a time in this folder; the kernel frees the lock when its holder dies.
if [ -z "${MLWRIGHT_SETUP_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    MLWRIGHT_SETUP_LOCKED=1 exec flock .setup.lock "$0"
fi

echo "[peers] $(grep -c '==' requirements-peers.lock) pinned packages -> $venv (several minutes on a slow line)"
rm -rf $venv
.venv/bin/python -m venv --without-pip $venv
.venv/bin/python -m pip --python $venv/bin/python --disable-pip-version-check --no-input install \
    --no-deps --require-hashes --no-compile -r requirements-peers.lock >$venv/set-up.log 2>&1 || {
    tail -n 15 $venv/set-up.log >&2
    echo "[peers] error: pip failed; the lines above are the end of $venv/set-up.log" >&2
    echo "  fix: check the network (and PIP_INDEX_URL, if a mirror is used), then run make peers again" >&2
    exit 1
}
echo "$locked" >$venv/.locked
echo "[peers] ready"
