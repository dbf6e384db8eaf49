"""`make check` fails when a part fails, and goes on to the parts after it."""

from __future__ import annotations

import sys

import pytest

from scripts import check

PASSES = [sys.executable, "-c", "print('quiet')"]
FAILS = [sys.executable, "-c", "print('what is wrong'); raise SystemExit(1)"]


def test_a_failing_part_is_shown_and_counted_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "PARTS", {"first": PASSES, "second": FAILS, "third": FAILS})
    assert check.main([]) == 2
    out = capfd.readouterr().out
    assert "first      ok" in out
    assert out.count("what is wrong") == 2
    assert out.endswith("make check: failed: second, third\n")


def test_all_well_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(check, "PARTS", {"first": PASSES})
    assert check.main([]) == 0
    assert capfd.readouterr().out.endswith("make check: all is well\n")


def test_an_unknown_part_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert check.main(["lnit"]) == 2
    assert "no such part: lnit" in capfd.readouterr().err
