"""Inserts that meet a row which is there already: left alone, or brought up to date, alike on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mlwright.ledger.store import Transaction


def insert_or_keep(tx: Transaction, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows; one whose key is there already is left as it is."""
    if rows:
        tx.execute(_insert(tx, table).on_conflict_do_nothing(), rows)


def insert_or_update(tx: Transaction, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows; one whose primary key is there already takes the new values."""
    if not rows:
        return
    statement = _insert(tx, table)
    keys = [column.name for column in table.primary_key]
    new = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def _insert(tx: Transaction, table: sa.Table) -> Any:
    # Imported here: a dialect takes long to load, and only one is ever needed.
    if tx.connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)
