"""Performance on known truth: right scores are left in peace in every season, wrong ones are found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mlwright.monitoring.performance import mean_by_day, measure_calibration, measure_loss


def week(rng: np.random.Generator, *, luck: float = 0.0, shift: float = 0.0, rows: int = 900) -> tuple[np.ndarray, ...]:
    """Return labels, scores and days; outcomes follow log-odds that the scores miss by a shift and each day's luck."""
    days = np.repeat(np.arange(7), rows)
    odds = rng.normal(-1.2, 0.8, len(days))
    chance = 1 / (1 + np.exp(-(odds + shift + rng.normal(0, luck, 7)[days])))
    return (rng.random(len(days)) < chance).astype(float), 1 / (1 + np.exp(-odds)), days


def test_the_interval_of_daily_means_is_students_when_days_are_equally_large() -> None:
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(8), 25)
    values = rng.normal(size=8)[days] + rng.normal(size=200)
    found = mean_by_day(values, days, confidence=0.9)
    means = values.reshape(8, 25).mean(axis=1)
    low, high = stats.t.interval(0.9, 7, loc=means.mean(), scale=stats.sem(means))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_the_interval_covers_the_mean_as_often_as_it_says_though_days_differ() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(1000):
        sizes = rng.integers(50, 150, 7)
        days = np.repeat(np.arange(7), sizes)
        values = rng.normal(0, 0.3, 7)[days] + rng.normal(size=len(days))
        found = mean_by_day(values, days, confidence=0.95)
        covered += found.low <= 0 <= found.high
    assert 0.93 <= covered / 1000 <= 0.975


@pytest.mark.parametrize("shift_of_season", [-1.0, 0.0, 1.0])
def test_the_excess_loss_of_right_scores_is_zero_in_every_season(shift_of_season: float) -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(shift_of_season, 1.0, 200_000)
    scores = 1 / (1 + np.exp(-odds))
    labels = (rng.random(200_000) < scores).astype(float)
    found = measure_loss(labels, scores, np.arange(200_000) % 7, confidence=0.95)
    assert abs(found.excess.mean) < 0.003
    assert found.log_loss == pytest.approx(found.promised, abs=0.003)


def test_right_scores_are_seldom_called_degraded_and_shifted_ones_nearly_always() -> None:
    rng = np.random.default_rng(4)
    calm = [measure_loss(*week(rng), confidence=0.95).excess.low > 0.01 for _ in range(200)]
    moved = [measure_loss(*week(rng, shift=0.8), confidence=0.95).excess.low > 0.01 for _ in range(50)]
    assert np.mean(calm) <= 0.02
    assert np.mean(moved) >= 0.95


def test_the_luck_of_days_alone_is_seldom_called_degraded() -> None:
    rng = np.random.default_rng(5)
    found = [measure_loss(*week(rng, luck=0.4), confidence=0.95).excess.low > 0.01 for _ in range(300)]
    assert np.mean(found) <= 0.05


def test_calibration_is_measured_in_both_directions() -> None:
    rng = np.random.default_rng(6)
    right = measure_calibration(*week(rng), confidence=0.95)
    assert abs(right.bias.mean) < 0.03
    assert right.error < 3 * right.error_by_chance
    assert abs(right.spiegelhalter_z) < 4
    low = measure_calibration(*week(rng, shift=0.7), confidence=0.95)
    assert low.bias.high < -0.05
    assert low.error == pytest.approx(-low.bias.mean, abs=0.02)
    assert low.spiegelhalter_p < 0.001


def test_spiegelhalters_statistic_of_right_scores_is_standard_normal() -> None:
    rng = np.random.default_rng(7)
    found = [measure_calibration(*week(rng, rows=60), confidence=0.95).spiegelhalter_z for _ in range(400)]
    assert abs(np.mean(found)) < 0.2
    assert np.std(found) == pytest.approx(1.0, abs=0.12)


def test_scores_of_zero_and_one_and_a_single_day_are_no_error() -> None:
    labels, scores = np.array([1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    found = measure_loss(labels, scores, np.zeros(3), confidence=0.95)
    assert np.isfinite(found.log_loss)
    assert found.excess.low == -np.inf
    calibration = measure_calibration(labels, scores, np.zeros(3), confidence=0.95)
    assert np.isfinite(calibration.error)


def test_the_naive_loss_is_that_of_the_share_of_positive_outcomes() -> None:
    labels = np.array([1.0, 0.0, 0.0, 0.0])
    found = measure_loss(labels, np.full(4, 0.5), np.arange(4), confidence=0.95)
    assert found.naive == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert found.positive == 0.25
