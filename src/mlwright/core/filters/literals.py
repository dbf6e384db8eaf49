"""Values in filters: numbers, texts, dates and spans of time, checked against what a field holds."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from mlwright.core.filters.expression import Moment

DAY_US = 86_400_000_000
#: What a number means where a moment is expected: milliseconds since 1970, as MLflow's clients write it.
MILLISECOND_US = 1000
#: Words of runs' and models' states: MLflow's first, then ours.
STATUS = {
    "runs": {
        "SCHEDULED": "scheduled",
        "RUNNING": "running",
        "FINISHED": "succeeded",
        "FAILED": "failed",
        "KILLED": "cancelled",
    },
    "logged models": {"PENDING": "pending", "READY": "ready", "FAILED": "upload-failed"},
}
UNITS_US = {
    "w": 7 * DAY_US,
    "d": DAY_US,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1000,
}
_LARGEST = 2**62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(text: str) -> Moment | None:
    """Return the moment that a text spells, None when it spells none; UTC unless it says otherwise.

    Example:
        >>> moment_of("1970-01-02").us, moment_of("1970-01-01T00:00:01Z").us, moment_of("soon")
        (86400000000, 1000000, None)
    """
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    whole_day = re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None
    return Moment((at - _EPOCH) // timedelta(microseconds=1), DAY_US if whole_day else 1)


def moment_of_number(milliseconds: float) -> Moment:
    """Return the moment of MLflow's number."""
    return Moment(bounded(milliseconds * 1000), MILLISECOND_US)


def span_us(text: str) -> int:
    """Return the microseconds of a span.

    Example:
        >>> span_us("1.5h")
        5400000000
    """
    number = text.rstrip("smhdw")
    return bounded(float(number) * UNITS_US[text[len(number) :]])


def bounded(value: float) -> int:
    """Return a whole number that every database can hold."""
    if math.isinf(value):
        return _LARGEST if value > 0 else -_LARGEST
    return max(-_LARGEST, min(_LARGEST, round(value)))


def matches_like(text: str, pattern: str, *, ignore_case: bool = False) -> bool:
    """Tell whether a text fits a pattern: `%` is any characters, `_` is one.

    Example:
        >>> matches_like("resnet50", "res%"), matches_like("resnet", "RES%"), matches_like("a", "_")
        (True, False, True)
    """
    regex = "".join(".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern)
    return re.fullmatch(regex, text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None
