"""Scales and ticks: round values, inside the axis, never more than there is room for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.scales import Scale, day_label, number_label, number_ticks, padded, time_ticks
from mlwright.errors import InvalidInput

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


def test_a_scale_maps_its_ends_to_its_places_and_may_run_backwards() -> None:
    down = Scale(0, 10, 100, 20)
    assert [down(value) for value in (0, 5, 10)] == [100, 60, 20]


def test_a_scale_without_a_span_puts_everything_in_the_middle() -> None:
    assert Scale(3, 3, 0, 10)(3) == 5


@given(st.floats(-1000, 1000), st.floats(1e-6, 1e9), st.integers(2, 12))
def test_number_ticks_are_round_inside_and_few(spans_away: float, span: float, wanted: int) -> None:
    low = spans_away * span
    high = low + span
    ticks = number_ticks(low, high, wanted)
    assert len(ticks) <= wanted
    room = (high - low) * 1e-6
    assert all(low - room <= tick.value <= high + room for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 100, ["0", "20", "40", "60", "80", "100"]),
        (-0.04, 0.01, ["−0.04", "−0.03", "−0.02", "−0.01", "0.00", "0.01"]),
        (0, 12_000, ["0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000"]),
        (0.31, 0.69, ["0.4", "0.5", "0.6"]),
    ],
)
def test_number_ticks_have_the_labels_that_people_expect(low: float, high: float, labels: list[str]) -> None:
    assert [tick.label for tick in number_ticks(low, high, 7 if high == 12_000 else 6)] == labels


def test_an_axis_of_one_value_has_one_tick() -> None:
    assert [tick.label for tick in number_ticks(2, 2)] == ["2"]
    assert number_ticks(float("nan"), 1) == []


@given(MOMENTS, st.floats(0.01, 20_000), st.integers(3, 10))
def test_time_ticks_are_in_order_inside_and_few(low: datetime, days: float, wanted: int) -> None:
    high = low + timedelta(days=days)
    ticks = time_ticks(low, high, wanted)
    values = [tick.value for tick in ticks]
    assert len(ticks) <= wanted + 1
    assert values == sorted(set(values))
    assert all(low.timestamp() <= value <= high.timestamp() for value in values)


@pytest.mark.parametrize(
    ("days", "wanted", "labels"),
    [
        (0.5, 8, ["1 Apr", "03:00", "06:00", "09:00", "12:00"]),
        (5, 6, ["1 Apr", "2 Apr", "3 Apr", "4 Apr", "5 Apr", "6 Apr"]),
        (35, 6, ["1 Apr", "8 Apr", "15 Apr", "22 Apr", "29 Apr", "6 May"]),
        (275, 10, ["Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan 2014"]),
        (275, 6, ["May", "Jul", "Sep", "Nov", "Jan 2014"]),
        (1500, 6, ["2014", "2015", "2016", "2017"]),
    ],
)
def test_time_ticks_fit_their_span(days: float, wanted: int, labels: list[str]) -> None:
    low = datetime(2013, 4, 1, tzinfo=UTC)
    assert [tick.label for tick in time_ticks(low, low + timedelta(days=days), wanted)] == labels


def test_ticks_of_weeks_are_mondays() -> None:
    ticks = time_ticks(datetime(2013, 4, 3, tzinfo=UTC), datetime(2013, 5, 8, tzinfo=UTC), 6)
    assert {datetime.fromtimestamp(tick.value, UTC).weekday() for tick in ticks} == {0}


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has no time zone"):
        time_ticks(datetime(2013, 4, 1), datetime(2013, 5, 1))


def test_numbers_have_true_minuses_and_zero_has_none() -> None:
    assert [number_label(value, 2) for value in (-1234.5, -0.001, 0.0)] == ["−1,234.50", "0.00", "0.00"]


def test_padding_leaves_room_and_includes_what_must_show() -> None:
    assert padded([1.0, 2.0], share=0.1) == pytest.approx((0.9, 2.1))
    assert padded([1.0, 2.0], share=0.1, include=(0.0,))[0] == 0.0
    assert padded([float("nan")]) == pytest.approx((-0.06, 1.06))
    low, high = padded([5.0])
    assert low < 5.0 < high


def test_a_day_has_the_same_name_everywhere() -> None:
    assert day_label(datetime(2013, 3, 9, tzinfo=UTC)) == "9 Mar"


def test_round_moments_are_round_in_the_time_zone_of_the_axis() -> None:
    zone = ZoneInfo("America/New_York")
    ticks = time_ticks(datetime(2013, 10, 1, tzinfo=zone), datetime(2013, 12, 15, tzinfo=UTC), 4)
    moments = [datetime.fromtimestamp(tick.value, zone) for tick in ticks]
    assert [(moment.day, moment.hour) for moment in moments] == [(1, 0)] * 3
