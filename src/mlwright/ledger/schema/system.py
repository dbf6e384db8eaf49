"""Declared systems and their schedules."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, digest_column, id_column, metadata

systems = sa.Table(
    "systems",
    metadata,
    # Every manifest ever applied is kept; the newest of a name is what holds.
    id_column(primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("manifest", Json, nullable=False),
    digest_column("digest", nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "name", "id"),
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("spec", Json, nullable=False, comment="cron, time zone, pipeline, arguments"),
    sa.Column("created_at", Moment, nullable=False),
)

schedule_firings = sa.Table(
    "schedule_firings",
    metadata,
    # The primary key is the promise: no due moment fires twice.
    sa.Column("schedule", sa.ForeignKey("schedules.name"), primary_key=True),
    sa.Column("due_at", Moment, primary_key=True),
    id_column("run_id"),
    sa.Column("at", Moment, nullable=False),
)
