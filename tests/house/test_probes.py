"""What the test runner says of the lines that ran: it sees all that run, in every process, and changes nothing."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from coverage.python import PythonParser

from scripts import probes

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = '''"""What the module is for."""
from __future__ import annotations

import os, signal

WHOLE = [
    1,
    2,
]


def killed() -> None:
    """Says why."""
    os.kill(os.getpid(), signal.SIGKILL)


def never() -> None:
    raise RuntimeError


@staticmethod
def chosen(value):
    match value:
        case 1:
            return "one"
        case _:
            return "other"


class Held:
    """Holds."""

    try:
        size = int("x")
    except ValueError:
        size = 0
    else:
        size = 1
'''
RAN = {1, 2, 4, 6, 12, 14, 17, 21, 22, 23, 26, 27, 30, 33, 34, 35, 36}


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A package whose lines are measured."""
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "__init__.py").write_text(SAMPLE)
    return folder


@pytest.mark.parametrize("ending", ["", "; sample.killed()"], ids=["ended", "killed"])
def test_the_lines_that_ran_are_seen_even_of_a_process_that_was_killed(
    sample: Path, tmp_path: Path, ending: str
) -> None:
    code = f"import sample; assert sample.chosen(2) == 'other'; assert sample.Held.size == 0{ending}"
    lines, held = tmp_path / "lines", tmp_path / "held"
    lines.mkdir()
    held.mkdir()
    begin = probes.prepare(sample, lines, held)
    start = f"exec(open({str(begin)!r}).read()); import sys; sys.path.insert(0, {str(tmp_path)!r}); "
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == (-signal.SIGKILL if ending else 0), done.stderr
    (found,) = probes.report(lines).values()
    assert set(found) - {1} == (RAN if ending else RAN - {14}) - {1}


def test_an_interpreter_measures_only_when_it_is_told_to(sample: Path, tmp_path: Path) -> None:
    probes.prepare(sample, tmp_path, tmp_path)
    line = (tmp_path / "measured_lines.pth").read_text()
    done = subprocess.run([sys.executable, "-c", line + "import sys; print('probes' in sys.modules)"],
                          env={}, capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "False"


def test_every_statement_that_coverage_counts_has_its_probe() -> None:
    # Reading all modules twice would take seconds.
    for path in sorted((ROOT / "src/mlwright").rglob("*.py"))[::12]:
        text = path.read_text()
        counting = PythonParser(text=text)
        counting.parse_source()
        marked = {
            counting.first_line(node.targets[0].slice.value)
            for node in ast.walk(probes.probed(ast.parse(text), 0))
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Subscript)
            and isinstance(node.targets[0].slice, ast.Constant)
            and isinstance(node.targets[0].slice.value, int)
        }
        assert counting.statements <= marked, path
