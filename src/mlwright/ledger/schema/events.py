"""Events and what moves along them: the outbox, the subscribers' cursors, leases, and facts about the ledger itself."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, counter_column, id_column, metadata

events = sa.Table(
    "events",
    metadata,
    counter_column("seq", primary_key=True),
    id_column(nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("recorded_at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Index(None, "subject", "seq"),
    sa.Index(None, "type", "seq"),
    sqlite_autoincrement=True,
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("subscriber", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False, comment="everything up to and including this event is handled"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, comment="host:pid:start time"),
    sa.Column("fence", sa.BigInteger, nullable=False, comment="grows with each new owner"),
    sa.Column("expires_at", Moment, nullable=False, comment="machine's clock"),
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True, comment="revision, instance, clock"),
    sa.Column("value", Json, nullable=False),
)
