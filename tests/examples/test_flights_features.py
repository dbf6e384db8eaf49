"""The flights' features know nothing that happens after the moment of prediction."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from flights.data import Tables, label_times, load_tables
from flights.features import CATEGORIES, NUMBERS, build_features, known_at
from flights.pipeline import encode, select

FEATURES = (*NUMBERS, *CATEGORIES)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return load_tables()


@pytest.fixture(scope="module")
def flights(tables: Tables) -> dict[str, np.ndarray]:
    return build_features(tables)


def _same(left: np.ndarray, right: np.ndarray) -> bool:
    return bool(((left == right) | ((left != left) & (right != right))).all())


def test_every_flight_of_the_year_is_there_once(flights: dict[str, np.ndarray]) -> None:
    assert len(flights["flight_id"]) == 336_776
    assert len(np.unique(flights["flight_id"])) == 336_776


def test_features_do_not_change_when_all_that_is_later_is_removed(
    tables: Tables, flights: dict[str, np.ndarray]
) -> None:
    clock_changes = [22_714_980, 23_057_640]
    chosen = np.random.default_rng(0).choice(flights["predict_at"], 6).tolist() + clock_changes
    for instant in chosen:
        cut = build_features(known_at(tables, int(instant)))
        predicted = flights["predict_at"] <= instant
        changed = [name for name in FEATURES if not _same(flights[name][predicted], cut[name][predicted])]
        assert not changed, f"at {instant}"


def test_a_leak_of_later_weather_would_be_found(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flights.features.WEATHER_DELAY", 0)
    leaking = build_features(tables)
    monkeypatch.undo()
    instant = 22_800_000 + 30
    cut = build_features(known_at(tables, instant))
    predicted = leaking["predict_at"] <= instant
    assert not _same(leaking["temp"][predicted], cut["temp"][predicted])


def test_a_flights_own_departure_and_arrival_do_not_reach_its_features(
    tables: Tables, flights: dict[str, np.ndarray]
) -> None:
    row = 150_000
    changed = dict(tables.flights)
    for name, value in (("dep_delay", 600.0), ("arr_delay", 700.0), ("air_time", 999.0)):
        changed[name] = changed[name].copy()
        changed[name][row] = value
    after = build_features(Tables(changed, tables.weather, tables.planes))
    assert all(_same(flights[name][row : row + 1], after[name][row : row + 1]) for name in FEATURES)


def test_cancelled_and_diverted_flights_never_get_a_label(tables: Tables, flights: dict[str, np.ndarray]) -> None:
    never_arrived = np.isnan(tables.flights["arr_delay"])
    assert never_arrived.sum() == 9_430
    assert (np.isnan(flights["label"]) == never_arrived).all()


def test_a_label_is_known_a_day_after_the_schedule_and_never_before_the_arrival(tables: Tables) -> None:
    scheduled = tables.flights["scheduled"]
    known = label_times(tables.flights)
    assert (known >= scheduled + 24 * 60).all()
    landed = scheduled + np.nan_to_num(tables.flights["dep_delay"] + tables.flights["air_time"])
    assert (known >= landed).all()


def test_training_rows_end_before_the_held_out_days_and_all_outcomes_were_known(flights: dict[str, np.ndarray]) -> None:
    as_of = datetime(2013, 6, 1, 4, tzinfo=UTC)
    window = select(flights, as_of, window_days=90, holdout_days=5)
    now = int(as_of.timestamp()) // 60
    assert flights["predict_at"][window.training].max() < flights["predict_at"][window.holdout].min()
    assert flights["label_at"][window.holdout].max() <= now
    assert not np.isnan(flights["label"][window.training]).any()
    assert (now - flights["predict_at"][window.training].min()) / 1440 <= 95 + 1 / 24


def test_a_category_that_was_not_seen_in_training_is_encoded_as_missing() -> None:
    flights = {name: np.zeros(2) for name in NUMBERS} | {"carrier": np.array(["AA", "ZZ"])}
    matrix = encode(flights, np.arange(2), {"carrier": ["AA", "UA"]})
    assert matrix[0, 0] == 0
    assert np.isnan(matrix[1, 0])
