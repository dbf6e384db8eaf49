"""Metrics of runs: series of points, written in batches, packed in chunks, read whole or thinned for a plot.

How points are written is told in `ingest`, what they look like in the database in `packing`, how they are read in
`points`; what changes whole curves is here. This module has the names of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from mlwright.ledger.driver import change_in, execute, select_in
from mlwright.ledger.ingest import add_rows, share_out
from mlwright.ledger.packing import Row
from mlwright.ledger.points import (
    Cursor,
    Point,
    Summary,
    cursor_after,
    histories,
    history,
    last_metrics,
    page,
    rows_of,
    rows_of_series,
    summaries,
    thinned,
)
from mlwright.ledger.schema import series
from mlwright.ledger.schema.types import to_microseconds
from mlwright.ledger.store import Transaction

__all__ = [
    "Cursor",
    "Point",
    "Summary",
    "add_points",
    "add_rows",
    "copy",
    "copy_run",
    "cursor_after",
    "drop_runs",
    "histories",
    "history",
    "last_metrics",
    "page",
    "rows_of",
    "summaries",
    "supersede",
    "thinned",
    "truncate",
]


def add_points(tx: Transaction, run_id: str, found: Iterable[Point], *, origin: str = "") -> None:
    """Append points to a run's series; see `add_rows`, which does it for columns of the ledger's own."""
    rows = [(point.key, point.step, point.value, to_microseconds(point.at)) for point in found]
    add_rows(tx, run_id, rows, origin)


def supersede(tx: Transaction, run_id: str, origin: str) -> None:
    """Leave the series of one origin out of curves and searches; the newest other one of each key is shown instead."""
    of_origin = (series.c.run_id == run_id, series.c.origin == origin)
    tx.execute(sa.update(series).where(*of_origin).values(superseded=True, shown=0))
    _show_newest(tx, run_id, list(tx.execute(sa.select(series.c.key).where(*of_origin)).scalars()))


def copy(tx: Transaction, origin: str, *, of_run: str, to_origin: str, to_run: str) -> None:
    """Write all series of an origin again for another run, which took the step's result from the cache."""
    query = "SELECT id, key FROM series WHERE run_id = ? AND origin = ?"
    for id_, key in execute(tx.connection, query, [of_run, origin]).rows:
        _add(tx, to_run, key, rows_of_series(tx.connection, id_), to_origin)


def copy_run(tx: Transaction, from_run: str, to_run: str, *, up_to_step: int | None = None) -> None:
    """Write the curves of a run again for another one.

    Args:
        tx: The caller's transaction.
        from_run: Whose curves.
        to_run: Who gets them.
        up_to_step: The last step that is copied; all when not given.
    """
    query = sa.select(series.c.key).where(series.c.run_id == from_run, series.c.superseded.is_(False)).distinct()
    for key in tx.execute(query.order_by(series.c.key)).scalars().all():
        rows = rows_of(tx.connection, from_run, key)
        _add(tx, to_run, key, [row for row in rows if up_to_step is None or row[0] <= up_to_step], "")


def truncate(tx: Transaction, run_id: str, step: int) -> None:
    """Remove all points of a run behind a step, as if they had never been logged.

    Args:
        tx: The caller's transaction.
        run_id: Whose points.
        step: The last step that stays.
    """
    share_out(tx.connection, run_id)
    query = "SELECT id, key, origin FROM series WHERE run_id = ? AND last_step > ?"
    for id_, key, origin in execute(tx.connection, query, (run_id, step)).rows:
        kept = [row for row in rows_of_series(tx.connection, id_) if row[0] <= step]
        _empty(tx, [id_])
        if kept:
            _add(tx, run_id, key, kept, origin)
        else:
            execute(tx.connection, "DELETE FROM series WHERE id = ?", [id_])
            _show_newest(tx, run_id, [key])


def drop_runs(tx: Transaction, run_ids: list[str]) -> None:
    """Remove all curves of runs that are being deleted for good."""
    ids = [id_ for (id_,) in select_in(tx.connection, "SELECT id FROM series WHERE run_id IN (*)", (), run_ids)]
    _empty(tx, ids)
    change_in(tx.connection, "DELETE FROM sheets WHERE run_id IN (*)", (), run_ids)
    change_in(tx.connection, "DELETE FROM series WHERE id IN (*)", (), ids)


def _show_newest(tx: Transaction, run_id: str, keys: list[str]) -> None:
    """Show the newest series of each key that has none which is shown."""
    of_run = series.c.run_id == run_id
    shown = sa.select(series.c.key).where(of_run, series.c.shown == 1)
    newest = (
        sa.select(sa.func.max(series.c.id))
        .where(of_run, series.c.superseded.is_(False), series.c.key.in_(keys), series.c.key.not_in(shown))
        .group_by(series.c.key)
    )
    tx.execute(sa.update(series).where(series.c.id.in_(newest)).values(shown=1))


def _empty(tx: Transaction, series_ids: list[int]) -> None:
    """Remove all points of some series but those on sheets; what a series knows of them is set by the next batch."""
    for table in ("points", "chunks"):
        change_in(tx.connection, f"DELETE FROM {table} WHERE series_id IN (*)", (), series_ids)
    change = "UPDATE series SET count = 0, packed = 0, min = NULL, max = NULL, tail = ? WHERE id IN (*)"
    change_in(tx.connection, change, [b""], series_ids)


def _add(tx: Transaction, run_id: str, key: str, rows: list[Row], origin: str) -> None:
    add_rows(tx, run_id, [(key, step, value, at) for step, at, value in rows], origin)
