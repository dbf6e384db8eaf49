"""Models, their versions, the aliases that point at them and the verdicts of gates."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, digest_column, id_column, metadata

models = sa.Table(
    "models",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Moment, nullable=False),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("model", sa.ForeignKey("models.name"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    digest_column("digest", nullable=False, comment="the model's files, an artifact"),
    sa.Column("flavour", sa.Text, nullable=False, comment="how it is loaded: sklearn, python, ..."),
    sa.Column("codec", sa.Text, nullable=False),
    sa.Column("unsafe", sa.Boolean, nullable=False, comment="True when loading runs arbitrary code (pickle)"),
    sa.Column("signature", Json, nullable=False),
    sa.Column("metrics", Json, nullable=False),
    digest_column("profile_digest", comment="reference profile for monitors, an artifact"),
    sa.Column("lineage", Json, nullable=False, comment="run, step, code, environment and input digests"),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    id_column("run_id"),
    sa.Column("idempotency_key", sa.Text, unique=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index(None, "run_id"),
)

aliases = sa.Table(
    "aliases",
    metadata,
    id_column(primary_key=True),
    sa.Column("model", sa.ForeignKey("models.name"), nullable=False),
    sa.Column("alias", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("from_at", Moment, nullable=False),
    sa.Column("to_at", Moment, comment="empty: holds now"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
)
sa.Index(
    "uq_aliases_current",
    aliases.c.model,
    aliases.c.alias,
    unique=True,
    sqlite_where=aliases.c.to_at.is_(None),
    postgresql_where=aliases.c.to_at.is_(None),
)

gate_results = sa.Table(
    "gate_results",
    metadata,
    id_column(primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("numbers", Json, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, comment="a sentence"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "model", "version"),
)
