"""Experiments, runs of pipelines and of plain scripts, their steps, and the artifacts that were made."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, digest_column, id_column, metadata

experiments = sa.Table(
    "experiments",
    metadata,
    id_column(primary_key=True),
    # MLflow's clients know experiments by a number; the default one is 0.
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, unique=True, comment="a path: its folders, and its own name"),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("settings", Json, nullable=False, server_default="{}", comment="inherited by what lies below it"),
    sa.Column("location", sa.Text, nullable=False, server_default="", comment="where a client wants artifacts"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment, comment="in the bin; empty: it isn't"),
)

experiment_tags = sa.Table(
    "experiment_tags",
    metadata,
    sa.Column("experiment_id", sa.ForeignKey("experiments.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    id_column(primary_key=True),
    sa.Column("experiment_id", sa.ForeignKey("experiments.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, comment="pipeline or script"),
    sa.Column("status", sa.Text, nullable=False, comment="scheduled, running, succeeded, failed, cancelled"),
    sa.Column("pipeline", sa.Text, nullable=False, server_default="", comment="name; empty for scripts"),
    digest_column("ir_digest", comment="the PipelineSpec, an artifact"),
    digest_column("code_digest"),
    digest_column("environment_digest"),
    sa.Column("source", Json, comment="entry point, git commit, dirty"),
    sa.Column("arguments", Json, nullable=False, server_default="{}", comment="the pipeline's parameters as bound"),
    sa.Column("cause", Json, comment="what started it: {trigger, event_id} or {schedule, due_at} or {user}"),
    sa.Column("idempotency_key", sa.Text, unique=True),
    id_column("parent_id", index=True),
    id_column("forked_from", index=True, comment="run whose params, tags and points up to `forked_step` it began with"),
    sa.Column("forked_step", sa.BigInteger),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("error", Json),
    sa.Column("created_at", Moment, nullable=False, comment="when the ledger heard of it"),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("deleted_at", Moment, comment="in the bin; empty: it isn't"),
    sa.Column("duration_s", sa.Double, comment="machine's clock"),
    sa.Index(None, "experiment_id", "id"),
    sa.Index(None, "experiment_id", "started_at"),
    sa.Index(None, "experiment_id", "name"),
    sa.Index(None, "status"),
)

step_runs = sa.Table(
    "step_runs",
    metadata,
    id_column(primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("step", sa.Text, nullable=False, comment="key in the PipelineSpec"),
    sa.Column("status", sa.Text, nullable=False, comment="running, succeeded, cached, failed, cancelled"),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False, comment="a commit with an older one is refused"),
    digest_column("cache_key"),
    id_column("cached_from", comment="step run whose outputs were taken"),
    sa.Column("reason", sa.Text, nullable=False, server_default="", comment="why it ran or didn't"),
    sa.Column("error", Json),
    digest_column("log_digest"),
    sa.Column("usage", Json, comment="cpu_s, peak_memory_bytes"),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("duration_s", sa.Double, comment="machine's clock"),
    sa.UniqueConstraint("run_id", "step", "attempt"),
)

step_outputs = sa.Table(
    "step_outputs",
    metadata,
    # The primary key is the promise: one commit for each output of each step of a run, whoever tries.
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    id_column("step_run_id", nullable=False),
    digest_column("digest", nullable=False),
    sa.Column("codec", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Index(None, "digest"),
)

cache_entries = sa.Table(
    "cache_entries",
    metadata,
    digest_column("cache_key", primary_key=True),
    id_column("step_run_id", nullable=False),
    sa.Column("step", sa.Text, nullable=False, comment="the step's function, to find its newest entry"),
    sa.Column("parts", Json, nullable=False, comment="what the key was made of; tells why a later key differs"),
    sa.Column("outputs", Json, nullable=False, comment="list of {name, digest, codec, type, size_bytes}"),
    id_column("journal_id", comment="what the step logged; a hit logs it again for its own run"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index(None, "step", "step_run_id"),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    digest_column("digest", primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, comment="blob or tree"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)
