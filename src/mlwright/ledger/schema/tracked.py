"""What runs logged: parameters, tags, metrics, datasets, artifacts; and how far each journal is shipped.

A metric of a run is a *series*. Its newest points are in its own row while they are few; they, or what a large batch
brings at once, make one row of `points`; a batch that has few points of each of many metrics is kept as a *sheet* until
there are some of them; whole blocks of them are packed together into a *chunk*, which carries what a
plot needs of it, so that a curve of a million points is drawn from a thousand rows. What searches ask for is in the
series itself.
"""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import (
    Json,
    JsonOrNull,
    Moment,
    Real,
    counter_column,
    digest_column,
    id_column,
    metadata,
)

params = sa.Table(
    "params",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", JsonOrNull, nullable=False),
    # What searches compare: the text that a person would type, cut to its first 250 characters, and the number it is.
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("number", sa.Double),
    sa.Index(None, "key", "text", "run_id"),
    sa.Index(None, "key", "number", "run_id"),
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    # Some databases can't index a long text, so the index has its beginning.
    sa.Column("text", sa.Text, nullable=False, comment="first 250 characters of the value"),
    sa.Index(None, "key", "text", "run_id"),
)

series = sa.Table(
    "series",
    metadata,
    counter_column(primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    # Each attempt at a pipeline's step logs to series of its own; those of an attempt that was retried are kept, and
    # left out of curves and searches. Everything else logs to origin ''.
    sa.Column("origin", sa.Text, nullable=False, comment="id of a step's journal; empty for scripts and clients"),
    # A number, because the condition of a partial index reads the same on both databases then.
    sa.Column("shown", sa.SmallInteger, nullable=False, comment="1: the newest of its run and key; else 0"),
    sa.Column("superseded", sa.Boolean, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False, comment="points in all"),
    sa.Column("packed", sa.BigInteger, nullable=False, comment="points in chunks; the rest are elsewhere"),
    sa.Column("last", Real, comment="value at the largest (step, at); NULL is NaN"),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
    sa.Column("min", sa.Double, comment="of what isn't NaN; NULL when all is"),
    sa.Column("max", sa.Double, comment="of what isn't NaN; NULL when all is"),
    # At the end, so that what searches read lies before it.
    sa.Column("tail", sa.LargeBinary, nullable=False, default=b"", comment="its newest points as long as they are few"),
    sa.UniqueConstraint("run_id", "key", "origin"),
)
for _name in ("last", "min", "max"):
    sa.Index(
        f"ix_series_shown_{_name}",
        series.c.key,
        series.c[_name],
        series.c.run_id,
        sqlite_where=series.c.shown == 1,
    )

points = sa.Table(
    "points",
    metadata,
    sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False, comment="in the order in which they came"),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="steps, times and values; see `ledger.packing`"),
    sqlite_with_rowid=False,
)

sheets = sa.Table(
    "sheets",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("origin", sa.Text, primary_key=True, comment="that of its series"),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False, comment="in the order in which they came"),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="keys and their points; see `ledger.sheets`"),
    sqlite_with_rowid=False,
)

chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("series_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False, comment="of its first point"),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("first_step", sa.BigInteger, nullable=False, comment="smallest of its steps"),
    sa.Column("last_step", sa.BigInteger, nullable=False, comment="largest of its steps"),
    sa.Column("first_at", Moment, nullable=False, comment="earliest of its times"),
    sa.Column("last_at", Moment, nullable=False, comment="latest of its times"),
    # Before the data, so that reading it doesn't touch the pages of the data.
    sa.Column("summary", sa.LargeBinary, nullable=False, comment="what a plot needs: few points that span it"),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="steps, times and values; see `ledger.packing`"),
)

datasets = sa.Table(
    "datasets",
    metadata,
    id_column(primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, comment="of its content; a client's own notation is kept"),
    sa.Column("source_type", sa.Text, nullable=False, server_default=""),
    sa.Column("source", sa.Text, nullable=False, server_default=""),
    sa.Column("schema", sa.Text, nullable=False, server_default=""),
    sa.Column("profile", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("name", "digest"),
)

run_datasets = sa.Table(
    "run_datasets",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("dataset_id", sa.ForeignKey("datasets.id"), primary_key=True),
    sa.Column("context", sa.Text, nullable=False, server_default="", comment="training, validation, test, ..."),
    sa.Column("tags", Json, nullable=False, server_default="{}"),
    sa.Index(None, "dataset_id", "run_id"),
)

run_artifacts = sa.Table(
    "run_artifacts",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True, comment="a path, as clients see it"),
    digest_column("digest", nullable=False),
    sa.Column("codec", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("step", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index(None, "digest"),
)

journals = sa.Table(
    "journals",
    metadata,
    id_column(primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("step", sa.Text, nullable=False, server_default="", comment="key in the PipelineSpec; empty for scripts"),
    sa.Column("position", sa.BigInteger, nullable=False, comment="bytes shipped; everything before is in the ledger"),
    # A retried step logs its metrics anew: those of the attempt before are kept, and left out of curves.
    sa.Column("superseded", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("logged", Json, nullable=False, server_default="{}", comment="params, tags and artifacts it brought"),
    sa.Index(None, "run_id", "step"),
)
