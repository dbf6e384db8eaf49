"""Points of a metric on their way: kept in columns, so that a curve of a million points is small."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

from mlwright.ledger.packing import Row
from mlwright.migration.port import PointFound

_SLICE = 50_000
_MICROSECONDS = 1000
#: The years 1 and 9999 in milliseconds since 1970: what no calendar has is cut to its ends.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_LEAST, _MOST = -(2**63), 2**63 - 1

#: What makes two points the same; NaN equals NaN.
Identity = tuple[int, int, float | None]


class Curve:
    """Points of one metric, times in microseconds since 1970."""

    def __init__(self) -> None:
        self._steps, self._times, self._values = array("q"), array("q"), array("d")

    def __len__(self) -> int:
        return len(self._steps)

    def extend(self, points: Iterable[PointFound]) -> None:
        """Append points as a source tells them."""
        for step, at_ms, value in points:
            self._steps.append(min(max(step, _LEAST), _MOST))
            self._times.append(min(max(at_ms, _FIRST_MS), _LAST_MS) * _MICROSECONDS)
            self._values.append(value)

    def without(self, known: Iterable[Row]) -> Curve:
        """Return the points that are not among the rows of a curve that is there; each row takes away one point."""
        there = Counter(identity(step, at, value) for step, at, value in known)
        found = Curve()
        for step, at, value in zip(self._steps, self._times, self._values, strict=True):
            one = identity(step, at, value)
            if there[one] > 0:
                there[one] -= 1
            else:
                found._steps.append(step)
                found._times.append(at)
                found._values.append(value)
        return found

    def slices(self, key: str) -> Iterator[list[tuple[str, int, float, int]]]:
        """Go through the points as the ledger takes them, in parts."""
        for start in range(0, len(self), _SLICE):
            part = slice(start, start + _SLICE)
            columns = zip(self._steps[part], self._values[part], self._times[part], strict=True)
            yield [(key, step, value, at) for step, value, at in columns]


def identity(step: int, at: int, value: float) -> Identity:
    """Return what a point is compared by."""
    return (step, at, value if value == value else None)


def is_same(one: float, other: float) -> bool:
    """Tell whether two values are the same; NaN is the same as NaN."""
    return one == other or (one != one and other != other)
