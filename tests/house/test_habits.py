"""The habits gate finds what ruff has no rule for."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import habits

METHODS = "".join(f"    def act_{number}(self): ...\n" for number in range(9))


@pytest.mark.parametrize(
    ("path", "text", "part"),
    [
        ("src/utils.py", "x = 1\n", "module's name 'utils'"),
        ("src/run.py", "class RunManager:\n    pass\n", "name 'RunManager'"),
        ("src/run.py", "class BaseRun:\n    pass\n", "name 'BaseRun'"),
        ("src/run.py", "class RunImpl:\n    pass\n", "name 'RunImpl'"),
        ("src/run.py", "try:\n    pass\nexcept Exception:\n    pass\n", "broad except"),
        ("src/run.py", "try:\n    pass\nexcept (ValueError, Exception):\n    pass\n", "broad except"),
        ("src/run.py", "try:\n    pass\nexcept:\n    pass\n", "broad except"),
        ("src/run.py", "# ------------------\nx = 1\n", "banner"),
        ("src/run.py", "# HELPERS\nx = 1\n", "banner"),
        ("src/port.py", f"class Port(Protocol):\n{METHODS}", "has 9 methods"),
    ],
)
def test_a_bad_habit_is_found(path: str, text: str, part: str) -> None:
    assert [sentence for _, sentence in habits.findings(path, text) if part in sentence]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/run.py", "class Baseline:\n    pass\n"),
        ("src/run.py", "try:\n    pass\nexcept Exception:  # boundary: user code\n    pass\n"),
        ("src/run.py", "try:\n    pass\nexcept ValueError:\n    pass\n"),
        ("src/run.py", "try:\n    pass\nexcept BaseException:\n    close()\n    raise\n"),
        ("src/run.py", "# A comment in a whole sentence.\nx = 1\n"),
        ("src/run.py", f"class Wide:\n{METHODS}"),
    ],
)
def test_what_is_fine_passes(path: str, text: str) -> None:
    assert list(habits.findings(path, text)) == []


def test_two_test_modules_of_one_name_are_found() -> None:
    paths = [Path("tests/a/test_gc.py"), Path("tests/b/test_gc.py"), Path("tests/b/test_up.py")]
    paths += [Path("tests/a/conftest.py"), Path("tests/b/conftest.py")]
    assert habits.same_named(paths) == [paths[:2]]
