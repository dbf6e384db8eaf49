"""Metrics of runs: series of points, written in batches, packed in chunks, read whole or thinned for a plot."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger.conflicts import insert_or_keep
from mlwright.ledger.schema import points, series
from mlwright.ledger.store import Transaction


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
        last: Value at the largest (step, at).
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


def add_points(tx: Transaction, run_id: str, found: Iterable[Point], *, origin: str = "") -> None:
    """Append points to a run's series.

    Args:
        tx: The caller's transaction; it is what makes a batch appear exactly once.
        run_id: Whose they are.
        found: In the order in which they were logged.
        origin: The journal of a pipeline's step; empty for scripts and clients.
    """
    grouped: dict[str, list[Point]] = {}
    for point in found:
        grouped.setdefault(point.key, []).append(point)
    if not grouped:
        return
    known = _rows(tx, run_id, origin, list(grouped))
    for key, batch in grouped.items():
        row = known.get(key) or _new_series(tx, run_id, origin, batch[0])
        _append(tx, row, batch)


def supersede(tx: Transaction, run_id: str, origin: str) -> None:
    """Leave the series of one origin out of curves and searches; the newest other one of each key is shown instead."""
    of_run = series.c.run_id == run_id
    tx.execute(sa.update(series).where(of_run, series.c.origin == origin).values(superseded=True, shown=0))
    keys = sa.select(series.c.key).where(of_run, series.c.origin == origin)
    shown = sa.select(series.c.key).where(of_run, series.c.shown == 1)
    missing = sa.select(sa.func.max(series.c.id)).where(
        of_run, series.c.superseded.is_(False), series.c.key.in_(keys), series.c.key.not_in(shown)
    )
    tx.execute(sa.update(series).where(series.c.id.in_(missing.group_by(series.c.key))).values(shown=1))


def copy(tx: Transaction, origin: str, *, to_origin: str, to_run: str) -> None:
    """Write all series of an origin again for another run, which took the step's result from the cache."""
    for row in tx.execute(sa.select(series.c.id, series.c.key).where(series.c.origin == origin)).all():
        add_points(tx, to_run, _points_of(tx.connection, row.id, row.key), origin=to_origin)


def summaries(connection: sa.Connection, run_ids: list[str]) -> dict[str, list[Summary]]:
    """Return what is known of every metric of some runs, by run and in the order of their keys."""
    columns = [series.c[name] for name in ("run_id", *Summary.__struct_fields__)]
    query = sa.select(*columns).where(series.c.run_id.in_(run_ids), series.c.shown == 1).order_by(series.c.key)
    found: dict[str, list[Summary]] = {run_id: [] for run_id in run_ids}
    for row in connection.execute(query):
        values = row._asdict()
        found[values.pop("run_id")].append(Summary(**values))
    return found


def last_metrics(connection: sa.Connection, run_id: str) -> dict[str, float]:
    """Return the newest value of each metric of a run."""
    return {summary.key: summary.last for summary in summaries(connection, [run_id])[run_id]}


def history(connection: sa.Connection, run_id: str, key: str) -> list[Point]:
    """Return all values of one metric of a run, along its axis; those of superseded attempts are left out."""
    of_key = (series.c.run_id == run_id, series.c.key == key, series.c.superseded.is_(False))
    ids = connection.execute(sa.select(series.c.id).where(*of_key).order_by(series.c.id)).scalars().all()
    found = [point for id_ in ids for point in _points_of(connection, id_, key)]
    return sorted(found, key=lambda point: (point.step, point.at))


def _rows(tx: Transaction, run_id: str, origin: str, keys: list[str]) -> dict[str, Any]:
    query = sa.select(series).where(series.c.run_id == run_id, series.c.origin == origin, series.c.key.in_(keys))
    return {row.key: row for row in tx.execute(query)}


def _new_series(tx: Transaction, run_id: str, origin: str, first: Point) -> Any:
    others = (series.c.run_id == run_id, series.c.key == first.key, series.c.shown == 1)
    tx.execute(sa.update(series).where(*others).values(shown=0))
    values = {"run_id": run_id, "key": first.key, "origin": origin, "shown": 1, "superseded": False}
    values |= {"count": 0, "packed": 0, "last": first.value, "last_step": first.step, "last_at": first.at}
    insert_or_keep(tx, series, [{**values, "min": None, "max": None}])
    return _rows(tx, run_id, origin, [first.key])[first.key]


def _append(tx: Transaction, row: Any, batch: list[Point]) -> None:
    rows = [
        {"series_id": row.id, "place": row.count + index, "step": point.step, "value": point.value, "at": point.at}
        for index, point in enumerate(batch)
    ]
    tx.execute(sa.insert(points), rows)
    last = max(batch, key=lambda point: (point.step, point.at))
    values: dict[str, Any] = {"count": row.count + len(batch)}
    if row.count == 0 or (last.step, last.at) >= (row.last_step, row.last_at):
        values |= {"last": last.value, "last_step": last.step, "last_at": last.at}
    numbers = [point.value for point in batch if not math.isnan(point.value)]
    if numbers:
        values["min"] = min(*numbers, numbers[0] if row.min is None else row.min)
        values["max"] = max(*numbers, numbers[0] if row.max is None else row.max)
    tx.execute(sa.update(series).where(series.c.id == row.id).values(values))


def _points_of(connection: sa.Connection, series_id: int, key: str) -> list[Point]:
    query = sa.select(points.c.step, points.c.value, points.c.at).where(points.c.series_id == series_id)
    found = connection.execute(query.order_by(points.c.place))
    return [Point(key=key, step=row.step, value=row.value, at=row.at) for row in found]
