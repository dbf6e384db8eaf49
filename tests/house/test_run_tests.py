"""The test runner passes on what pytest prints, its exit code and its closing line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts import run_tests

SHARING = ["--dist", "loadfile", "--no-loadscope-reorder"]


@pytest.mark.parametrize(
    ("body", "code", "closing"),
    [("assert True", 0, "1 passed in "), ("assert False", 1, "1 failed in ")],
)
def test_exit_code_and_closing_line_are_those_of_pytest(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], body: str, code: int, closing: str
) -> None:
    (tmp_path / "test_one.py").write_text(f"def test_one():\n    {body}\n")
    found = run_tests.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], {})
    assert found[0] == code
    assert found[1].startswith(closing)
    assert closing.encode() in capfdbinary.readouterr().out


def test_a_run_that_dies_has_no_closing_line() -> None:
    code, closing = run_tests.run([sys.executable, "-c", "raise SystemExit(3)"], {})
    assert (code, closing) == (3, "pytest ended without its closing line")


@pytest.mark.parametrize(
    ("arguments", "cores", "shared"),
    [
        ([], 2, ["-n", "2", *SHARING]),
        (["-m", ""], 16, ["-n", "4", *SHARING]),
        ([], 1, []),
        (["tests/core"], 2, []),
        (["-k", "ledger"], 2, []),
        (["-n", "0"], 2, []),
    ],
)
def test_only_the_whole_suite_is_shared_among_workers(arguments: list[str], cores: int, shared: list[str]) -> None:
    assert run_tests.workers(arguments, cores) == shared
