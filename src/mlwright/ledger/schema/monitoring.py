"""Monitors, what they measured, and the alerts they opened."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, id_column, metadata

monitors = sa.Table(
    "monitors",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("deployment", sa.Text, nullable=False),
    sa.Column("spec", Json, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("retired_at", Moment, comment="set when no longer declared; kept for its history"),
)

monitor_results = sa.Table(
    "monitor_results",
    metadata,
    sa.Column("monitor", sa.ForeignKey("monitors.name"), primary_key=True),
    sa.Column("window_end", Moment, primary_key=True),
    sa.Column("window_start", Moment, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="version that served most of the window"),
    sa.Column("verdict", sa.Text, nullable=False, comment="ok, degraded, too-few"),
    sa.Column("value", sa.Double, comment="the headline number; empty when too few rows"),
    sa.Column("numbers", Json, nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

alerts = sa.Table(
    "alerts",
    metadata,
    id_column(primary_key=True),
    sa.Column("monitor", sa.ForeignKey("monitors.name"), nullable=False),
    sa.Column("deployment", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("severity", sa.Text, nullable=False, comment="info, warning, critical"),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("numbers", Json, nullable=False),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("resolved_at", Moment),
    sa.Column("resolution", sa.Text, nullable=False, server_default=""),
    sa.Index(None, "deployment", "opened_at"),
)
sa.Index(
    "uq_alerts_open",
    alerts.c.monitor,
    unique=True,
    sqlite_where=alerts.c.resolved_at.is_(None),
)
