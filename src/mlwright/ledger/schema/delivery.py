"""Deployments, where their traffic goes, and the rollouts that move it."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, id_column, metadata

deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("spec", Json, nullable=False, comment="as declared: routing key, rollout steps, guardrails"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
)

traffic = sa.Table(
    "traffic",
    metadata,
    id_column(primary_key=True),
    sa.Column("deployment", sa.ForeignKey("deployments.name"), nullable=False),
    sa.Column("arms", Json, nullable=False, comment="list of {arm: stable|candidate, version, weight}"),
    id_column("rollout_id"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("from_at", Moment, nullable=False),
    sa.Column("to_at", Moment, comment="empty: holds now"),
)
sa.Index(
    "uq_traffic_current",
    traffic.c.deployment,
    unique=True,
    sqlite_where=traffic.c.to_at.is_(None),
)

rollouts = sa.Table(
    "rollouts",
    metadata,
    id_column(primary_key=True),
    sa.Column("deployment", sa.ForeignKey("deployments.name"), nullable=False),
    sa.Column("stable", sa.Integer, comment="version that served before; empty for the first"),
    sa.Column("candidate", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False, comment="running, promoted, rolled-back, inconclusive, aborted"),
    sa.Column("steps", Json, nullable=False, comment="list of {weight, ...} as planned at the start"),
    sa.Column("step", sa.Integer, nullable=False, comment="index into steps"),
    sa.Column("step_started_at", Moment, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("verdict", Json, comment="the last look's numbers and sentence"),
    sa.Column("cause", Json, comment="what asked for it"),
    sa.Column("actor", sa.Text, nullable=False),
)
sa.Index(
    "uq_rollouts_running",
    rollouts.c.deployment,
    unique=True,
    sqlite_where=rollouts.c.status == "running",
)

rollout_looks = sa.Table(
    "rollout_looks",
    metadata,
    sa.Column("rollout_id", sa.ForeignKey("rollouts.id"), primary_key=True),
    sa.Column("at", Moment, primary_key=True),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("decision", sa.Text, nullable=False, comment="continue, advance, promote, roll-back, keep-stable"),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("numbers", Json, nullable=False),
)
