"""The first schema. Written by scripts/make_migration.py."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "artifacts",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="blob or tree"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_artifacts")),
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
        "cursors",
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column(
            "seq", sa.BigInteger(), nullable=False, comment="everything up to and including this event is handled"
        ),
        sa.PrimaryKeyConstraint("subscriber", name=op.f("pk_cursors")),
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
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments")),
        sa.UniqueConstraint("name", name=op.f("uq_experiments_name")),
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
        sa.Column("created_at", sa.BigInteger(), nullable=False),
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
        "aliases",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=True, comment="empty: holds now"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name=op.f("fk_aliases_model")),
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
        "model_versions",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False, comment="the model's files, an artifact"),
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
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name=op.f("fk_model_versions_model")),
        sa.PrimaryKeyConstraint("model", "version", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_model_versions_idempotency_key")),
    )
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
        sa.Column("status", sa.Text(), nullable=False, comment="running, succeeded, failed, cancelled"),
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
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True, comment="machine's clock"),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name=op.f("fk_runs_experiment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_runs_idempotency_key")),
    )
    op.create_index(op.f("ix_runs_experiment_id_id"), "runs", ["experiment_id", "id"], unique=False)
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
        "metrics",
        sa.Column("journal_id", sa.String(length=26), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True, comment="NULL is NaN"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_metrics_run_id")),
        sa.PrimaryKeyConstraint("journal_id", "position", name=op.f("pk_metrics")),
    )
    op.create_index(op.f("ix_metrics_run_id_key_step"), "metrics", ["run_id", "key", "step"], unique=False)
    op.create_table(
        "params",
        sa.Column("run_id", sa.String(length=26), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_params_run_id")),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_params")),
    )
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
        sa.Column("name", sa.Text(), nullable=False),
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
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_tags_run_id")),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_tags")),
    )
