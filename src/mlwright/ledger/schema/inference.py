"""The inference log and the labels that come back later: tables made for volume, without events."""

from __future__ import annotations

import sqlalchemy as sa

from mlwright.ledger.schema.types import Moment, Real, metadata

prediction_batches = sa.Table(
    "prediction_batches",
    metadata,
    # The caller's request id makes a retried request count once.
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("request_id", sa.Text, primary_key=True),
    sa.Column("at", Moment, nullable=False, comment="event time"),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("format", sa.Integer, nullable=False, comment="version of the payload's format"),
    sa.Column("payload", sa.LargeBinary, nullable=False, comment="columns: ids, arm, version, features, outputs, ..."),
    sa.Index(None, "deployment", "at"),
)

predictions = sa.Table(
    "predictions",
    metadata,
    # The index of the log: a label names a prediction, and this says whether and when it was made.
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("prediction_id", sa.Text, primary_key=True),
    sa.Column("at", Moment, nullable=False, comment="event time of the first prediction of this id"),
    sqlite_with_rowid=False,
)

labels = sa.Table(
    "labels",
    metadata,
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("prediction_id", sa.Text, primary_key=True),
    sa.Column("value", Real, comment="NULL is NaN"),
    sa.Column("predicted_at", Moment, nullable=False, comment="event time of the prediction"),
    sa.Column("at", Moment, nullable=False, comment="when the outcome became known, event time"),
    sa.Column("corrected_at", Moment, comment="when another value replaced the first, event time"),
    sa.Index(None, "deployment", "predicted_at"),
)
