"""Inserts that meet a row which is there already: left alone, or brought up to date, alike on SQLite and PostgreSQL."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa

from mlwright.ledger.store import Transaction


def insert_or_keep(tx: Transaction, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows; one whose key is there already is left as it is."""
    if rows:
        tx.execute(_keeping(tx.connection.dialect.name, table), rows)


def insert_or_update(tx: Transaction, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows; one whose primary key is there already takes the new values."""
    if rows:
        tx.execute(_updating(tx.connection.dialect.name, table, tuple(rows[0])), rows)


# Building such a statement takes several times as long as executing it.
@cache
def _keeping(dialect: str, table: sa.Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _updating(dialect: str, table: sa.Table, columns: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    new = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def insert_into(tx: Transaction, table: sa.Table) -> Any:
    """Return an INSERT that can say what to do about a conflict, in the words of the transaction's database."""
    return _insert(tx.connection.dialect.name, table)


def _insert(dialect: str, table: sa.Table) -> Any:
    # Imported here: a dialect takes long to load, and only one is ever needed.
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)
