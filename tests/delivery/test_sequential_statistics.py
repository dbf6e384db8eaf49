"""The judge's statistics: exact where they claim to be, and calm however often one looks."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.delivery.sequential import failure_log_e_value, mean_sequence, worse_log_e_value


def e_value(rows: int, failed: int, others: int, others_failed: int, ratio: float = 1.0) -> float:
    arrays = [np.array([value]) for value in (rows, failed, others, others_failed)]
    return math.exp(failure_log_e_value(*arrays, ratio=ratio))


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_the_mean_e_value_of_equal_failure_rates_is_exactly_one(rows: int, others: int, data: st.DataObject) -> None:
    failed = data.draw(st.integers(0, rows + others))
    total = math.comb(rows + others, failed)
    mean = 0.0
    for mine in range(max(0, failed - others), min(failed, rows) + 1):
        chance = Fraction(math.comb(rows, mine) * math.comb(others, failed - mine), total)
        mean += float(chance) * e_value(rows, mine, others, failed - mine)
    assert mean == pytest.approx(1.0, rel=1e-9)


@given(st.integers(1, 10), st.integers(1, 10), st.data())
def test_the_mean_e_value_is_below_one_when_the_candidate_fails_less_often_than_tolerated(
    rows: int, others: int, data: st.DataObject
) -> None:
    failed = data.draw(st.integers(1, rows + others))
    odds, ratio = data.draw(st.floats(0.05, 2.0)), 2.0
    places = range(max(0, failed - others), min(failed, rows) + 1)
    weights = [math.comb(rows, k) * math.comb(others, failed - k) * odds**k for k in places]
    values = [e_value(rows, k, others, failed - k, ratio) for k in places]
    assert np.dot(weights, values) / sum(weights) <= 1 + 1e-9


def test_the_mean_e_value_over_many_sequences_of_equal_arms_stays_at_or_below_one() -> None:
    rng = np.random.default_rng(5)
    values = []
    for _ in range(3000):
        rows, others = rng.binomial(40, 0.1, 48), rng.binomial(40, 0.9, 48)
        rate = rng.choice([0.0, 0.005, 0.2], 48)
        log_e = failure_log_e_value(rows, rng.binomial(rows, rate), others, rng.binomial(others, rate))
        values.append(math.exp(log_e))
    assert np.mean(values) <= 1 + 3 * np.std(values) / math.sqrt(len(values))


def test_equal_error_rates_seldom_reach_the_limit_at_any_look() -> None:
    rng = np.random.default_rng(6)
    caught = 0
    for _ in range(400):
        rows, others = rng.binomial(40, 0.1, 72), rng.binomial(40, 0.9, 72)
        mine, theirs = rng.binomial(rows, 0.01), rng.binomial(others, 0.01)
        looks = range(1, 73, 4)
        caught += any(failure_log_e_value(rows[:n], mine[:n], others[:n], theirs[:n]) >= math.log(40) for n in looks)
    assert caught / 400 <= 0.025


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_a_candidate_that_fails_for_part_of_its_rows_is_caught_within_a_day(rate: float) -> None:
    rng = np.random.default_rng(7)
    hours = []
    for _ in range(200):
        rows, others = rng.binomial(40, 0.1, 24), rng.binomial(40, 0.9, 24)
        mine, none = rng.binomial(rows, rate), np.zeros(24, dtype=int)
        caught = [
            n for n in range(1, 25) if failure_log_e_value(rows[:n], mine[:n], others[:n], none[:n]) > math.log(40)
        ]
        hours.append(caught[0] if caught else 25)
    assert np.mean(np.array(hours) <= 24) >= 0.85
    assert np.median(hours) <= 14


def test_failures_of_both_arms_alike_are_no_evidence() -> None:
    assert e_value(10, 10, 90, 90) == pytest.approx(1.0)
    assert e_value(10, 0, 90, 0) == 1.0
    assert e_value(0, 0, 90, 5) == 1.0
    assert e_value(10, 0, 90, 30) < 1.0


def test_no_rows_at_all_are_no_evidence() -> None:
    empty = np.array([], dtype=int)
    assert failure_log_e_value(empty, empty, empty, empty) == 0.0


def test_the_mean_of_the_bet_on_days_is_one_at_the_margin() -> None:
    rng = np.random.default_rng(8)
    values = np.array([math.exp(worse_log_e_value(rng.normal(0.02, 0.05, 3), 0.02)) for _ in range(40_000)])
    assert values.mean() == pytest.approx(1.0, abs=4 * values.std() / math.sqrt(len(values)))


@given(st.floats(0.001, 10), st.floats(-0.5, 0.5), st.integers(2, 12), st.integers(0, 1000))
def test_the_bet_on_days_does_not_depend_on_the_scale(scale: float, shift: float, days: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(shift, 1, days)
    assert worse_log_e_value(values * scale, 0.0) == pytest.approx(worse_log_e_value(values, 0.0), abs=1e-6)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=10), st.floats(0, 1))
def test_lower_days_never_raise_the_bet(days: list[float], shift: float) -> None:
    lower = worse_log_e_value(np.array(days) - shift, 0.0)
    assert lower <= worse_log_e_value(np.array(days), 0.0) + 1e-6


@pytest.mark.parametrize("spread", [0.01, 0.05, 0.15])
def test_an_equal_candidate_is_seldom_called_worse_however_much_days_differ(spread: float) -> None:
    rng = np.random.default_rng(9)
    false = 0
    for _ in range(500):
        days = rng.normal(0, spread, 30)
        false += any(worse_log_e_value(days[:n], 0.0) >= math.log(40) for n in range(2, 31))
    assert false / 500 <= 0.025 + 0.014


def test_days_that_are_all_alike_give_a_finite_bet() -> None:
    assert math.isfinite(worse_log_e_value(np.full(5, 0.1), 0.0))
    assert worse_log_e_value(np.full(5, 0.1), 0.0) > math.log(40)
    assert worse_log_e_value(np.zeros(5), 0.0) < 0
    assert worse_log_e_value(np.full(5, -0.1), 0.0) < 0
    assert worse_log_e_value(np.array([0.3]), 0.0) == 0.0


@settings(deadline=None)
@given(st.integers(0, 50))
def test_the_interval_contains_its_mean(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 9, 20)
    found = mean_sequence(rng.normal(0, 1, 20), counts, alpha=0.05)
    assert found.low < found.mean < found.high


def test_the_confidence_sequence_seldom_ever_misses_the_mean() -> None:
    rng = np.random.default_rng(10)
    missed = 0
    for _ in range(300):
        counts = rng.integers(1, 12, 150)
        chance = rng.beta(2, 6, 150)
        # Log-loss differences: a small constant loss mostly, a larger gain at times.
        values = [np.where(rng.random(n) < p, -0.5, 0.1).sum() for n, p in zip(counts, chance, strict=True)]
        truth = -0.6 * 0.25 + 0.1
        for n in range(8, 151, 3):
            found = mean_sequence(np.array(values[:n]), counts[:n], alpha=0.05)
            if not found.low <= truth <= found.high:
                missed += 1
                break
    assert missed / 300 <= 0.06


def test_too_few_clusters_leave_the_interval_open() -> None:
    assert mean_sequence(np.array([]), np.array([]), alpha=0.05).high == math.inf
    assert mean_sequence(np.array([1.0]), np.array([4]), alpha=0.05).low == -math.inf
