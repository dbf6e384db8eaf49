"""Models, their versions, the aliases that point at them and the verdicts of gates."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, counter_column, digest_column, id_column, metadata

models = sa.Table(
    "models",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("settings", Json, nullable=False, server_default="{}", comment="environments: gates, approvals"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
)

model_tags = sa.Table(
    "model_tags",
    metadata,
    sa.Column("model", sa.ForeignKey("models.name"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False, comment="0: of the model itself"),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("model", sa.ForeignKey("models.name"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    # A version that a client keeps elsewhere has the digest of a note that says where.
    digest_column("digest", nullable=False, comment="the model's files, an artifact"),
    sa.Column("source", sa.Text, nullable=False, server_default="", comment="URI that a client gave"),
    sa.Column("status", sa.Text, nullable=False, server_default="ready", comment="ready, pending, failed"),
    sa.Column("stage", sa.Text, nullable=False, server_default="None", comment="MLflow's: None, Staging, ..."),
    sa.Column("logged_model_id", sa.String(40)),
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
    digest_column("card_digest", comment="what people wrote into its card, an artifact"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Index(None, "run_id"),
    sa.Index(None, "digest"),
)

aliases = sa.Table(
    "aliases",
    metadata,
    id_column(primary_key=True),
    # No foreign key: what an alias pointed at stays known after its model was deleted.
    sa.Column("model", sa.Text, nullable=False),
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
    sa.Column("asked", Json, comment="the gate's declaration, and the champion it compared with"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "model", "version"),
)

assignments = sa.Table(
    "assignments",
    metadata,
    id_column(primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("environment", sa.Text, nullable=False, comment="dev, staging, prod, ..."),
    sa.Column("version", sa.Integer, nullable=False),
    id_column("approval_id", comment="the approval that allowed it"),
    sa.Column("from_at", Moment, nullable=False),
    sa.Column("to_at", Moment, comment="empty: holds now"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Index(None, "model", "environment", "from_at"),
)
sa.Index(
    "uq_assignments_current",
    assignments.c.model,
    assignments.c.environment,
    unique=True,
    sqlite_where=assignments.c.to_at.is_(None),
)

approvals = sa.Table(
    "approvals",
    metadata,
    id_column(primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("needs", Json, nullable=False, comment="role to how many"),
    sa.Column("state", sa.Text, nullable=False, comment="open, approved, refused, expired, withdrawn, used"),
    sa.Column("actor", sa.Text, nullable=False, comment="who asked"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("decided_at", Moment),
    sa.Index(None, "model", "version"),
    sa.Index(None, "state"),
)

approval_votes = sa.Table(
    "approval_votes",
    metadata,
    sa.Column("approval_id", sa.ForeignKey("approvals.id"), primary_key=True),
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("approves", sa.Boolean, nullable=False),
    sa.Column("comment", sa.Text, nullable=False, server_default=""),
    sa.Column("at", Moment, nullable=False),
)

# Every change of a model or version, so that the state on any day can be told: tag, description, stage, card, deletion.
# Aliases, assignments and approvals are history themselves.
registry_changes = sa.Table(
    "registry_changes",
    metadata,
    counter_column(primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="0: the model itself"),
    sa.Column("what", sa.Text, nullable=False, comment="tag, description, stage, status, card, name, deletion"),
    sa.Column("key", sa.Text, nullable=False, server_default=""),
    sa.Column("old", Json),
    sa.Column("new", Json),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "model", "at"),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    id_column(primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("events", Json, nullable=False, comment="types of events that it wants"),
    sa.Column("has_secret", sa.Boolean, nullable=False, comment="the secret itself is in the project's secrets folder"),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("dialect", sa.Text, nullable=False, server_default="", comment="body that it gets: ours, or mlflow"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    id_column(primary_key=True),
    sa.Column("webhook_id", sa.ForeignKey("webhooks.id"), nullable=False),
    sa.Column("event_seq", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="waiting, delivered, given-up"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", Moment, comment="machine's clock; when to try again"),
    sa.Column("status", sa.Integer, comment="HTTP status of the last answer"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("delivered_at", Moment),
    sa.UniqueConstraint("webhook_id", "event_seq", "id"),
    sa.Index(None, "state", "next_at"),
)
