#!/bin/sh
# Make .venv-frameworks hold the frameworks that tests run on for real, laid over .venv, which it shares everything else with.
# Does nothing when it holds them already, and nothing where only a build of PyTorch for GPUs could be had: that takes several
# GB. MLWRIGHT_FRAMEWORKS=any takes whatever build there is.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET || true

venv=.venv-frameworks
torch=$(grep '^torch==' requirements-frameworks.in)
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
locked="$packages $(cat requirements-frameworks.in requirements-frameworks.lock | cksum)"
[ "$(cat $venv/.locked 2>/dev/null)" = "$locked" ] && $venv/bin/python -c '' 2>/dev/null && exit 0

# One at a time in this folder, beside make peers; the kernel frees the lock when its holder dies.
if [ -z "${MLWRIGHT_SETUP_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
    MLWRIGHT_SETUP_LOCKED=1 exec flock .frameworks.lock "$0"
fi

started=$(date +%s)
pip() {
    .venv/bin/python -m pip --python $venv/bin/python --disable-pip-version-check --no-input "$@" >$venv/set-up.log 2>&1 || {
        tail -n 15 $venv/set-up.log >&2
        echo "[frameworks] error: pip failed; the lines above are the end of $venv/set-up.log" >&2
        echo "  fix: check the network (and PIP_INDEX_URL, if a mirror is used), then run make frameworks again" >&2
        exit 1
    }
}

rm -rf $venv
.venv/bin/python -m venv --without-pip $venv
echo "import site; site.addsitedir('$packages')" >"$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/over.pth"
# Nothing is downloaded for the report but the description of the build that pip would take.
pip install --dry-run --quiet --no-deps --report $venv/torch.json "$torch"
if [ "${MLWRIGHT_FRAMEWORKS:-}" != any ] && ! .venv/bin/python scripts/cpu_build.py $venv/torch.json; then
    rm -rf $venv
    echo "[frameworks] pip finds $torch only as a build for GPUs, several GB with all that it needs: the tests of frameworks skip"
    echo "  fix: let PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS name where PyTorch's CPU builds lie, or MLWRIGHT_FRAMEWORKS=any make frameworks"
    exit 0
fi
echo "[frameworks] $torch for CPUs and what it is trained with, about 300 MB to download -> $venv (1.2 GB)"
pip install --no-deps --no-compile "$torch"
# What .venv holds already is not installed again.
pip install --no-deps --require-hashes --no-compile -r requirements-frameworks.lock
echo "$locked" >$venv/.locked
echo "[frameworks] ready in $(($(date +%s) - started)) s"
