"""Scales and ticks: how numbers and moments become places on a line, and which of them get a label."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import msgspec

from mlwright.core.clock import as_utc

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HOURS = (1, 3, 6, 12)
_DAYS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)


class Scale(msgspec.Struct, frozen=True):
    """A linear map from values to places.

    Attributes:
        low: Value that lies at `start`.
        high: Value that lies at `end`; when it equals `low`, every value lies in the middle.
        start: First place, for example a distance in pixels.
        end: Last place; may lie before `start`.

    Example:
        >>> Scale(0, 10, 100, 200)(2.5)
        125.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


class Tick(msgspec.Struct, frozen=True):
    """A labelled value on an axis; moments are seconds since 1970."""

    value: float
    label: str


def number_ticks(low: float, high: float, wanted: int = 5) -> list[Tick]:
    """Return round values inside [low, high]: multiples of 1, 2 or 5 times a power of ten.

    Args:
        low: Beginning of the axis.
        high: End of the axis, not below the beginning.
        wanted: How many ticks there may be at most, at least 2.

    Example:
        >>> [tick.label for tick in number_ticks(0, 1, 6)]
        ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [Tick(low, number_label(low, 0))] if math.isfinite(low) else []
    exponent = math.floor(math.log10(span / max(wanted, 2)))
    for step, digits in ((m * 10.0**e, -e) for e in (exponent, exponent + 1, exponent + 2) for m in (1, 2, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= max(wanted, 2):
            return [Tick(place * step, number_label(place * step, max(digits, 0))) for place in range(first, last + 1)]
    return []


def number_label(value: float, digits: int) -> str:
    """Return a number with so many decimals, marks between thousands and a true minus; minus zero is zero.

    Example:
        >>> number_label(-1234.5, 1), number_label(-0.0, 1)
        ('−1,234.5', '0.0')
    """
    text = f"{value:,.{digits}f}"
    is_zero = not text.strip("-0.,")
    return text.lstrip("-") if is_zero else text.replace("-", "−")


def padded(values: list[float], *, share: float = 0.06, include: tuple[float, ...] = ()) -> tuple[float, float]:
    """Return a domain with room around some values.

    Args:
        values: What has to fit; values that aren't finite are left out.
        share: Room at each side, as a share of the span.
        include: Further values that have to fit, and which the domain may end at.
    """
    known = [value for value in values if math.isfinite(value)]
    if not known:
        known = [0.0, 1.0]
    low, high = min(known), max(known)
    room = (high - low) * share or abs(high) * share or 1.0
    low, high = low - room, high + room
    for value in include:
        low, high = min(low, value), max(high, value)
    return low, high


def time_ticks(low: datetime, high: datetime, wanted: int = 8) -> list[Tick]:
    """Return round moments inside [low, high]: hours, days, Mondays, first days of months or years.

    Args:
        low: Beginning of the axis; round is what is round in its time zone.
        high: End of the axis.
        wanted: How many ticks there may be at most.

    Example:
        >>> from datetime import UTC
        >>> ticks = time_ticks(datetime(2013, 11, 3, tzinfo=UTC), datetime(2014, 2, 9, tzinfo=UTC), 4)
        >>> [tick.label for tick in ticks]
        ['Dec', 'Jan 2014', 'Feb']
    """
    as_utc(low)
    high = as_utc(high).astimezone(low.tzinfo)
    if high <= low:
        return [Tick(low.timestamp(), day_label(low))]
    for hours in _HOURS:
        if (high - low) / timedelta(hours=hours) < wanted:
            return _hourly(low, high, hours)
    for days in _DAYS:
        if (high - low) / timedelta(days=days) < wanted:
            return _daily(low, high, days)
    found: list[Tick] = []
    for months in _MONTH_STEPS:
        found = _monthly(low, high, months)
        if len(found) <= wanted:
            break
    return found


def day_label(moment: date) -> str:
    """Return a day as people write it, for example `5 Apr`; the month's name doesn't depend on the machine."""
    return f"{moment.day} {_MONTHS[moment.month - 1]}"


def month_label(moment: date) -> str:
    """Return a month with its year, for example `Apr 2013`."""
    return f"{_MONTHS[moment.month - 1]} {moment.year}"


def _hourly(low: datetime, high: datetime, hours: int) -> list[Tick]:
    moment = low.replace(hour=low.hour - low.hour % hours, minute=0, second=0, microsecond=0)
    found = []
    while moment <= high:
        if moment >= low:
            label = f"{moment:%H:%M}" if moment.hour else day_label(moment)
            found.append(Tick(moment.timestamp(), label))
        moment += timedelta(hours=hours)
    return found


def _daily(low: datetime, high: datetime, days: int) -> list[Tick]:
    # Ordinal 1 is a Monday: steps of whole weeks fall on Mondays.
    ordinal = low.toordinal() - (low.toordinal() - 1) % days
    found = []
    while (moment := datetime.fromordinal(ordinal).replace(tzinfo=low.tzinfo)) <= high:
        if moment >= low:
            found.append(Tick(moment.timestamp(), day_label(moment)))
        ordinal += days
    return found


def _monthly(low: datetime, high: datetime, months: int) -> list[Tick]:
    number = low.year * 12 + low.month - 1
    number -= number % months
    found = []
    while (moment := datetime(number // 12, number % 12 + 1, 1, tzinfo=low.tzinfo)) <= high:
        if moment >= low:
            name = _MONTHS[moment.month - 1]
            year = str(moment.year) if months >= 12 else f"{name} {moment.year}"
            found.append(Tick(moment.timestamp(), year if moment.month == 1 or months >= 12 else name))
        number += months
    return found
