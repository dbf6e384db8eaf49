"""Profiles: every value falls in one cell, nothing of the rows is kept, and odd columns are described, not refused."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.monitoring import build_profile
from mlwright.monitoring.profiles import NumberProfile, Profile, TextProfile, read_profile

numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=60)
texts = st.lists(st.one_of(st.none(), st.text(max_size=4)), max_size=60)


@given(numbers, st.integers(2, 12))
def test_every_number_falls_in_exactly_one_cell(values: list[float], bins: int) -> None:
    found = build_profile({"x": np.array(values, dtype=float)}, bins=bins).columns["x"]
    assert sum(found.cells) == len(values)
    places = found.place(np.array(values, dtype=float))
    assert np.bincount(places, minlength=len(found.cells)).tolist() == found.cells


@given(texts)
def test_every_text_falls_in_exactly_one_cell(values: list[str | None]) -> None:
    found = build_profile({"x": np.array(values, dtype=object)}).columns["x"]
    assert isinstance(found, TextProfile)
    places = found.place(np.array(values, dtype=object))
    assert np.bincount(places, minlength=len(found.cells)).tolist() == found.cells


@given(numbers, texts)
def test_a_profile_survives_being_written_as_json(values: list[float], words: list[str | None]) -> None:
    profile = build_profile({"x": np.array(values, dtype=float), "w": np.array(words, dtype=object)}, values)
    assert read_profile(msgspec.json.decode(msgspec.json.encode(profile))) == profile


def test_numbers_are_cut_into_equally_filled_parts() -> None:
    found = build_profile({"x": np.arange(1000.0)}).columns["x"]
    assert isinstance(found, NumberProfile)
    assert found.counts == [100] * 10


@pytest.mark.parametrize(
    "values",
    [np.full(20, 3.0), np.full(20, np.nan), np.array([np.inf, -np.inf, 1.0]), np.array([]), np.array([1, 1, 1, 2])],
    ids=["constant", "all missing", "infinite", "empty", "two values"],
)
def test_odd_columns_have_a_profile(values: np.ndarray) -> None:
    found = build_profile({"x": values}).columns["x"]
    assert sum(found.cells) == len(values)
    assert all(math.isfinite(edge) for edge in found.edges)


def test_objects_that_are_all_numbers_are_numbers_and_mixed_ones_are_text() -> None:
    profile = build_profile({"n": [1, None, 2.5], "m": np.array([1, "a", None], dtype=object)})
    assert isinstance(profile.columns["n"], NumberProfile)
    assert profile.columns["n"].missing == 1
    assert isinstance(profile.columns["m"], TextProfile)
    assert profile.columns["m"].categories == {"1": 1, "a": 1}


def test_rare_categories_of_a_million_are_counted_together() -> None:
    found = build_profile({"x": np.array([f"ü{i}" for i in range(5000)], dtype=object)}).columns["x"]
    assert isinstance(found, TextProfile)
    assert len(found.categories) == 100
    assert (found.other, found.others) == (4900, 4900)


def test_something_else_than_a_profile_is_no_profile() -> None:
    assert read_profile(None) is None
    assert read_profile({"rows": "many"}) is None
    later = msgspec.to_builtins(Profile(rows=1, columns={}, format=99))
    assert read_profile(later) is None
