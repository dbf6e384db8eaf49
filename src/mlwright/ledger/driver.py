"""Statements for volume: plain SQL and many rows, straight to the driver, alike on SQLite and PostgreSQL.

SQLAlchemy's statements are for everything else: what it does around one costs several times what the database needs
for a small one. Here the text is ours, the values are the columns' own (moments are microseconds, NaN is None), and a
list of values goes in blocks that both databases take. Errors are SQLAlchemy's, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa

# SQLite takes 32,766 parameters in a statement and PostgreSQL 65,535.
_BLOCK = 500


class Outcome:
    """What a statement came to.

    Attributes:
        rows: The rows that it returned.
        rowcount: How many rows it changed, or returned.
    """

    __slots__ = ("rowcount", "rows")

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self.rows = rows
        self.rowcount = rowcount

    def one_or_none(self) -> Any:
        """Return the first row, None when there is none."""
        return self.rows[0] if self.rows else None

    def scalar(self) -> Any:
        """Return the first column of the first row, None when there is no row."""
        return self.rows[0][0] if self.rows else None


def execute(connection: sa.Connection, text: str, values: Sequence[Any] = ()) -> Outcome:
    """Execute a statement once; a `?` stands for a value."""
    return _run(connection, text, tuple(values), many=False)


def execute_many(connection: sa.Connection, text: str, rows: list[tuple[Any, ...]]) -> None:
    """Execute a statement once for each row; no row, no statement."""
    if rows:
        _run(connection, text, rows, many=True)


def _execute_in(
    connection: sa.Connection, text: str, values: Sequence[Any], wanted: Sequence[Any]
) -> Iterator[Outcome]:
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
        yield from found.rows


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
        yield from execute(connection, text, list(chain.from_iterable(block))).rows


def _run(connection: sa.Connection, text: str, values: Any, *, many: bool) -> Outcome:
    if not connection.in_transaction():
        # What SQLAlchemy does before its own statements: a reader sees one state from here on.
        connection.begin()
    return send(connection, text, values, many=many)


def send(connection: sa.Connection, text: str, values: Any = (), *, many: bool = False) -> Outcome:
    """Execute a statement without beginning a transaction for it: what a transaction begins with is one."""
    dialect = connection.dialect
    if dialect.name != "sqlite":
        text = text.replace("?", "%s")
    cursor = connection.connection.cursor()
    fault = dialect.loaded_dbapi.Error
    try:
        (cursor.executemany if many else cursor.execute)(text, values)
        return Outcome([] if many or cursor.description is None else cursor.fetchall(), cursor.rowcount)
    except fault as error:
        named = sa.exc.DBAPIError.instance(text, values, error, fault, hide_parameters=True, dialect=dialect)
        raise named from error
    finally:
        cursor.close()
