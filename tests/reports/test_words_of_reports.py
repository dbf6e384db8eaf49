"""The sentences say what the numbers say, whichever way they point."""

from __future__ import annotations

import pytest
from invented import invented
from msgspec import structs

from mlwright.reports import words
from mlwright.reports.values import Losses

LOSSES = invented().losses


def said(losses: Losses) -> str:
    return " ".join(words.verdict_sentences(losses, 1, "late"))


@pytest.mark.parametrize(
    ("difference", "low", "high", "sentence"),
    [
        (
            -0.01,
            -0.02,
            -0.001,
            "So the loop was better by 0.0100 a row (95% interval of the difference −0.0200 to −0.0010",
        ),
        (0.01, 0.001, 0.02, "So the loop was worse by 0.0100 a row"),
        (-0.01, -0.02, 0.001, "The loop was better by 0.0100 a row, but luck alone could make such a difference"),
        (0.01, -0.001, 0.02, "The loop was worse by 0.0100 a row, but luck alone could make such a difference"),
        (0.0, 0.0, 0.0, "Version 1 answered everything itself: there is no difference."),
        (-0.01, None, None, "fewer than the 8 that an interval needs"),
        (0.0, None, None, "Version 1 answered everything itself: there is no difference."),
    ],
)
def test_the_verdict_says_what_the_interval_says(
    difference: float, low: float | None, high: float | None, sentence: str
) -> None:
    assert sentence in said(structs.replace(LOSSES, difference=difference, low=low, high=high))


def test_without_a_counterfactual_nothing_is_compared() -> None:
    text = said(structs.replace(LOSSES, baseline=None, difference=None, low=None, high=None))
    assert "isn't known, so there is nothing to compare with" in text
    assert "would have been" not in text


def test_the_base_rate_is_told_with_the_name_of_the_outcome() -> None:
    assert "Always answering 22.5%, the share of late outcomes, would have cost 0.53" in said(LOSSES)


def test_failed_requests_are_told_first_and_rescued_rows_with_them() -> None:
    report = invented()
    volume = structs.replace(report.volume, failed_requests=2)
    text = words.served_sentence(volume, report.since, report.until, report.versions)
    assert "2 requests failed, though a candidate failed for 143 rows" in text


def test_full_coverage_is_said_plainly() -> None:
    volume = structs.replace(invented().volume, rows=10, labelled=10)
    assert words.coverage_sentence(volume) == "Every row's outcome is known."


def test_a_difference_of_nothing_has_no_sign() -> None:
    assert [words.signed(value) for value in (0.0, -0.00001, 0.5, -0.5, None)] == [
        "0.0000",
        "0.0000",
        "+0.5000",
        "−0.5000",
        "–",
    ]
