"""The harness: two ways to do the same thing, run in turns, compared by medians.

The floor is the least that physics and the operating system allow: the same bytes made equally durable by a few plain
calls. A ratio against it, taken in the same minute on the same machine, says more than microseconds do.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

ROUNDS = 7

#: Does the thing this many times. What runs in another process measures itself and returns its `Cost`.
Work = Callable[[int], object]


class Absent(Exception):
    """Something that a benchmark needs isn't on this machine."""


class Case(NamedTuple):
    """One comparison.

    Attributes:
        name: What mlwright does.
        floor_name: What it is held against.
        operations: How many of them make one measurement.
        ours: Does it with mlwright.
        floor: Does it with as little as possible.
        unit: What one operation is.
    """

    name: str
    floor_name: str
    operations: int
    ours: Work
    floor: Work
    unit: str = "call"


#: A function that prepares a case in an empty folder, and cleans up after it.
Bench = Callable[[Path], AbstractContextManager[Case]]


class Cost(NamedTuple):
    """What one operation took: wall and CPU time (user and system, child processes too), in microseconds."""

    wall_us: float
    cpu_us: float


class Result(NamedTuple):
    """Medians over all rounds; ratios are medians of each round's own ratio, so a slow minute hits both sides.

    Attributes:
        spread: Interquartile range of the wall ratio: how far it may be trusted.
    """

    name: str
    floor_name: str
    unit: str
    rounds: int
    ours: Cost
    floor: Cost
    wall_ratio: float
    cpu_ratio: float
    spread: tuple[float, float]

    def as_dict(self) -> dict[str, object]:
        """Return the result as plain data."""
        return {**self._asdict(), "ours": self.ours._asdict(), "floor": self.floor._asdict()}


def run(case: Case, *, rounds: int = ROUNDS) -> Result:
    """Measure a case: one round that isn't counted, then rounds whose order alternates."""
    pairs = list(_rounds(case, rounds + 1))[1:]
    wall = [ours.wall_us / floor.wall_us for ours, floor in pairs]
    cpu = [ours.cpu_us / max(floor.cpu_us, 0.1) for ours, floor in pairs]
    return Result(
        name=case.name,
        floor_name=case.floor_name,
        unit=case.unit,
        rounds=rounds,
        ours=_median([ours for ours, _ in pairs]),
        floor=_median([floor for _, floor in pairs]),
        wall_ratio=statistics.median(wall),
        cpu_ratio=statistics.median(cpu),
        spread=_quartiles(wall),
    )


def _rounds(case: Case, count: int) -> Iterator[tuple[Cost, Cost]]:
    for number in range(count):
        if number % 2:
            floor = _measure(case.floor, case.operations)
            ours = _measure(case.ours, case.operations)
        else:
            ours = _measure(case.ours, case.operations)
            floor = _measure(case.floor, case.operations)
        yield ours, floor


def _measure(work: Work, operations: int) -> Cost:
    cpu, wall = _cpu_s(), time.perf_counter()
    measured = work(operations)
    if isinstance(measured, Cost):
        return measured
    wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    return Cost(1e6 * wall / operations, 1e6 * cpu / operations)


def repeated(work: Work, times: int) -> Work:
    """Return work that does so many times as much as it is asked for: for a side that is too fast to be measured."""

    def do(operations: int) -> Cost:
        return _measure(work, operations * times)

    return do


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.wall_us for cost in costs), statistics.median(cost.cpu_us for cost in costs))


def _quartiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def table(results: list[Result]) -> str:
    """Return the results as text, microseconds for one operation."""
    head = (
        f"{'what':<34}",
        f"{'wall':>10}",
        f"{'CPU':>10}",
        f"{'floor':>10}",
        f"{'CPU':>10}",
        f"{'ratio':>8}",
        f"{'CPU':>8}",
    )
    out = ["".join(head) + "  middle half of the wall ratio; floor"]
    for result in results:
        cells = (
            f"{f'{result.name} (1 {result.unit})':<34}",
            f"{_us(result.ours.wall_us):>10}",
            f"{_us(result.ours.cpu_us):>10}",
            f"{_us(result.floor.wall_us):>10}",
            f"{_us(result.floor.cpu_us):>10}",
            f"{_ratio(result.wall_ratio):>8}",
            f"{_ratio(result.cpu_ratio):>8}",
        )
        low, high = result.spread
        out.append("".join(cells) + f"  {_ratio(low)} to {_ratio(high)}; {result.floor_name}")
    return "\n".join(out)


def _ratio(value: float) -> str:
    return f"{value:.2f}x" if value >= 0.5 else f"1/{1 / value:.0f}" if value < 0.1 else f"1/{1 / value:.1f}"


def _us(value: float) -> str:
    return f"{value / 1000:.1f} ms" if value >= 10_000 else f"{value:.1f} us"
