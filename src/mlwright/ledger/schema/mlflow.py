"""What only MLflow's clients know of: logged models, and files at paths of their choice."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Json, Moment, Real, counter_column, digest_column, id_column, metadata

logged_models = sa.Table(
    "logged_models",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True, comment="m- and 32 hexadecimal digits"),
    sa.Column("experiment_id", sa.ForeignKey("experiments.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, comment="pending, ready, upload-failed"),
    sa.Column("status_message", sa.Text, nullable=False, server_default=""),
    sa.Column("model_type", sa.Text, nullable=False, server_default=""),
    id_column("run_id", index=True, comment="run that made it"),
    sa.Column("params", Json, nullable=False, server_default="{}"),
    sa.Column("tags", Json, nullable=False, server_default="{}"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment),
    sa.Index(None, "experiment_id", "created_at"),
)

logged_model_metrics = sa.Table(
    "logged_model_metrics",
    metadata,
    counter_column(primary_key=True),
    sa.Column("model_id", sa.ForeignKey("logged_models.id"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("value", Real, comment="NULL is NaN"),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("at", Moment, nullable=False),
    id_column("run_id"),
    sa.Column("dataset_name", sa.Text, nullable=False, server_default=""),
    sa.Column("dataset_digest", sa.Text, nullable=False, server_default=""),
    sa.Index(None, "model_id", "key", "step"),
)

run_models = sa.Table(
    "run_models",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("model_id", sa.ForeignKey("logged_models.id"), primary_key=True),
    sa.Column("role", sa.Text, primary_key=True, comment="input or output"),
    sa.Column("step", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index(None, "model_id"),
)

proxied_files = sa.Table(
    "proxied_files",
    metadata,
    # Files of a run are run_artifacts; these are all others: of logged models, and at paths that clients made up.
    sa.Column("path", sa.Text, primary_key=True),
    digest_column("digest", nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index(None, "digest"),
)

uploads = sa.Table(
    "uploads",
    metadata,
    id_column(primary_key=True),
    sa.Column("path", sa.Text, nullable=False, comment="where the whole file will be"),
    sa.Column("parts", Json, nullable=False, server_default="{}", comment="number to digest and size"),
    sa.Column("created_at", Moment, nullable=False),
)
