"""Statements for volume: plain SQL and many rows, straight to the driver, alike on SQLite and PostgreSQL.

SQLAlchemy's statements are for everything else. Here the text is ours, the values are the columns' own (moments are
microseconds, NaN is None), and a list of values goes in blocks that both databases take.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa

# SQLite takes 32,766 parameters in a statement and PostgreSQL 65,535.
_BLOCK = 500


def execute(connection: sa.Connection, text: str, values: Sequence[Any] = ()) -> sa.CursorResult[*tuple[Any, ...]]:
    """Execute a statement once; a `?` stands for a value."""
    return connection.exec_driver_sql(_marked(connection, text), tuple(values))


def execute_many(connection: sa.Connection, text: str, rows: list[tuple[Any, ...]]) -> None:
    """Execute a statement once for each row; no row, no statement."""
    if rows:
        connection.exec_driver_sql(_marked(connection, text), rows)


def _execute_in(
    connection: sa.Connection, text: str, values: Sequence[Any], wanted: Sequence[Any]
) -> Iterator[sa.CursorResult[*tuple[Any, ...]]]:
    for start in range(0, len(wanted), _BLOCK):
        block = wanted[start : start + _BLOCK]
        yield execute(connection, text.replace("(*)", f"({', '.join('?' * len(block))})"), (*values, *block))


def select_in(connection: sa.Connection, text: str, values: Sequence[Any], wanted: Sequence[Any]) -> Iterator[Any]:
    """Yield the rows of a query over a list, block by block.

    Args:
        connection: Where to execute.
        text: The statement; `(*)`, where the list goes, comes after every `?`.
        values: What the `?` stand for.
        wanted: The list.
    """
    for found in _execute_in(connection, text, values, wanted):
        yield from found.fetchall()


def change_in(connection: sa.Connection, text: str, values: Sequence[Any], wanted: Sequence[Any]) -> None:
    """Execute a change over a list, block by block; see `select_in`."""
    for _ in _execute_in(connection, text, values, wanted):
        pass


def insert_returning(
    connection: sa.Connection, table: str, columns: str, rows: list[tuple[Any, ...]], returned: str
) -> Iterator[Any]:
    """Insert rows and yield what the database made of them."""
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        one = f"({', '.join('?' * len(block[0]))})"
        marks = ", ".join([one] * len(block))
        text = f"INSERT INTO {table} ({columns}) VALUES {marks} RETURNING {returned}"
        yield from execute(connection, text, list(chain.from_iterable(block))).fetchall()


def _marked(connection: sa.Connection, text: str) -> str:
    return text if connection.dialect.name == "sqlite" else text.replace("?", "%s")
