"""Drift on known truth: rare alarms where nothing moved, certain ones where something did, words for what is odd."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlwright.monitoring import build_profile
from mlwright.monitoring.drift import (
    ColumnDrift,
    Rules,
    compare,
    compare_scores,
    false_discovery_rates,
    stability_index,
)

RULES = Rules(tolerance=0.1, confidence=0.95)


def drift_of(before: dict[str, np.ndarray], now: dict[str, np.ndarray], days: int = 7) -> dict[str, ColumnDrift]:
    size = max((len(values) for values in now.values()), default=0)
    found = compare(build_profile(before), now, np.arange(size) % days, RULES)
    return {column.column: column for column in found}


def test_without_any_drift_a_window_of_twenty_columns_is_almost_never_called_drifted() -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(60):
        before = {f"x{i}": rng.normal(size=2000) for i in range(20)}
        found = drift_of(before, {name: rng.normal(size=1000) for name in before})
        alarms += any(column.has_drifted for column in found.values())
    assert alarms <= 3


def test_without_a_tolerance_the_significance_alone_keeps_false_alarms_rare() -> None:
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(60):
        profile = build_profile({f"x{i}": rng.normal(size=2000) for i in range(20)})
        now = {name: rng.normal(size=500) for name in profile.columns}
        found = compare(profile, now, np.arange(500) % 7, Rules(tolerance=0.0, confidence=0.95))
        alarms += any(column.has_drifted for column in found)
    assert alarms <= 6


def test_a_shift_of_half_a_standard_deviation_is_found_and_named() -> None:
    rng = np.random.default_rng(3)
    found_in = 0
    for _ in range(40):
        before = {f"x{i}": rng.normal(size=2000) for i in range(20)}
        now = {name: rng.normal(size=1000) for name in before}
        now["x7"] = now["x7"] + 0.5
        found = drift_of(before, now)
        found_in += found["x7"].has_drifted
        assert next(iter(found)) == "x7"
    assert found_in >= 38


def test_columns_whose_days_differ_get_a_wider_interval_than_their_rows_suggest() -> None:
    rng = np.random.default_rng(4)
    profile = build_profile({"x": rng.normal(scale=1.2, size=5000)})
    days = np.repeat(np.arange(7), 200)
    calm = compare(profile, {"x": rng.normal(scale=1.2, size=1400)}, days, RULES)[0]
    by_day = rng.normal(scale=0.7, size=7)[days] + rng.normal(size=1400)
    stormy = compare(profile, {"x": by_day}, days, RULES)[0]
    assert calm.low is not None
    assert calm.high is not None
    assert stormy.low is not None
    assert stormy.high is not None
    assert stormy.high - stormy.low > 3 * (calm.high - calm.low)


def test_the_debiased_index_of_no_drift_is_zero_on_average() -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(400):
        before, now = rng.multinomial(3000, [0.1] * 10), rng.multinomial(500, [0.1] * 10)
        found.append(float(stability_index(before, now)))
    assert abs(np.mean(found)) < 0.002


def test_the_p_value_is_that_of_the_chi_square_test_of_two_samples() -> None:
    rng = np.random.default_rng(6)
    before = np.array(list("aaabbbcccd") * 50, dtype=object)
    now = rng.choice(np.array(list("aabbcd"), dtype=object), 300)
    found = drift_of({"x": before}, {"x": now})["x"]
    names = ["a", "b", "c", "d"]
    table = [[(values == name).sum() for name in names] for values in (before, now)]
    assert found.p == pytest.approx(stats.chi2_contingency(table).pvalue, rel=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_false_discovery_rates_agree_with_an_independent_implementation(p_values: list[float]) -> None:
    assert false_discovery_rates(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist())


def test_a_column_that_vanished_has_drifted() -> None:
    found = drift_of({"x": np.arange(50.0), "y": np.arange(50.0)}, {"y": np.arange(50.0)})
    assert found["x"].has_drifted
    assert "vanished" in found["x"].findings[0]


def test_a_column_without_any_value_left_has_vanished_too() -> None:
    found = drift_of({"x": np.arange(50.0)}, {"x": np.full(50, np.nan)})["x"]
    assert found.has_drifted
    assert "without a value" in found.findings[0]


def test_a_new_column_is_named_and_is_no_drift() -> None:
    found = drift_of({"x": np.arange(50.0)}, {"x": np.arange(50.0), "z": np.arange(50.0)})["z"]
    assert not found.has_drifted
    assert found.findings == ["not in the training data"]


def test_new_categories_are_named_with_their_share() -> None:
    before = np.array(["a", "b"] * 100, dtype=object)
    now = np.array(["a", "b", "ç", "b"] * 50, dtype=object)
    found = drift_of({"x": before}, {"x": now})["x"]
    assert "never saw in 25.0%" in found.findings[0]
    assert found.has_drifted


def test_infinite_constant_and_mixed_values_are_findings_and_no_error() -> None:
    rng = np.random.default_rng(7)
    before = {name: rng.normal(size=100) for name in ("infinite", "constant", "mixed")}
    now = {
        "infinite": np.where(np.arange(100) % 10 == 0, np.inf, rng.normal(size=100)),
        "constant": np.full(100, 2.0),
        "mixed": np.array([1.0, "two", None, 4.0] * 25, dtype=object),
    }
    found = drift_of(before, now)
    assert found["infinite"].findings == ["10 of 100 values are infinite"]
    assert found["constant"].findings == ["the same value, 2, in all 100 rows"]
    assert found["mixed"].findings == ["50 of 100 values are no numbers"]


def test_a_category_column_that_became_constant_is_named() -> None:
    before = np.array(["a", "b"] * 100, dtype=object)
    found = drift_of({"x": before}, {"x": np.array(["a"] * 100, dtype=object)})["x"]
    assert "the same category in all 100 rows" in found.findings
    assert found.has_drifted


def test_columns_that_were_always_constant_or_missing_are_no_drift() -> None:
    before = {"c": np.full(100, 1.0), "m": np.full(100, np.nan)}
    found = drift_of(before, {"c": np.full(80, 1.0), "m": np.full(80, np.nan)})
    assert not any(column.has_drifted for column in found.values())


def test_an_empty_window_and_an_empty_profile_are_no_error() -> None:
    assert drift_of({"x": np.arange(9.0)}, {"x": np.array([])})["x"].findings == ["no rows to compare"]
    assert drift_of({}, {}) == {}
    assert drift_of({"x": np.array([])}, {"x": np.arange(9.0)})["x"].psi is None


def test_too_few_days_for_an_interval_raise_no_alarm() -> None:
    found = drift_of({"x": np.arange(500.0)}, {"x": np.arange(500.0) + 400}, days=2)["x"]
    assert not found.has_drifted
    assert (found.psi or 0) > 1


def test_scores_are_compared_with_the_scores_of_training() -> None:
    rng = np.random.default_rng(8)
    profile = build_profile({}, rng.beta(2, 5, 3000))
    days = np.arange(1400) % 7
    same = compare_scores(profile, rng.beta(2, 5, 1400), days, RULES)
    other = compare_scores(profile, rng.beta(4, 5, 1400), days, RULES)
    assert same is not None
    assert other is not None
    assert (same.has_drifted, other.has_drifted) == (False, True)
    assert compare_scores(build_profile({}), rng.beta(2, 5, 9), days[:9], RULES) is None
