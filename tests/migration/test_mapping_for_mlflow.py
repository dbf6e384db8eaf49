"""Keys and texts as MLflow takes them."""

from __future__ import annotations

import posixpath
import re

from hypothesis import given
from hypothesis import strategies as st

from mlwright.migration.mapping import LONGEST_KEY, cut, key_there, mapped
from mlwright.migration.points import Curve
from mlwright.migration.values import moment_of, ms_of, unclipped

TAKEN = re.compile(r"[/\w.\- :]*")


@given(st.text(max_size=300))
def test_every_key_becomes_one_that_mlflow_takes(key: str) -> None:
    found = key_there(key)
    plain = posixpath.normpath(found)
    assert TAKEN.fullmatch(found)
    assert plain == found
    assert not plain.startswith(("..", "/"))
    assert plain != "."
    assert 0 < len(found) <= LONGEST_KEY


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_two_keys_never_become_one(one: str, other: str) -> None:
    assert (key_there(one) == key_there(other)) == (one == other)


def test_keys_that_mlflow_takes_stay_as_they_are() -> None:
    for key in ("lr", "acc/val", "a b", "layer.0-x_y:z"):
        assert key_there(key) == key


def test_what_is_cut_is_kept_whole_beside_it() -> None:
    found = mapped({"long": ["x" * 7000]}, {}, [])
    assert len(found.params["long"]) == 6000
    assert found.whole == {"params": {"long": '["' + "x" * 7000 + '"]'}}
    assert cut("abc", 3) == "abc"


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 5), st.sampled_from([0.0, 1.0, float("nan")])), max_size=30)
)
def test_of_a_curve_stays_what_is_not_there_yet_as_often_as_it_is_missing(points: list[tuple[int, int, float]]) -> None:
    curve, first = Curve(), points[::2]
    curve.extend(points)
    there = Curve()
    there.extend(first)
    known = [(step, at, value) for rows in there.slices("k") for _, step, value, at in rows]
    assert len(curve.without(known)) == len(points) - len(first)


def test_mlflows_largest_number_is_an_infinity() -> None:
    assert [unclipped(value) for value in (1.7976931348623157e308, -1.7976931348623157e308, 5.0)] == [
        float("inf"),
        float("-inf"),
        5.0,
    ]


def test_milliseconds_come_back_from_moments() -> None:
    assert ms_of(moment_of(1_700_000_000_123)) == 1_700_000_000_123
