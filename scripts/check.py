"""Everything that CI wants besides the tests, one line for each part. A failing part doesn't hide the ones after it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_BIN = Path(sys.executable).parent
_PYTHON = sys.executable

#: Name of a part -> the command that exits with 0 when all is well.
PARTS: dict[str, list[str]] = {
    "lint": [f"{_BIN}/ruff", "check", "--output-format", "concise", "."],
    "format": [f"{_BIN}/ruff", "format", "--check", "--output-format", "concise", "."],
    "types": [f"{_BIN}/mypy"],
    "layers": [f"{_BIN}/lint-imports", "--no-cache", "--no-logo"],
    "sizes": [_PYTHON, "scripts/sizes.py"],
    "habits": [_PYTHON, "scripts/habits.py"],
    "words": [_PYTHON, "scripts/words.py"],
    "lock": [_PYTHON, "scripts/locked.py"],
    "weight": [_PYTHON, "scripts/weight.py"],
    "reference": [_PYTHON, "scripts/make_reference.py", "--check"],
}
#: Parts whose output is worth reading when they pass, too.
_TALKATIVE = {"sizes", "weight"}


def main(wanted: list[str]) -> int:
    """Run the wanted parts (all by default); return how many failed."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    failed = [name for name in wanted or PARTS if not _run(name)]
    print(f"make check: {'all is well' if not failed else 'failed: ' + ', '.join(failed)}")
    return len(failed)


def _run(name: str) -> bool:
    """Run one part and print its line; return whether it passed."""
    started = time.perf_counter()
    result = subprocess.run(PARTS[name], cwd=ROOT, check=False, capture_output=True, text=True)
    passed = result.returncode == 0
    print(f"[check] {name:<10} {'ok' if passed else 'FAILED'} ({time.perf_counter() - started:.1f} s)", flush=True)
    if not passed or name in _TALKATIVE:
        print((result.stdout + result.stderr).rstrip(), flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
