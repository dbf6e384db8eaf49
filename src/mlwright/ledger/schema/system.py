"""Declared systems, their triggers and schedules, and each decision that those took."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, digest_column, id_column, metadata

systems = sa.Table(
    "systems",
    metadata,
    # Every manifest ever applied is kept; the newest of a name is what holds.
    id_column(primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False, comment="file.py:name that declares it"),
    sa.Column("manifest", Json, nullable=False),
    digest_column("digest", nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "name", "id"),
)

triggers = sa.Table(
    "triggers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("spec", Json, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("spec", Json, nullable=False, comment="cron, time zone, arguments"),
    sa.Column("created_at", Moment, nullable=False, comment="no moment before it is ever due"),
)

firings = sa.Table(
    "firings",
    metadata,
    # The primary key is the promise: one decision for each event that a trigger saw and each moment a schedule was due.
    sa.Column("source", sa.Text, primary_key=True, comment="trigger/<name> or schedule/<name>"),
    sa.Column("key", sa.Text, primary_key=True, comment="event id, due moment, or the caller's own key"),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False, comment="fired, cooling-down, over-budget, busy"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("arguments", Json, nullable=False, comment="the pipeline's arguments, fixed when it fired"),
    sa.Column("outcome", sa.Text, comment="empty while its run isn't over: succeeded, failed, cancelled"),
    id_column("run_id"),
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "source", "at"),
    sa.Index(None, "system", "outcome"),
)
