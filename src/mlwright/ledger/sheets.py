"""Batches that have few points of each of many metrics: each is kept as one row of its run, a *sheet*.

Giving each of a thousand metrics its one point would rewrite a thousand rows. A sheet is written at once; when there
are enough of them, the points of each metric are put together and go where all points go.

A sheet is a format byte, how many keys and how many bytes of them, the keys (each ended by a zero byte), where each
key's points begin (32-bit numbers, and the end of the last one's), and three columns of 64-bit numbers: steps, times
and values.
"""

from __future__ import annotations

import struct
from itertools import accumulate, chain, pairwise

import sqlalchemy as sa

from mlwright.errors import IntegrityError
from mlwright.ledger.driver import execute
from mlwright.ledger.packing import Row

#: A batch with so many keys is a sheet, if it has few points of each.
KEYS = 64
_FEW = 4
#: So many sheets of a run are put together.
MOST = 32
_HEAD = struct.Struct("<BII")
_FORMAT = 0

#: The points of each key of a batch.
Grouped = dict[str, list[Row]]


def is_sheet(grouped: Grouped, count: int) -> bool:
    """Tell whether a batch of so many points is to be a sheet."""
    return len(grouped) >= KEYS and count <= _FEW * len(grouped)


def pack_sheet(grouped: Grouped) -> bytes:
    """Return a batch as bytes.

    Raises:
        struct.error: A step or a time is no 64-bit whole number, or a value is no number.
    """
    keys = "".join([f"{key}\0" for key in grouped]).encode()
    ends = list(accumulate(map(len, grouped.values())))
    steps, times, values = zip(*chain.from_iterable(grouped.values()), strict=True)
    head = _HEAD.pack(_FORMAT, len(grouped), len(keys))
    count = len(steps)
    return b"".join(
        [
            head,
            keys,
            struct.pack(f"<{len(ends) + 1}I", 0, *ends),
            struct.pack(f"<{count}q", *steps),
            struct.pack(f"<{count}q", *times),
            struct.pack(f"<{count}d", *values),
        ]
    )


def read_sheet(data: bytes) -> Grouped:
    """Return the points of each key of a sheet."""
    try:
        _, count, size_bytes = _head(data)
        keys = data[_HEAD.size : _HEAD.size + size_bytes].decode().split("\0")[:-1]
        starts = struct.unpack_from(f"<{count + 1}I", data, _HEAD.size + size_bytes)
        rows = _rows(data, _HEAD.size + size_bytes + 4 * (count + 1), starts[-1], (0, starts[-1]))
        return {key: rows[start:end] for key, (start, end) in zip(keys, pairwise(starts), strict=True)}
    except (ValueError, struct.error) as error:
        raise _damaged(error) from error


def read_key(data: bytes, key: str) -> list[Row]:
    """Return the points of one key of a sheet, without reading those of the others."""
    try:
        _, count, size_bytes = _head(data)
        keys = b"\0" + data[_HEAD.size : _HEAD.size + size_bytes]
        found = keys.find(f"\0{key}\0".encode())
        if found < 0:
            return []
        place = keys.count(b"\0", 0, found)
        begins = _HEAD.size + size_bytes
        start, end = struct.unpack_from("<II", data, begins + 4 * place)
        (total,) = struct.unpack_from("<I", data, begins + 4 * count)
        return _rows(data, begins + 4 * (count + 1), total, (start, end))
    except (ValueError, struct.error) as error:
        raise _damaged(error) from error


def put(connection: sa.Connection, run_id: str, origin: str, *, count: int, data: bytes) -> int:
    """Keep a sheet of a run; return how many it has now."""
    query = "SELECT COUNT(*), MAX(place) FROM sheets WHERE run_id = ? AND origin = ?"
    known, last = execute(connection, query, (run_id, origin)).rows[0]
    row = (run_id, origin, 0 if last is None else last + 1, count, data)
    execute(connection, "INSERT INTO sheets (run_id, origin, place, count, data) VALUES (?, ?, ?, ?, ?)", row)
    return int(known) + 1


def rows_of_key(connection: sa.Connection, run_id: str, origin: str, key: str) -> list[Row]:
    """Return what is on sheets of a metric, as it was logged."""
    query = "SELECT data FROM sheets WHERE run_id = ? AND origin = ? ORDER BY place"
    return [row for (data,) in execute(connection, query, (run_id, origin)).rows for row in read_key(data, key)]


def take(connection: sa.Connection, run_id: str, origin: str) -> Grouped:
    """Remove the sheets of a run; return their points, as they were logged."""
    where = "FROM sheets WHERE run_id = ? AND origin = ?"
    found: Grouped = {}
    for (data,) in execute(connection, f"SELECT data {where} ORDER BY place", (run_id, origin)).rows:
        for key, rows in read_sheet(data).items():
            found.setdefault(key, []).extend(rows)
    execute(connection, f"DELETE {where}", (run_id, origin))
    return found


def origins_of(connection: sa.Connection, run_id: str) -> list[str]:
    """Return the origins that a run has sheets of."""
    query = "SELECT DISTINCT origin FROM sheets WHERE run_id = ?"
    return [origin for (origin,) in execute(connection, query, [run_id]).rows]


def _head(data: bytes) -> tuple[int, int, int]:
    format_, count, size_bytes = _HEAD.unpack_from(data)
    if format_ != _FORMAT:
        raise ValueError(f"the format {format_} is unknown")
    return format_, count, size_bytes


def _rows(data: bytes, begins: int, total: int, span: tuple[int, int]) -> list[Row]:
    start, end = span
    columns = [
        struct.unpack_from(f"<{end - start}{kind}", data, begins + 8 * (total * column + start))
        for column, kind in enumerate("qqd")
    ]
    return list(zip(*columns, strict=True))


def _damaged(error: Exception) -> IntegrityError:
    return IntegrityError(
        "a batch of metric points in the ledger can't be read.", why=str(error), fix="restore it from a backup"
    )
