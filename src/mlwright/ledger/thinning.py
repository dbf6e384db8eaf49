"""Few points that look like many: what a plot of a long curve needs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from math import isnan

from mlwright.ledger.packing import Row

_FEWEST = 8


def thin(rows: list[Row], points: int) -> list[Row]:
    """Return at most so many points of a sorted curve, with the extremes of every stretch of its axis.

    The axis (steps, or times where all steps are one) is cut into equal stretches. Each keeps its smallest and its
    largest value, and its first NaN, which is a gap in the curve; first and last point are always kept.

    Args:
        rows: The points, sorted.
        points: How many are wanted; at least 8 are given.
    """
    points = max(points, _FEWEST)
    if len(rows) <= points:
        return rows
    steps, times, values = map(list, zip(*rows, strict=True))
    # A sum is NaN if one of them is (or if both infinities are there, which costs only time).
    gaps = isnan(sum(values))
    stretches = (points - 2) // (3 if gaps else 2)
    kept = {0, len(rows) - 1}
    bounds = _bounds(_axis(steps, times), stretches)
    for start, end in pairwise(bounds):
        if start < end:
            kept.update(_extremes(values, start, end, gaps=gaps))
    return [rows[place] for place in sorted(kept)]


def _axis(steps: list[int], times: list[int]) -> Sequence[int]:
    if steps[0] != steps[-1]:
        return steps
    return times if times[0] != times[-1] else range(len(times))


def _bounds(axis: Sequence[int], stretches: int) -> list[int]:
    first, span = axis[0], axis[-1] - axis[0]
    inner = [bisect_left(axis, first + -(-span * number // stretches)) for number in range(1, stretches)]
    return [0, *inner, len(axis)]


def _extremes(values: list[float], start: int, end: int, *, gaps: bool) -> set[int]:
    stretch = values[start:end]
    if not gaps:
        return {start + stretch.index(min(stretch)), start + stretch.index(max(stretch))}
    numbers = [value for value in stretch if not isnan(value)]
    kept = {start + stretch.index(min(numbers)), start + stretch.index(max(numbers))} if numbers else set()
    if len(numbers) < len(stretch):
        kept.add(start + list(map(isnan, stretch)).index(True))
    return kept
