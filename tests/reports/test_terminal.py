"""The terminal's report fits, stays plain without a terminal, and needs no Unicode where there is none."""

from __future__ import annotations

import io

import pytest
from invented import invented
from msgspec import structs
from rich.console import Console
from small_loop import SmallLoop

from mlwright.reports import LoopReport, collect, render_terminal
from mlwright.reports.terminal import sparkline


def printed(report: LoopReport, *, width: int = 100, encoding: str = "utf-8") -> str:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    render_terminal(report, Console(file=stream, width=width, legacy_windows=False))
    stream.flush()
    return written.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in printed(invented(), width=width).splitlines()) <= width


def test_a_wide_terminal_gets_no_more_than_100_columns() -> None:
    assert max(len(line) for line in printed(invented(), width=250).splitlines()) <= 100


def test_without_a_terminal_there_are_no_control_characters() -> None:
    assert "\x1b" not in printed(invented())


def test_without_unicode_plain_letters_are_used() -> None:
    text = printed(invented(), encoding="ascii")
    assert "-0.0172" in text
    assert "?" not in text


def test_the_report_of_the_loop_tells_its_story(report: LoopReport) -> None:
    text = printed(report)
    assert f"{report.losses.served:.4f}" in text
    for words in (
        "Versions",
        "Rollouts",
        "Alerts",
        "refused, registered",
        "rolled back against v4",
        "held back 5 times",
    ):
        assert words in text


def test_markup_in_words_is_printed_as_it_is() -> None:
    assert "[red]not red[/red]" in printed(structs.replace(invented(), notes=["[red]not red[/red]"]))


def test_an_empty_and_an_unlabelled_report_are_told_in_words(fresh: SmallLoop) -> None:
    assert "Nothing was served" in printed(collect(fresh.project, "delays"))
    fresh.begin()
    fresh.play(0)
    text = printed(collect(fresh.project, "delays"))
    assert "No outcome is known yet" in text
    assert "Log loss by month" not in text


def test_a_sparkline_shows_gaps_and_keeps_to_its_ends() -> None:
    assert sparkline([None, -1.0, 0.0, 1.0, 9.0], 0.0, 1.0) == "   ██"
