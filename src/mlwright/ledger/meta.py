"""Facts about the ledger itself: its instance id, and where a replay's clock stands."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mlwright.ledger.schema import meta
from mlwright.ledger.store import Transaction


def get(connection: sa.Connection, key: str) -> Any:
    """Return the value of a key, None when it was never set."""
    return connection.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()


def put(tx: Transaction, key: str, value: Any) -> None:
    """Set the value of a key."""
    updated = tx.execute(sa.update(meta).where(meta.c.key == key).values(value=value))
    if updated.rowcount == 0:
        tx.execute(sa.insert(meta).values(key=key, value=value))
