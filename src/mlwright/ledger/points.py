"""What the ledger knows of metrics: summaries, whole curves, pages of them, and thinned ones for plots."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import msgspec
import sqlalchemy as sa

from mlwright.ledger import sheets
from mlwright.ledger.driver import execute, select_in
from mlwright.ledger.packing import PARTS, Row, read_records, unpack
from mlwright.ledger.schema.types import from_microseconds, to_microseconds
from mlwright.ledger.thinning import thin

_EARLIEST = -(2**63)
_LATEST = 2**63 - 1

#: Where a page ended: time and step of its last point, and how many points of just these were given already.
Cursor = tuple[datetime, int, int]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a metric.

    Attributes:
        key: The metric.
        step: Place on its axis.
        value: Its value; may be NaN or infinite.
        at: When it was logged, by the system's clock.
    """

    key: str
    step: int
    value: float
    at: datetime


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one metric of a run without reading its points.

    Attributes:
        key: The metric.
        count: How many points.
        last: Value at the largest (step, at); the largest of several there.
        last_step: Its step.
        last_at: Its time.
        min: Smallest value; None when all are NaN.
        max: Largest value; None when all are NaN.
    """

    key: str
    count: int
    last: float
    last_step: int
    last_at: datetime
    min: float | None
    max: float | None


def summaries(connection: sa.Connection, run_ids: list[str]) -> dict[str, list[Summary]]:
    """Return what is known of every metric of some runs, by run and in the order of their keys."""
    query = (
        "SELECT run_id, key, count, last, last_step, last_at, min, max FROM series"
        " WHERE shown = 1 AND run_id IN (*) ORDER BY run_id, key"
    )
    found: dict[str, list[Summary]] = {run_id: [] for run_id in run_ids}
    for run_id, key, count, last, last_step, last_at, low, high in select_in(connection, query, (), run_ids):
        summary = Summary(
            key=key,
            count=count,
            last=math.nan if last is None else last,
            last_step=last_step,
            last_at=from_microseconds(last_at),
            min=low,
            max=high,
        )
        found[run_id].append(summary)
    return found


def last_metrics(connection: sa.Connection, run_id: str) -> dict[str, float]:
    """Return the newest value of each metric of a run."""
    return {summary.key: summary.last for summary in summaries(connection, [run_id])[run_id]}


def history(connection: sa.Connection, run_id: str, key: str) -> list[Point]:
    """Return all values of one metric of a run, along its axis; those of superseded attempts are left out."""
    return _points(key, rows_of(connection, run_id, key))


def rows_of(connection: sa.Connection, run_id: str, key: str) -> list[Row]:
    """Return what `history` does as plain rows of step, microseconds since 1970 and value: for long curves."""
    found = [row for id_ in _series_ids(connection, run_id, key) for row in rows_of_series(connection, id_)]
    found.sort()
    return found


def page(connection: sa.Connection, run_id: str, key: str, *, after: Cursor | None = None, limit: int) -> list[Point]:
    """Return some values of one metric in the order of time, step and value, without reading the others.

    Args:
        connection: A consistent state.
        run_id: Whose metric.
        key: The metric.
        after: Where the page before ended; see `cursor_after`.
        limit: How many points.
    """
    known = (_EARLIEST, _EARLIEST) if after is None else (to_microseconds(after[0]), after[1])
    wanted = limit + (0 if after is None else after[2])
    found: list[Row] = []
    for begins_at, rows in _blocks_by_time(connection, _series_ids(connection, run_id, key), known[0]):
        if len(found) >= wanted:
            found = sorted(found, key=_by_time)[:wanted]
            if begins_at > found[-1][1]:
                break
        found += [row for row in rows if (row[1], row[0]) >= known]
    return _points(key, sorted(found, key=_by_time)[wanted - limit : wanted])


def cursor_after(points: list[Point], before: Cursor | None) -> Cursor:
    """Return where a page that isn't empty ended.

    Args:
        points: The page.
        before: Where the page before it ended.
    """
    last = points[-1]
    alike = sum(1 for point in points if (point.at, point.step) == (last.at, last.step))
    if before is not None and before[:2] == (last.at, last.step):
        alike += before[2]
    return last.at, last.step, alike


def histories(connection: sa.Connection, run_ids: list[str], key: str, *, limit: int) -> dict[str, list[Point]]:
    """Return the first values of one metric of each of some runs, in the order of time, step and value."""
    return {run_id: page(connection, run_id, key, limit=limit) for run_id in run_ids}


def thinned(
    connection: sa.Connection,
    run_id: str,
    key: str,
    *,
    points: int = 1000,
    first_step: int | None = None,
    last_step: int | None = None,
) -> list[Point]:
    """Return few points of a metric that look like all of them in a plot; see `thinning.thin`.

    Args:
        connection: A consistent state.
        run_id: Whose metric.
        key: The metric.
        points: At most how many.
        first_step: Where the plot begins; at the first point when not given.
        last_step: Where it ends; at the last point when not given.
    """
    span = (_EARLIEST if first_step is None else first_step, _LATEST if last_step is None else last_step)
    rows = [row for id_ in _series_ids(connection, run_id, key) for row in _in_outline(connection, id_, span, points)]
    rows.sort()
    return _points(key, thin(rows, points))


def _series_ids(connection: sa.Connection, run_id: str, key: str) -> list[int]:
    query = "SELECT id FROM series WHERE run_id = ? AND key = ? AND superseded = FALSE ORDER BY id"
    return [id_ for (id_,) in execute(connection, query, (run_id, key)).rows]


def rows_of_series(connection: sa.Connection, series_id: int) -> list[Row]:
    """Return the points of a series, as they were logged."""
    found = execute(connection, "SELECT data FROM chunks WHERE series_id = ? ORDER BY place", [series_id])
    return [row for (data,) in found.rows for row in unpack(data)] + rows_outside(connection, series_id)


def _in_outline(connection: sa.Connection, series_id: int, span: tuple[int, int], points: int) -> Iterator[Row]:
    """Yield the points of a series within a span; of whole chunks only their outlines, if these are fine enough."""
    query = (
        "SELECT place, first_step, last_step, summary FROM chunks"
        " WHERE series_id = ? AND last_step >= ? AND first_step <= ? ORDER BY place"
    )
    first, last = span
    found = execute(connection, query, (series_id, first, last)).rows
    coarse = len(found) * PARTS < points // 2
    whole = []
    for place, first_step, last_step, summary in found:
        if coarse or first_step < first or last_step > last:
            whole.append(place)
        else:
            yield from read_records(summary)
    query = "SELECT data FROM chunks WHERE series_id = ? AND place IN (*)"
    for (data,) in select_in(connection, query, [series_id], whole):
        yield from _within(unpack(data), span)
    yield from _within(rows_outside(connection, series_id), span)


def _within(rows: list[Row], span: tuple[int, int]) -> Iterator[Row]:
    return (row for row in rows if span[0] <= row[0] <= span[1])


def rows_outside(connection: sa.Connection, series_id: int) -> list[Row]:
    """Return the points of a series that are in no chunk yet, as they were logged."""
    query = "SELECT run_id, origin, key, tail FROM series WHERE id = ?"
    run_id, origin, key, tail = execute(connection, query, [series_id]).rows[0]
    on_sheets = sheets.rows_of_key(connection, run_id, origin, key)
    return [*rows_of_batches(connection, series_id), *on_sheets, *read_records(tail)]


def rows_of_batches(connection: sa.Connection, series_id: int) -> list[Row]:
    """Return the points of a series that are in rows of `points`, as they were logged."""
    found = execute(connection, "SELECT data FROM points WHERE series_id = ? ORDER BY place", [series_id])
    return [row for (data,) in found.rows for row in unpack(data)]


def _blocks_by_time(connection: sa.Connection, series_ids: list[int], since: int) -> Iterator[tuple[int, list[Row]]]:
    """Yield blocks of rows in the order of their earliest times; left out are chunks that end before a time."""
    query = "SELECT first_at, series_id, place FROM chunks WHERE last_at >= ? AND series_id IN (*)"
    blocks = [tuple(row) for row in select_in(connection, query, [since], series_ids)]
    outside = [row for id_ in series_ids for row in rows_outside(connection, id_)]
    if outside:
        blocks.append((min(row[1] for row in outside), 0, 0))
    for first_at, series_id, place in sorted(blocks):
        if series_id == 0:
            yield first_at, outside
        else:
            one = execute(connection, "SELECT data FROM chunks WHERE series_id = ? AND place = ?", [series_id, place])
            yield first_at, unpack(one.scalar())


def _by_time(row: Row) -> tuple[int, int, float]:
    # NaN has no place in an order: it is put where 0 is.
    return row[1], row[0], row[2] if row[2] == row[2] else 0.0


def _points(key: str, rows: list[Row]) -> list[Point]:
    return [Point(key=key, step=step, value=value, at=from_microseconds(at)) for step, at, value in rows]
