"""The first schema. Written by scripts/make_migration.py."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "aliases",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=True, comment="empty: holds now"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_aliases")),
    )
    op.create_index(
        "uq_aliases_current",
        "aliases",
        ["model", "alias"],
        unique=True,
        sqlite_where=sa.text("to_at IS NULL"),
        postgresql_where=sa.text("to_at IS NULL"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("needs", sa.Text(), nullable=False, comment="role to how many"),
        sa.Column("state", sa.Text(), nullable=False, comment="open, approved, refused, expired, withdrawn, used"),
        sa.Column("actor", sa.Text(), nullable=False, comment="who asked"),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_model_version"), "approvals", ["model", "version"], unique=False)
    op.create_index(op.f("ix_approvals_state"), "approvals", ["state"], unique=False)
    op.create_table(
        "artifacts",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="blob or tree"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_artifacts")),
    )
    op.create_table(
        "assignments",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False, comment="dev, staging, prod, ..."),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("approval_id", sa.String(length=26), nullable=True, comment="the approval that allowed it"),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=True, comment="empty: holds now"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    op.create_index(
        op.f("ix_assignments_model_environment_from_at"),
        "assignments",
        ["model", "environment", "from_at"],
        unique=False,
    )
    op.create_index(
        "uq_assignments_current",
        "assignments",
        ["model", "environment"],
        unique=True,
        sqlite_where=sa.text("to_at IS NULL"),
        postgresql_where=sa.text("to_at IS NULL"),
    )
    op.create_table(
        "cache_entries",
        sa.Column("cache_key", sa.String(length=71), nullable=False),
        sa.Column("step_run_id", sa.String(length=26), nullable=False),
        sa.Column("step", sa.Text(), nullable=False, comment="the step's function, to find its newest entry"),
        sa.Column(
            "parts", sa.Text(), nullable=False, comment="what the key was made of; tells why a later key differs"
        ),
        sa.Column("outputs", sa.Text(), nullable=False, comment="list of {name, digest, codec, type, size_bytes}"),
        sa.Column(
            "journal_id",
            sa.String(length=26),
            nullable=True,
            comment="what the step logged; a hit logs it again for its own run",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cache_key", name=op.f("pk_cache_entries")),
    )
    op.create_index(op.f("ix_cache_entries_step_step_run_id"), "cache_entries", ["step", "step_run_id"], unique=False)
    op.create_table(
        "chunks",
        sa.Column("series_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False, comment="of its first point"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=False, comment="smallest of its steps"),
        sa.Column("last_step", sa.BigInteger(), nullable=False, comment="largest of its steps"),
        sa.Column("first_at", sa.BigInteger(), nullable=False, comment="earliest of its times"),
        sa.Column("last_at", sa.BigInteger(), nullable=False, comment="latest of its times"),
        sa.Column("summary", sa.LargeBinary(), nullable=False, comment="what a plot needs: few points that span it"),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="steps, times and values; see `ledger.packing`"),
        sa.PrimaryKeyConstraint("series_id", "place", name=op.f("pk_chunks")),
    )
    op.create_table(
        "cursors",
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column(
            "seq", sa.BigInteger(), nullable=False, comment="everything up to and including this event is handled"
        ),
        sa.PrimaryKeyConstraint("subscriber", name=op.f("pk_cursors")),
    )
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="of its content; a client's own notation is kept"),
        sa.Column("source_type", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("schema", sa.Text(), server_default="", nullable=False),
        sa.Column("profile", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("name", "digest", name=op.f("uq_datasets_name_digest")),
    )
    op.create_table(
        "deployments",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False, comment="as declared: routing key, rollout steps, guardrails"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_deployments")),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_events_subject_seq"), "events", ["subject", "seq"], unique=False)
    op.create_index(op.f("ix_events_type_seq"), "events", ["type", "seq"], unique=False)
    op.create_table(
        "experiments",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="a path: its folders, and its own name"),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "settings", sa.Text(), server_default="{}", nullable=False, comment="inherited by what lies below it"
        ),
        sa.Column("location", sa.Text(), server_default="", nullable=False, comment="where a client wants artifacts"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True, comment="in the bin; empty: it isn't"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments")),
        sa.UniqueConstraint("name", name=op.f("uq_experiments_name")),
        sa.UniqueConstraint("number", name=op.f("uq_experiments_number")),
    )
    op.create_table(
        "firings",
        sa.Column("source", sa.Text(), nullable=False, comment="trigger/<name> or schedule/<name>"),
        sa.Column("key", sa.Text(), nullable=False, comment="event id, due moment, or the caller's own key"),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False, comment="fired, cooling-down, over-budget, busy"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False, comment="the pipeline's arguments, fixed when it fired"),
        sa.Column(
            "outcome", sa.Text(), nullable=True, comment="empty while its run isn't over: succeeded, failed, cancelled"
        ),
        sa.Column("run_id", sa.String(length=26), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_firings")),
    )
    op.create_index(op.f("ix_firings_source_at"), "firings", ["source", "at"], unique=False)
    op.create_index(op.f("ix_firings_system_outcome"), "firings", ["system", "outcome"], unique=False)
    op.create_table(
        "gate_results",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="a sentence"),
        sa.Column(
            "asked", sa.Text(), nullable=True, comment="the gate's declaration, and the champion it compared with"
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_results")),
    )
    op.create_index(op.f("ix_gate_results_model_version"), "gate_results", ["model", "version"], unique=False)
    op.create_table(
        "labels",
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("prediction_id", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True, comment="NULL is NaN"),
        sa.Column("predicted_at", sa.BigInteger(), nullable=False, comment="event time of the prediction"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="when the outcome became known, event time"),
        sa.Column(
            "corrected_at", sa.BigInteger(), nullable=True, comment="when another value replaced the first, event time"
        ),
        sa.PrimaryKeyConstraint("deployment", "prediction_id", name=op.f("pk_labels")),
    )
    op.create_index(op.f("ix_labels_deployment_predicted_at"), "labels", ["deployment", "predicted_at"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False, comment="host:pid:start time"),
        sa.Column("fence", sa.BigInteger(), nullable=False, comment="grows with each new owner"),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, comment="machine's clock"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False, comment="revision, instance, clock"),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "models",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("settings", sa.Text(), server_default="{}", nullable=False, comment="environments: gates, approvals"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_models")),
    )
    op.create_table(
        "monitors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "retired_at", sa.BigInteger(), nullable=True, comment="set when no longer declared; kept for its history"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_monitors")),
    )
    op.create_table(
        "points",
        sa.Column("series_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "place", sa.BigInteger(), autoincrement=False, nullable=False, comment="in the order in which they came"
        ),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="steps, times and values; see `ledger.packing`"),
        sa.PrimaryKeyConstraint("series_id", "place", name=op.f("pk_points")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "prediction_batches",
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="event time"),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False, comment="version of the payload's format"),
        sa.Column(
            "payload", sa.LargeBinary(), nullable=False, comment="columns: ids, arm, version, features, outputs, ..."
        ),
        sa.PrimaryKeyConstraint("deployment", "request_id", name=op.f("pk_prediction_batches")),
    )
    op.create_index(
        op.f("ix_prediction_batches_deployment_at"), "prediction_batches", ["deployment", "at"], unique=False
    )
    op.create_table(
        "predictions",
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("prediction_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="event time of the first prediction of this id"),
        sa.PrimaryKeyConstraint("deployment", "prediction_id", name=op.f("pk_predictions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "proxied_files",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_proxied_files")),
    )
    op.create_index(op.f("ix_proxied_files_digest"), "proxied_files", ["digest"], unique=False)
    op.create_table(
        "registry_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="0: the model itself"),
        sa.Column("what", sa.Text(), nullable=False, comment="tag, description, stage, status, card, name, deletion"),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_changes")),
    )
    op.create_index(op.f("ix_registry_changes_model_at"), "registry_changes", ["model", "at"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False, comment="cron, time zone, arguments"),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="no moment before it is ever due"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_table(
        "systems",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False, comment="file.py:name that declares it"),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_systems")),
    )
    op.create_index(op.f("ix_systems_name_id"), "systems", ["name", "id"], unique=False)
    op.create_table(
        "triggers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_triggers")),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="where the whole file will be"),
        sa.Column("parts", sa.Text(), server_default="{}", nullable=False, comment="number to digest and size"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("events", sa.Text(), nullable=False, comment="types of events that it wants"),
        sa.Column(
            "has_secret", sa.Boolean(), nullable=False, comment="the secret itself is in the project's secrets folder"
        ),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column(
            "dialect", sa.Text(), server_default="", nullable=False, comment="body that it gets: ours, or mlflow"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("name", name=op.f("uq_webhooks_name")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False, comment="info, warning, critical"),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("resolution", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_alerts_monitor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_deployment_opened_at"), "alerts", ["deployment", "opened_at"], unique=False)
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["monitor"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "approval_votes",
        sa.Column("approval_id", sa.String(length=26), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("approves", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["approval_id"], ["approvals.id"], name=op.f("fk_approval_votes_approval_id")),
        sa.PrimaryKeyConstraint("approval_id", "actor", name=op.f("pk_approval_votes")),
    )
    op.create_table(
        "experiment_tags",
        sa.Column("experiment_id", sa.String(length=26), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name=op.f("fk_experiment_tags_experiment_id")),
        sa.PrimaryKeyConstraint("experiment_id", "key", name=op.f("pk_experiment_tags")),
    )
    op.create_table(
        "logged_models",
        sa.Column("id", sa.String(length=40), nullable=False, comment="m- and 32 hexadecimal digits"),
        sa.Column("experiment_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="pending, ready, upload-failed"),
        sa.Column("status_message", sa.Text(), server_default="", nullable=False),
        sa.Column("model_type", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.String(length=26), nullable=True, comment="run that made it"),
        sa.Column("params", sa.Text(), server_default="{}", nullable=False),
        sa.Column("tags", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name=op.f("fk_logged_models_experiment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logged_models")),
    )
    op.create_index(
        op.f("ix_logged_models_experiment_id_created_at"),
        "logged_models",
        ["experiment_id", "created_at"],
        unique=False,
    )
    op.create_index(op.f("ix_logged_models_run_id"), "logged_models", ["run_id"], unique=False)
    op.create_table(
        "model_tags",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False, comment="0: of the model itself"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name=op.f("fk_model_tags_model")),
        sa.PrimaryKeyConstraint("model", "version", "key", name=op.f("pk_model_tags")),
    )
    op.create_table(
        "model_versions",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False, comment="the model's files, an artifact"),
        sa.Column("source", sa.Text(), server_default="", nullable=False, comment="URI that a client gave"),
        sa.Column("status", sa.Text(), server_default="ready", nullable=False, comment="ready, pending, failed"),
        sa.Column("stage", sa.Text(), server_default="None", nullable=False, comment="MLflow's: None, Staging, ..."),
        sa.Column("logged_model_id", sa.String(length=40), nullable=True),
        sa.Column("flavour", sa.Text(), nullable=False, comment="how it is loaded: sklearn, python, ..."),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("unsafe", sa.Boolean(), nullable=False, comment="True when loading runs arbitrary code (pickle)"),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column(
            "profile_digest", sa.String(length=71), nullable=True, comment="reference profile for monitors, an artifact"
        ),
        sa.Column("lineage", sa.Text(), nullable=False, comment="run, step, code, environment and input digests"),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.String(length=26), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column(
            "card_digest", sa.String(length=71), nullable=True, comment="what people wrote into its card, an artifact"
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name=op.f("fk_model_versions_model")),
        sa.PrimaryKeyConstraint("model", "version", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_model_versions_idempotency_key")),
    )
    op.create_index(op.f("ix_model_versions_digest"), "model_versions", ["digest"], unique=False)
    op.create_index(op.f("ix_model_versions_run_id"), "model_versions", ["run_id"], unique=False)
    op.create_table(
        "monitor_results",
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="version that served most of the window"),
        sa.Column("verdict", sa.Text(), nullable=False, comment="ok, degraded, too-few"),
        sa.Column("value", sa.Double(), nullable=True, comment="the headline number; empty when too few rows"),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.name"], name=op.f("fk_monitor_results_monitor")),
        sa.PrimaryKeyConstraint("monitor", "window_end", name=op.f("pk_monitor_results")),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("stable", sa.Integer(), nullable=True, comment="version that served before; empty for the first"),
        sa.Column("candidate", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="running, promoted, rolled-back, inconclusive, aborted"),
        sa.Column("steps", sa.Text(), nullable=False, comment="list of {weight, ...} as planned at the start"),
        sa.Column("step", sa.Integer(), nullable=False, comment="index into steps"),
        sa.Column("step_started_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True, comment="the last look's numbers and sentence"),
        sa.Column("cause", sa.Text(), nullable=True, comment="what asked for it"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["deployment"], ["deployments.name"], name=op.f("fk_rollouts_deployment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
    )
    op.create_index(
        "uq_rollouts_running",
        "rollouts",
        ["deployment"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("experiment_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="pipeline or script"),
        sa.Column("status", sa.Text(), nullable=False, comment="scheduled, running, succeeded, failed, cancelled"),
        sa.Column("pipeline", sa.Text(), server_default="", nullable=False, comment="name; empty for scripts"),
        sa.Column("ir_digest", sa.String(length=71), nullable=True, comment="the PipelineSpec, an artifact"),
        sa.Column("code_digest", sa.String(length=71), nullable=True),
        sa.Column("environment_digest", sa.String(length=71), nullable=True),
        sa.Column("source", sa.Text(), nullable=True, comment="entry point, git commit, dirty"),
        sa.Column(
            "arguments", sa.Text(), server_default="{}", nullable=False, comment="the pipeline's parameters as bound"
        ),
        sa.Column(
            "cause",
            sa.Text(),
            nullable=True,
            comment="what started it: {trigger, event_id} or {schedule, due_at} or {user}",
        ),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.String(length=26), nullable=True),
        sa.Column(
            "forked_from",
            sa.String(length=26),
            nullable=True,
            comment="run whose params, tags and points up to `forked_step` it began with",
        ),
        sa.Column("forked_step", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="when the ledger heard of it"),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True, comment="in the bin; empty: it isn't"),
        sa.Column("duration_s", sa.Double(), nullable=True, comment="machine's clock"),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name=op.f("fk_runs_experiment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_runs_idempotency_key")),
    )
    op.create_index(op.f("ix_runs_experiment_id_id"), "runs", ["experiment_id", "id"], unique=False)
    op.create_index(op.f("ix_runs_experiment_id_name"), "runs", ["experiment_id", "name"], unique=False)
    op.create_index(op.f("ix_runs_experiment_id_started_at"), "runs", ["experiment_id", "started_at"], unique=False)
    op.create_index(op.f("ix_runs_forked_from"), "runs", ["forked_from"], unique=False)
    op.create_index(op.f("ix_runs_parent_id"), "runs", ["parent_id"], unique=False)
    op.create_index(op.f("ix_runs_status"), "runs", ["status"], unique=False)
    op.create_table(
        "traffic",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("arms", sa.Text(), nullable=False, comment="list of {arm: stable|candidate, version, weight}"),
        sa.Column("rollout_id", sa.String(length=26), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=True, comment="empty: holds now"),
        sa.ForeignKeyConstraint(["deployment"], ["deployments.name"], name=op.f("fk_traffic_deployment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traffic")),
    )
    op.create_index(
        "uq_traffic_current",
        "traffic",
        ["deployment"],
        unique=True,
        sqlite_where=sa.text("to_at IS NULL"),
        postgresql_where=sa.text("to_at IS NULL"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("webhook_id", sa.String(length=26), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, delivered, given-up"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True, comment="machine's clock; when to try again"),
        sa.Column("status", sa.Integer(), nullable=True, comment="HTTP status of the last answer"),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "webhook_id", "event_seq", "id", name=op.f("uq_webhook_deliveries_webhook_id_event_seq_id")
        ),
    )
    op.create_index(
        op.f("ix_webhook_deliveries_state_next_at"), "webhook_deliveries", ["state", "next_at"], unique=False
    )
    op.create_table(
        "journals",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column(
            "step", sa.Text(), server_default="", nullable=False, comment="key in the PipelineSpec; empty for scripts"
        ),
        sa.Column(
            "position", sa.BigInteger(), nullable=False, comment="bytes shipped; everything before is in the ledger"
        ),
        sa.Column("superseded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column(
            "logged", sa.Text(), server_default="{}", nullable=False, comment="params, tags and artifacts it brought"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_journals_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journals")),
    )
    op.create_index(op.f("ix_journals_run_id_step"), "journals", ["run_id", "step"], unique=False)
    op.create_table(
        "logged_model_metrics",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("model_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True, comment="NULL is NaN"),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(length=26), nullable=True),
        sa.Column("dataset_name", sa.Text(), server_default="", nullable=False),
        sa.Column("dataset_digest", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["logged_models.id"], name=op.f("fk_logged_model_metrics_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logged_model_metrics")),
    )
    op.create_index(
        op.f("ix_logged_model_metrics_model_id_key_step"),
        "logged_model_metrics",
        ["model_id", "key", "step"],
        unique=False,
    )
    op.create_table(
        "params",
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("number", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_params_run_id")),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_params")),
    )
    op.create_index(op.f("ix_params_key_number_run_id"), "params", ["key", "number", "run_id"], unique=False)
    op.create_index(op.f("ix_params_key_text_run_id"), "params", ["key", "text", "run_id"], unique=False)
    op.create_table(
        "rollout_looks",
        sa.Column("rollout_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False, comment="continue, advance, promote, roll-back, keep-stable"),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollouts.id"], name=op.f("fk_rollout_looks_rollout_id")),
        sa.PrimaryKeyConstraint("rollout_id", "at", name=op.f("pk_rollout_looks")),
    )
    op.create_table(
        "run_artifacts",
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="a path, as clients see it"),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_artifacts_run_id")),
        sa.PrimaryKeyConstraint("run_id", "name", name=op.f("pk_run_artifacts")),
    )
    op.create_index(op.f("ix_run_artifacts_digest"), "run_artifacts", ["digest"], unique=False)
    op.create_table(
        "run_datasets",
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("dataset_id", sa.String(length=26), nullable=False),
        sa.Column("context", sa.Text(), server_default="", nullable=False, comment="training, validation, test, ..."),
        sa.Column("tags", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_run_datasets_dataset_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_datasets_run_id")),
        sa.PrimaryKeyConstraint("run_id", "dataset_id", name=op.f("pk_run_datasets")),
    )
    op.create_index(op.f("ix_run_datasets_dataset_id_run_id"), "run_datasets", ["dataset_id", "run_id"], unique=False)
    op.create_table(
        "run_models",
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("model_id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.Text(), nullable=False, comment="input or output"),
        sa.Column("step", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["logged_models.id"], name=op.f("fk_run_models_model_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_models_run_id")),
        sa.PrimaryKeyConstraint("run_id", "model_id", "role", name=op.f("pk_run_models")),
    )
    op.create_index(op.f("ix_run_models_model_id"), "run_models", ["model_id"], unique=False)
    op.create_table(
        "series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="id of a step's journal; empty for scripts and clients"),
        sa.Column("shown", sa.SmallInteger(), nullable=False, comment="1: the newest of its run and key; else 0"),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False, comment="points in all"),
        sa.Column("packed", sa.BigInteger(), nullable=False, comment="points in chunks; the rest are elsewhere"),
        sa.Column("last", sa.Double(), nullable=True, comment="value at the largest (step, at); NULL is NaN"),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("min", sa.Double(), nullable=True, comment="of what isn't NaN; NULL when all is"),
        sa.Column("max", sa.Double(), nullable=True, comment="of what isn't NaN; NULL when all is"),
        sa.Column("tail", sa.LargeBinary(), nullable=False, comment="its newest points as long as they are few"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_series_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("run_id", "key", "origin", name=op.f("uq_series_run_id_key_origin")),
    )
    op.create_index(
        "ix_series_shown_last",
        "series",
        ["key", "last", "run_id"],
        unique=False,
        sqlite_where=sa.text("shown = 1"),
        postgresql_where=sa.text("shown = 1"),
    )
    op.create_index(
        "ix_series_shown_max",
        "series",
        ["key", "max", "run_id"],
        unique=False,
        sqlite_where=sa.text("shown = 1"),
        postgresql_where=sa.text("shown = 1"),
    )
    op.create_index(
        "ix_series_shown_min",
        "series",
        ["key", "min", "run_id"],
        unique=False,
        sqlite_where=sa.text("shown = 1"),
        postgresql_where=sa.text("shown = 1"),
    )
    op.create_table(
        "sheets",
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="that of its series"),
        sa.Column(
            "place", sa.BigInteger(), autoincrement=False, nullable=False, comment="in the order in which they came"
        ),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="keys and their points; see `ledger.sheets`"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_sheets_run_id")),
        sa.PrimaryKeyConstraint("run_id", "origin", "place", name=op.f("pk_sheets")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "step_outputs",
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("step_run_id", sa.String(length=26), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_step_outputs_run_id")),
        sa.PrimaryKeyConstraint("run_id", "step", "name", name=op.f("pk_step_outputs")),
    )
    op.create_index(op.f("ix_step_outputs_digest"), "step_outputs", ["digest"], unique=False)
    op.create_table(
        "step_runs",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("step", sa.Text(), nullable=False, comment="key in the PipelineSpec"),
        sa.Column("status", sa.Text(), nullable=False, comment="running, succeeded, cached, failed, cancelled"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False, comment="a commit with an older one is refused"),
        sa.Column("cache_key", sa.String(length=71), nullable=True),
        sa.Column("cached_from", sa.String(length=26), nullable=True, comment="step run whose outputs were taken"),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why it ran or didn't"),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("log_digest", sa.String(length=71), nullable=True),
        sa.Column("usage", sa.Text(), nullable=True, comment="cpu_s, peak_memory_bytes"),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True, comment="machine's clock"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_step_runs_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_runs")),
        sa.UniqueConstraint("run_id", "step", "attempt", name=op.f("uq_step_runs_run_id_step_attempt")),
    )
    op.create_table(
        "tags",
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="first 250 characters of the value"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_tags_run_id")),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_tags")),
    )
    op.create_index(op.f("ix_tags_key_text_run_id"), "tags", ["key", "text", "run_id"], unique=False)
