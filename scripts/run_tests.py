"""Run pytest, see which lines run, in its subprocesses too, and end with the share covered and pytest's closing line.

`--no-coverage` runs pytest alone; everything else is handed on to pytest. The whole
suite is shared by as many workers as there are cores (four at most), each test module as a whole; a part of it, or
`-n 0`, runs in one process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from coverage import CoverageData

from scripts import probes

ROOT = Path(__file__).resolve().parents[1]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CLOSING = re.compile(r"\d+ (passed|failed|error|skipped|deselected)|no tests ran")


def main(arguments: list[str]) -> int:
    """Run the tests; return pytest's exit code."""
    measured = "--no-coverage" not in arguments
    handed_on = [argument for argument in arguments if argument != "--no-coverage"]
    pytest = ["-m", "pytest", *workers(handed_on, os.cpu_count() or 1), *handed_on]
    colour = "yes" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else "no"
    command = [sys.executable, *pytest, f"--color={colour}"]
    if measured:
        with tempfile.TemporaryDirectory(prefix="mlwright-lines-") as folder:
            start = probes.prepare(ROOT / "src/mlwright", Path(folder), Path(sysconfig.get_path("purelib")))
            code, closing = run(command, {probes.VARIABLE: str(start)})
            print(f"coverage: {_coverage(Path(folder))}")
    else:
        code, closing = run(command, {})
    print(closing)
    return code


def workers(arguments: list[str], cores: int) -> list[str]:
    """Return pytest's options for sharing the work: none when only a part of the suite is wanted."""
    is_whole = all(argument.startswith("-") for argument in arguments if argument != "")
    chosen = any(argument.startswith(("-n", "-k", "--numprocesses", "--pdb", "-x", "--co")) for argument in arguments)
    if not is_whole or chosen or cores == 1:
        return []
    # In the order of tests/conftest.py: the longest modules first.
    return ["-n", str(min(cores, 4)), "--dist", "loadfile", "--no-loadscope-reorder"]


def run(command: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """Run a command, pass its output on as it comes, and return its exit code and pytest's closing line."""
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        tail = b""
        while chunk := os.read(process.stdout.fileno(), 65536):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-65536:]
    lines = _COLOUR.sub("", tail.decode(errors="replace")).splitlines()
    closing = [line for line in lines if _CLOSING.search(line)]
    return process.returncode, closing[-1] if closing else "pytest ended without its closing line"


def _coverage(folder: Path) -> str:
    """Keep what all processes marked, for coverage.py's reports; return the total share of lines covered."""
    data = CoverageData(str(ROOT / ".coverage"))
    data.erase()
    data.add_lines(probes.report(folder))
    data.write()
    command = [sys.executable, "-m", "coverage", "report", "--format=total"]
    report = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return f"{report.stdout.strip()}% of lines" if report.returncode == 0 else "nothing was measured"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
