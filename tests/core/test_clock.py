from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.clock import ReplayClock, SystemClock, as_utc, parse_time, wall_now
from mlwright.errors import InvalidInput

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
moments = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())


def test_the_systems_clock_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert abs(SystemClock().now() - wall_now()) < timedelta(seconds=5)


@given(steps=st.lists(st.timedeltas(timedelta(days=-5), timedelta(days=5)), max_size=10))
def test_a_replay_clock_stands_at_the_latest_moment_it_was_moved_to(steps: list[timedelta]) -> None:
    clock = ReplayClock(MARCH)
    for step in steps:
        before = clock.now()
        assert clock.advance(MARCH + step) == clock.now() == max(before, MARCH + step)


def test_a_replay_clock_does_not_run_by_itself() -> None:
    clock = ReplayClock(MARCH.astimezone(timezone(timedelta(hours=2))))
    assert clock.now() == clock.now() == MARCH
    assert clock.now().tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    for act in (as_utc, ReplayClock, ReplayClock(MARCH).advance):
        with pytest.raises(InvalidInput, match="time zone"):
            act(datetime(2026, 3, 1))


@given(moment=moments)
def test_a_time_that_was_written_is_read_again(moment: datetime) -> None:
    # In UTC, because Python calls times that a change of the clock skipped unequal to any in another zone.
    assert parse_time(moment.isoformat()) == moment.astimezone(UTC)


@pytest.mark.parametrize(
    "text", ["2026-03-01", "2026-03-01T00:00:00", "2026-03-01T00:00:00Z", "2026-03-01T01:00:00+01:00"]
)
def test_a_time_without_a_zone_is_read_as_utc(text: str) -> None:
    assert parse_time(text) == MARCH
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "01.03.2026"])
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time"):
        parse_time(text)
