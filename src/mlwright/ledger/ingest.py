"""The way of points into series: a few statements for a batch, whatever its size.

A batch is grouped by key. A few points are appended to the series' own row, its tail, which has to be written anyway;
when these are too many, or the batch brings many at once, they become one row of `points`; once two blocks of points
are outside of chunks, all whole blocks go to chunks and what is left stays.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from mlwright.core.ids import short
from mlwright.errors import NotFound
from mlwright.ledger.driver import change_in, execute, execute_many, insert_returning, select_in
from mlwright.ledger.packing import BLOCK, Row, as_records, count_records, outline, pack, read_records, squeeze
from mlwright.ledger.points import rows_of_batches
from mlwright.ledger.store import Transaction

#: A series keeps so many points in its own row.
TAIL = 16
_STATE = "id, count, packed, last_step, last_at, last, tail, min, max"
_NEW = "run_id, key, origin, shown, superseded, count, packed, last_step, last_at, last, tail, min, max"
_SET = "count = ?, packed = ?, last_step = ?, last_at = ?, last = ?, tail = ?"
_NEWEST = f"UPDATE series SET {_SET} WHERE id = ?"
_ALL = f"UPDATE series SET {_SET}, min = ?, max = ? WHERE id = ?"


class _State(NamedTuple):
    """What a series' row knows; the values are the columns' own, so NaN is None."""

    id: int
    total: int
    packed: int
    last_step: int
    last_at: int
    last: float | None
    tail: bytes
    min: float | None
    max: float | None


class _Batch(NamedTuple):
    """Points that go to one series and aren't in its tail, and its state before and after."""

    rows: list[Row]
    before: _State | None
    after: _State


def add_rows(tx: Transaction, run_id: str, rows: list[tuple[str, int, float, int]], origin: str = "") -> None:
    """Append points to a run's series: the path made for volume.

    Of points at the same (step, time) the one with the largest value is a series' last, so that it doesn't matter in
    which order writers come.

    Args:
        tx: The caller's transaction; it is what makes a batch appear exactly once.
        run_id: Whose they are.
        rows: Key, step, value and time (microseconds since 1970) of each, in the order in which they were logged.
        origin: The journal of a pipeline's step; empty for scripts and clients.

    Raises:
        NotFound: The run isn't in the ledger.
        InvalidInput: A step is no 64-bit whole number or a value no number.
    """
    grouped: dict[str, list[Row]] = {}
    for key, step, value, at in rows:
        found = grouped.get(key)
        if found is None:
            grouped[key] = [(step, at, value)]
        else:
            found.append((step, at, value))
    if not grouped:
        return
    try:
        _add(tx.connection, run_id, origin, grouped)
    except (TypeError, OverflowError, struct.error, DataError):
        # Looked for only now: what can be packed is a point.
        for found in grouped.values():
            pack(found)
        raise


def _add(connection: sa.Connection, run_id: str, origin: str, grouped: dict[str, list[Row]]) -> None:
    _lock(connection, run_id)
    query = f"SELECT key, {_STATE} FROM series WHERE run_id = ? AND origin = ? AND key IN (*)"
    found = select_in(connection, query, (run_id, origin), list(grouped))
    known = {key: _State(*state) for key, *state in found}
    new: dict[str, _Batch] = {}
    batches = []
    for key, rows in grouped.items():
        before = known.get(key)
        batch = _Batch(rows, before, _advanced(before, rows))
        if before is None:
            new[key] = batch
        else:
            batches.append(batch)
    if new:
        batches += _insert_series(connection, run_id, origin, new)
    settled = [_settled(connection, batch) for batch in batches]
    _insert_points(connection, settled)
    _update_series(connection, settled)


def _lock(connection: sa.Connection, run_id: str) -> None:
    # SQLite has one writer at a time; on PostgreSQL the writers of one run take turns.
    if connection.dialect.name == "postgresql":
        execute(connection, "SELECT id FROM runs WHERE id = ? FOR NO KEY UPDATE", [run_id])


def _advanced(before: _State | None, rows: list[Row]) -> _State:
    step, at, value = rows[0] if len(rows) == 1 else max(rows)
    numbers = [row[2] for row in rows if row[2] == row[2]]
    last = value if value == value else None
    low, high = (min(numbers), max(numbers)) if numbers else (None, None)
    if before is None:
        return _State(0, len(rows), 0, step, at, last, b"", low, high)
    id_, total, packed, last_step, last_at, old_last, tail, old_low, old_high = before
    if total and (last_step, last_at, _ranked(old_last)) > (step, at, _ranked(last)):
        step, at, last = last_step, last_at, old_last
    if old_low is not None and (low is None or old_low < low):
        low = old_low
    if old_high is not None and (high is None or old_high > high):
        high = old_high
    return _State(id_, total + len(rows), packed, step, at, last, tail, low, high)


def _ranked(last: float | None) -> float:
    return float("-inf") if last is None else last


def _insert_series(connection: sa.Connection, run_id: str, origin: str, new: dict[str, _Batch]) -> list[_Batch]:
    hide = "UPDATE series SET shown = 0 WHERE run_id = ? AND origin <> ? AND shown = 1 AND key IN (*)"
    change_in(connection, hide, (run_id, origin), list(new))
    batches = {key: _with_tail(batch) for key, batch in new.items()}
    rows = [(run_id, key, origin, 1, False, *batch.after[1:]) for key, batch in batches.items()]
    try:
        made = dict(map(tuple, insert_returning(connection, "series", _NEW, rows, "key, id")))
    except IntegrityError as error:
        raise NotFound(
            f"run {short(run_id)} isn't in the ledger, so its metrics can't be either.",
            why="it was never created, or it was deleted for good",
        ) from error
    return [batch._replace(after=batch.after._replace(id=made[key])) for key, batch in batches.items()]


def _with_tail(batch: _Batch) -> _Batch:
    """Put a batch's points into the tail as long as there is room."""
    tail = batch.after.tail
    if not batch.rows or count_records(tail) + len(batch.rows) > TAIL:
        return batch
    return _Batch([], batch.before, batch.after._replace(tail=tail + as_records(batch.rows)))


def _settled(connection: sa.Connection, batch: _Batch) -> _Batch:
    """Put a batch's points where they belong: into the tail or chunks; what has to become a row of `points` is left."""
    batch = _with_tail(batch)
    if not batch.rows:
        return batch
    rows = [*read_records(batch.after.tail), *batch.rows]
    state = batch.after._replace(tail=b"")
    if state.total - state.packed >= 2 * BLOCK:
        rows, state = _packed(connection, rows, state)
    return _Batch(rows, batch.before, state)


def _packed(connection: sa.Connection, rows: list[Row], state: _State) -> tuple[list[Row], _State]:
    """Move a series' whole blocks to chunks; return what is left."""
    if state.total - state.packed > len(rows):
        rows = rows_of_batches(connection, state.id) + rows
        execute(connection, "DELETE FROM points WHERE series_id = ?", [state.id])
    whole = len(rows) // BLOCK * BLOCK
    chunks = [_chunk(state.id, state.packed + start, rows[start : start + BLOCK]) for start in range(0, whole, BLOCK)]
    execute_many(connection, "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", chunks)
    return rows[whole:], state._replace(packed=state.packed + whole)


def _chunk(series_id: int, place: int, rows: list[Row]) -> tuple[Any, ...]:
    steps, times, _ = zip(*rows, strict=True)
    spans = (min(steps), max(steps), min(times), max(times))
    return (series_id, place, len(rows), *spans, outline(rows), squeeze(rows))


def _insert_points(connection: sa.Connection, batches: list[_Batch]) -> None:
    rows: list[tuple[Any, ...]] = [
        (batch.after.id, batch.after.total - len(batch.rows), len(batch.rows), pack(batch.rows))
        for batch in batches
        if batch.rows
    ]
    execute_many(connection, "INSERT INTO points VALUES (?, ?, ?, ?)", rows)


def _update_series(connection: sa.Connection, batches: list[_Batch]) -> None:
    newest: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for _, before, after in batches:
        if before is None:
            # It was inserted as it is, but for what went to chunks since.
            if after.packed:
                newest.append((*after[1:7], after.id))
        elif (before.min, before.max) == (after.min, after.max):
            # An index that need not change isn't touched.
            newest.append((*after[1:7], after.id))
        else:
            changed.append((*after[1:], after.id))
    execute_many(connection, _NEWEST, newest)
    execute_many(connection, _ALL, changed)
