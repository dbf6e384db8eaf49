"""The way of points into series: a few statements for a batch, whatever its size.

A batch is grouped by key. A few points are appended to the series' own row, its tail, which has to be written anyway;
when these are too many, or the batch brings many at once, they become one row of `points`; once two blocks of points
are outside of chunks, all whole blocks go to chunks and what is left stays. A batch that has few points of each of many
keys is kept as a whole, a sheet, and only what searches ask for is written to the series.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from mlwright.core.ids import short
from mlwright.errors import NotFound
from mlwright.ledger import sheets
from mlwright.ledger.driver import change_in, execute, execute_many, insert_returning, select_in
from mlwright.ledger.packing import BLOCK, Row, as_records, count_records, outline, pack, read_records, squeeze
from mlwright.ledger.points import rows_of_batches
from mlwright.ledger.store import Transaction

#: A series keeps so many points in its own row.
TAIL = 16
_STATE = "id, count, packed, last_step, last_at, last, tail, min, max"
_NEW = "run_id, key, origin, shown, superseded, count, packed, last_step, last_at, last, tail, min, max"
_SET = "count = ?, packed = ?, last_step = ?, last_at = ?, last = ?, tail = ?"
_NOTED = "key, id, count, last_step, last_at, last, min, max"
_NOTE = "UPDATE series SET count = count + ?, last_step = ?, last_at = ?, last = ? WHERE id = ?"
_NOTE_STRETCHED = (
    "UPDATE series SET count = count + ?, last_step = ?, last_at = ?, last = ?, min = ?, max = ? WHERE id = ?"
)
_PUT_POINTS = (
    "INSERT INTO points (series_id, place, count, data)"
    " SELECT ?, COALESCE(MAX(place), -1) + 1, ?, ? FROM points WHERE series_id = ?"
)
_NEWER = f"UPDATE series SET {_SET} WHERE id = ?"
_STRETCHED = f"UPDATE series SET {_SET}, min = ?, max = ? WHERE id = ?"


class _Series(msgspec.Struct):
    """A series' row while a batch is added; the values are the columns' own, so NaN is None.

    Attributes:
        rows: Points that are too many for the tail.
    """

    id: int = 0
    total: int = 0
    packed: int = 0
    last_step: int = 0
    last_at: int = 0
    last: float | None = None
    tail: bytes = b""
    min: float | None = None
    max: float | None = None
    rows: list[Row] = []

    def add(self, rows: list[Row]) -> bool:
        """Take points in; tell whether the extremes changed."""
        is_stretched = self.note(rows)
        if count_records(self.tail) + len(rows) <= TAIL:
            self.tail += as_records(rows)
        else:
            self.rows = [*read_records(self.tail), *rows]
            self.tail = b""
        return is_stretched

    def note(self, rows: list[Row]) -> bool:
        """Take note of points that are kept elsewhere; tell whether the extremes changed."""
        step, at, value = rows[0] if len(rows) == 1 else max(rows)
        last = value if value == value else None
        if not self.total or (step, at, _ranked(last)) >= (self.last_step, self.last_at, _ranked(self.last)):
            self.last_step, self.last_at, self.last = step, at, last
        self.total += len(rows)
        return self._stretch(rows)

    def _stretch(self, rows: list[Row]) -> bool:
        numbers = [row[2] for row in rows if row[2] == row[2]]
        if not numbers:
            return False
        low, high = min(numbers), max(numbers)
        is_lower, is_higher = self.min is None or low < self.min, self.max is None or high > self.max
        if is_lower:
            self.min = low
        if is_higher:
            self.max = high
        return is_lower or is_higher

    def state(self) -> tuple[Any, ...]:
        """Return what changes with every batch, as columns."""
        return self.total, self.packed, self.last_step, self.last_at, self.last, self.tail


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
        if sheets.is_sheet(grouped, len(rows)):
            _add_sheet(tx.connection, run_id, origin, grouped)
        else:
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
    known = {key: _Series(*state) for key, *state in found}
    new: dict[str, _Series] = {}
    newer, stretched = [], []
    for key, rows in grouped.items():
        series = known.get(key)
        if series is None:
            series = new[key] = _Series()
            series.add(rows)
        elif series.add(rows):
            stretched.append(series)
        else:
            newer.append(series)
    _insert_series(connection, run_id, origin, new)
    large = [series for series in (*new.values(), *newer, *stretched) if series.rows]
    for series in large:
        if series.total - series.packed >= 2 * BLOCK:
            _pack(connection, series)
    _insert_points(connection, large)
    newer += [series for series in new.values() if series.packed]
    # An index on extremes that didn't change isn't touched.
    execute_many(connection, _NEWER, [(*series.state(), series.id) for series in newer])
    execute_many(connection, _STRETCHED, [(*series.state(), series.min, series.max, series.id) for series in stretched])


def _add_sheet(connection: sa.Connection, run_id: str, origin: str, grouped: sheets.Grouped) -> None:
    data = sheets.pack_sheet(grouped)
    _lock(connection, run_id)
    query = f"SELECT {_NOTED} FROM series WHERE run_id = ? AND origin = ? AND key IN (*)"
    newer: list[tuple[Any, ...]] = []
    stretched: list[tuple[Any, ...]] = []
    known: set[str] = set()
    for key, id_, count, last_step, last_at, last, low, high in select_in(
        connection, query, (run_id, origin), list(grouped)
    ):
        known.add(key)
        rows = grouped[key]
        step, at, value = rows[0]
        # By far the most frequent: the next point of a curve, within what it had before. NaN never is.
        if len(rows) == 1 and count and step > last_step and low is not None and low <= value <= high:
            newer.append((1, step, at, value, id_))
            continue
        series = _Series(id=id_, total=count, last_step=last_step, last_at=last_at, last=last, min=low, max=high)
        is_stretched = series.note(rows)
        noted = (len(rows), series.last_step, series.last_at, series.last)
        if is_stretched:
            stretched.append((*noted, series.min, series.max, id_))
        else:
            newer.append((*noted, id_))
    new = {key: _Series() for key in grouped if key not in known}
    for key, series in new.items():
        series.note(grouped[key])
    _insert_series(connection, run_id, origin, new)
    execute_many(connection, _NOTE, newer)
    execute_many(connection, _NOTE_STRETCHED, stretched)
    if sheets.put(connection, run_id, origin, count=sum(map(len, grouped.values())), data=data) >= sheets.MOST:
        _share_out(connection, run_id, origin)


def share_out(connection: sa.Connection, run_id: str) -> None:
    """Give the points on a run's sheets to their series."""
    for origin in sheets.origins_of(connection, run_id):
        _share_out(connection, run_id, origin)


def _share_out(connection: sa.Connection, run_id: str, origin: str) -> None:
    grouped = sheets.take(connection, run_id, origin)
    query = "SELECT key, id, count, packed FROM series WHERE run_id = ? AND origin = ? AND key IN (*)"
    large = [
        _Series(id=id_, total=count, packed=packed, rows=grouped[key])
        for key, id_, count, packed in select_in(connection, query, (run_id, origin), list(grouped))
    ]
    full = [series for series in large if series.total - series.packed >= 2 * BLOCK]
    for series in full:
        _pack(connection, series)
    _insert_points(connection, large)
    execute_many(connection, "UPDATE series SET packed = ? WHERE id = ?", [(one.packed, one.id) for one in full])


def _lock(connection: sa.Connection, run_id: str) -> None:
    # SQLite has one writer at a time; on PostgreSQL the writers of one run take turns.
    if connection.dialect.name == "postgresql":
        execute(connection, "SELECT id FROM runs WHERE id = ? FOR NO KEY UPDATE", [run_id])


def _ranked(last: float | None) -> float:
    return float("-inf") if last is None else last


def _insert_series(connection: sa.Connection, run_id: str, origin: str, new: dict[str, _Series]) -> None:
    if not new:
        return
    hide = "UPDATE series SET shown = 0 WHERE run_id = ? AND origin <> ? AND shown = 1 AND key IN (*)"
    change_in(connection, hide, (run_id, origin), list(new))
    rows = [(run_id, key, origin, 1, False, *series.state(), series.min, series.max) for key, series in new.items()]
    try:
        for key, id_ in insert_returning(connection, "series", _NEW, rows, "key, id"):
            new[key].id = id_
    except IntegrityError as error:
        raise NotFound(
            f"run {short(run_id)} isn't in the ledger, so its metrics can't be either.",
            why="it was never created, or it was deleted for good",
        ) from error


def _pack(connection: sa.Connection, series: _Series) -> None:
    """Move a series' whole blocks to chunks; what is left are its rows."""
    rows = series.rows
    if series.total - series.packed > len(rows):
        rows = rows_of_batches(connection, series.id) + rows
        execute(connection, "DELETE FROM points WHERE series_id = ?", [series.id])
    whole = len(rows) // BLOCK * BLOCK
    chunks = [_chunk(series.id, series.packed + start, rows[start : start + BLOCK]) for start in range(0, whole, BLOCK)]
    execute_many(connection, "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", chunks)
    series.rows = rows[whole:]
    series.packed += whole


def _chunk(series_id: int, place: int, rows: list[Row]) -> tuple[Any, ...]:
    steps, times, _ = zip(*rows, strict=True)
    spans = (min(steps), max(steps), min(times), max(times))
    return (series_id, place, len(rows), *spans, outline(rows), squeeze(rows))


def _insert_points(connection: sa.Connection, large: list[_Series]) -> None:
    rows: list[tuple[Any, ...]] = [
        (series.id, len(series.rows), pack(series.rows), series.id) for series in large if series.rows
    ]
    execute_many(connection, _PUT_POINTS, rows)
