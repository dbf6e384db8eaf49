"""The one place that says what time it is.

Everything that the ledger stamps asks a `Clock`, so that a replay of past data runs the very same monitors, triggers
and rollouts in event time. Leases, timeouts and durations use the machine's own clock, never this one.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time that facts are stamped with."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)


class ReplayClock:
    """A clock that only moves when it is told to, and never backwards.

    Args:
        start: Where it stands at first; must carry a time zone.
    """

    def __init__(self, start: datetime) -> None:
        self._now = as_utc(start)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the moment it was last moved to, in UTC."""
        return self._now

    def advance(self, to: datetime) -> datetime:
        """Move to a later moment; an earlier one is ignored. Return where the clock stands."""
        with self._lock:
            self._now = max(self._now, as_utc(to))
            return self._now


def wall_now() -> datetime:
    """Return the machine's time, for leases, durations and `recorded_at`: never the clock of a replay."""
    return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC; a moment without a time zone is refused."""
    if moment.tzinfo is None:
        from mlwright.errors import InvalidInput

        raise InvalidInput(
            f"the time {moment.isoformat()} has no time zone.",
            fix="use an aware datetime, for example datetime(2026, 3, 1, tzinfo=timezone.utc)",
        )
    return moment.astimezone(UTC)


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time; a date alone, or a time without a zone, is taken as UTC.

    Example:
        >>> parse_time("2026-03-01").isoformat()
        '2026-03-01T00:00:00+00:00'
    """
    from mlwright.errors import InvalidInput

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"'{text}' is not a time.", fix="write it as 2026-03-01 or 2026-03-01T12:00:00Z") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
