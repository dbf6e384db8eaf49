"""Blocks of points: every point comes back bit by bit, and an outline keeps the extremes."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.errors import IntegrityError, InvalidInput
from mlwright.ledger.packing import Row, corners, outline, pack, read_records, squeeze, unpack
from mlwright.ledger.thinning import thin

WHOLE = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(WHOLE, WHOLE, st.floats()), min_size=1, max_size=50)
CURVES = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 3), st.floats(width=16) | st.just(math.nan)), min_size=1, max_size=300
)


def bits(rows: list[Row]) -> list[tuple[int, int, bytes]]:
    return [(step, at, struct.pack("d", value)) for step, at, value in rows]


@given(ROWS)
def test_points_come_back_bit_by_bit_from_both_formats(rows: list[Row]) -> None:
    assert bits(unpack(pack(rows))) == bits(rows)
    assert bits(unpack(squeeze(rows))) == bits(rows)


def test_a_regular_curve_takes_few_bytes() -> None:
    rows = [(step, 1_700_000_000_000_000 + 1000 * step, 0.5) for step in range(1024)]
    assert len(squeeze(rows)) < 400
    assert len(pack(rows)) == 1 + 24 * 1024


@pytest.mark.parametrize("data", [b"", b"\x00abc", b"\x01abc", b"\x07" + bytes(24), pack([(1, 2, 3.0)])[:-1]])
def test_what_is_no_block_is_named(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="can't be read"):
        unpack(data)


@pytest.mark.parametrize("row", [(2**63, 0, 1.0), (1.5, 0, 1.0), (1, 0, "high"), (1, 0, None)])
def test_a_point_that_is_none_is_refused(row: Row) -> None:
    with pytest.raises(InvalidInput, match="64-bit whole number"):
        pack([row])


@given(ROWS)
def test_an_outline_has_first_last_and_the_extremes(rows: list[Row]) -> None:
    found = list(read_records(outline(rows)))
    assert bits(found[:1]) == bits(rows[:1])
    assert bits(found[-1:]) == bits(rows[-1:])
    numbers = [row[2] for row in rows if not math.isnan(row[2])]
    if numbers:
        kept = [row[2] for row in found]
        assert min(numbers) in kept
        assert max(numbers) in kept
    assert set(bits(found)) <= set(bits(rows))
    assert len(found) <= 16


def test_the_corners_of_a_curve_come_in_its_order_each_once() -> None:
    rows = [(step, 0, value) for step, value in enumerate([1.0, 5.0, -2.0, 3.0])]
    assert corners(rows) == rows
    assert corners(rows[:1]) == rows[:1]


@given(CURVES, st.integers(0, 100))
def test_a_thinned_curve_is_short_and_keeps_ends_extremes_and_gaps(rows: list[Row], points: int) -> None:
    rows.sort(key=lambda row: row[:2])
    found = thin(rows, points)
    assert len(found) <= max(points, 8)
    if len(rows) <= max(points, 8):
        assert found == rows
    assert bits(found[:1] + found[-1:]) == bits(rows[:1] + rows[-1:])
    assert [row[:2] for row in found] == sorted(row[:2] for row in found)
    numbers = [row[2] for row in rows if not math.isnan(row[2])]
    if numbers:
        assert {min(numbers), max(numbers)} <= {row[2] for row in found}
    if len(numbers) < len(rows):
        assert any(math.isnan(row[2]) for row in found)


@pytest.mark.parametrize(
    "row", [lambda place: (0, place, 0.0), lambda place: (0, 0, 0.0), lambda place: (place, 0, 0.0)]
)
def test_a_curve_is_thinned_along_whatever_axis_it_has(row: object) -> None:
    rows = [row(place) for place in range(1000)]  # type: ignore[operator]
    rows[500] = (*rows[500][:2], 9.0)
    found = thin(rows, 50)
    assert 20 < len(found) <= 50
    assert rows[500] in found
