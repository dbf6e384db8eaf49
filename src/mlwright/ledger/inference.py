"""The inference log and its labels: rows in, values out. Written for volume; nothing here emits events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger.conflicts import insert_into, insert_or_keep
from mlwright.ledger.schema import labels, prediction_batches, predictions
from mlwright.ledger.store import Transaction

# SQLite takes 32,766 parameters in a statement and PostgreSQL 65,535; short lists also keep the statement cache small.
_CHUNK = 500


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one request, packed; the fields are the columns of the table."""

    deployment: str
    request_id: str
    at: datetime
    rows: int
    format: int
    payload: bytes


class LabelRow(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome that became known for one prediction.

    Attributes:
        prediction_id: Which prediction.
        value: The outcome as it is known now.
        predicted_at: When the prediction was made.
        at: When the outcome first became known.
        corrected_at: When another value replaced it, None when that never happened.
    """

    prediction_id: str
    value: float
    predicted_at: datetime
    at: datetime
    corrected_at: datetime | None


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """What a stretch of the inference log holds: requests, rows, and when the first and the last were answered."""

    requests: int
    rows: int
    first_at: datetime
    last_at: datetime


def add_batch(tx: Transaction, row: BatchRow) -> bool:
    """Write the rows of one request; return False, changing nothing, when its request id is there already."""
    insert = insert_into(tx, prediction_batches).on_conflict_do_nothing()
    return bool(tx.execute(insert, {name: getattr(row, name) for name in BatchRow.__struct_fields__}).rowcount)


def add_predictions(tx: Transaction, deployment: str, ids: Sequence[str], at: datetime) -> None:
    """Index the predictions of a batch; an id that is known already stays with its first prediction."""
    # In one order for everybody: writers that meet at the same ids wait for each other and never in a circle.
    rows = [{"deployment": deployment, "prediction_id": id_, "at": at} for id_ in sorted(ids)]
    insert_or_keep(tx, predictions, rows)


def find_batch(connection: sa.Connection, deployment: str, request_id: str) -> BatchRow | None:
    """Return the rows of one request, None when it was never answered."""
    where = (prediction_batches.c.deployment == deployment, prediction_batches.c.request_id == request_id)
    row = connection.execute(sa.select(prediction_batches).where(*where)).one_or_none()
    return None if row is None else _batch(row)


def batches(connection: sa.Connection, deployment: str, since: datetime, until: datetime) -> Iterator[BatchRow]:
    """Yield the requests answered in [since, until), oldest first, reading them as they are taken."""
    table = prediction_batches.c
    query = sa.select(prediction_batches).where(table.deployment == deployment, table.at >= since, table.at < until)
    return _batches(connection, query.order_by(table.at, table.request_id))


def count_rows(connection: sa.Connection, deployment: str, since: datetime, until: datetime) -> int:
    """Return how many rows were logged in [since, until)."""
    table = prediction_batches.c
    query = sa.select(sa.func.coalesce(sa.func.sum(table.rows), 0))
    where = (table.deployment == deployment, table.at >= since, table.at < until)
    return int(connection.execute(query.where(*where)).scalar_one())


def find_logged(
    connection: sa.Connection, deployment: str, since: datetime | None = None, until: datetime | None = None
) -> Logged | None:
    """Return what was logged in [since, until), or ever, without reading the rows; None when nothing was."""
    table = prediction_batches.c
    counted = (sa.func.count().label("requests"), sa.func.sum(table.rows).label("rows"))
    ends = (sa.func.min(table.at).label("first_at"), sa.func.max(table.at).label("last_at"))
    query = sa.select(*counted, *ends).where(table.deployment == deployment)
    if since is not None:
        query = query.where(table.at >= since)
    if until is not None:
        query = query.where(table.at < until)
    row = connection.execute(query).one()
    if not row.requests:
        return None
    return Logged(requests=row.requests, rows=int(row.rows), first_at=row.first_at, last_at=row.last_at)


def prediction_times(connection: sa.Connection, deployment: str, ids: Sequence[str]) -> dict[str, datetime]:
    """Return when each of these predictions was made; unknown ids are absent."""
    table, found = predictions.c, {}
    for chunk in _chunks(ids):
        query = sa.select(table.prediction_id, table.at).where(
            table.deployment == deployment, _is_among(connection, table.prediction_id, chunk)
        )
        found.update({row.prediction_id: row.at for row in connection.execute(query)})
    return found


def find_labels(connection: sa.Connection, deployment: str, ids: Sequence[str]) -> dict[str, LabelRow]:
    """Return the labels of these predictions; those not known yet are absent."""
    found: dict[str, LabelRow] = {}
    for chunk in _chunks(ids):
        is_wanted = _is_among(connection, labels.c.prediction_id, chunk)
        query = sa.select(labels).where(labels.c.deployment == deployment, is_wanted)
        found.update({row.prediction_id: _label(row) for row in connection.execute(query)})
    return found


def labels_between(
    connection: sa.Connection, deployment: str, since: datetime, until: datetime, *, known_by: datetime | None = None
) -> dict[str, float]:
    """Return the outcomes of predictions made in [since, until), by prediction id.

    Args:
        connection: Where to read.
        deployment: Whose predictions.
        since: Beginning of the time of prediction.
        until: End of it, excluded.
        known_by: When given, only labels that were known at this moment.
    """
    table = labels.c
    query = sa.select(table.prediction_id, table.value).where(
        table.deployment == deployment, table.predicted_at >= since, table.predicted_at < until
    )
    if known_by is not None:
        query = query.where(table.at <= known_by)
    return dict(connection.execute(query).all())


def add_labels(tx: Transaction, deployment: str, rows: list[LabelRow]) -> None:
    """Write labels of predictions that had none; one that another writer has brought meanwhile stays."""
    ordered = sorted(rows, key=lambda row: row.prediction_id)
    insert_or_keep(tx, labels, [{"deployment": deployment, **msgspec.structs.asdict(row)} for row in ordered])


def correct_labels(tx: Transaction, deployment: str, values: dict[str, float], at: datetime) -> None:
    """Replace the outcome of labels that are there already."""
    if values:
        statement = (
            sa.update(labels)
            .where(labels.c.deployment == deployment, labels.c.prediction_id == sa.bindparam("id"))
            .values(value=sa.bindparam("new"), corrected_at=at)
        )
        tx.execute(statement, [{"id": id_, "new": value} for id_, value in sorted(values.items())])


def _batches(connection: sa.Connection, query: Any) -> Iterator[BatchRow]:
    for row in connection.execute(query.execution_options(yield_per=500)):
        yield _batch(row)


def _batch(row: Any) -> BatchRow:
    return BatchRow(**{name: getattr(row, name) for name in BatchRow.__struct_fields__})


def _label(row: Any) -> LabelRow:
    return LabelRow(**{name: getattr(row, name) for name in LabelRow.__struct_fields__})


def _is_among(connection: sa.Connection, column: sa.ColumnElement[str], ids: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a column holds one of these ids.

    PostgreSQL compares a list with each row of the deployment, as long as it has no statistics that say better; rows of
    an array it joins.
    """
    if connection.dialect.name != "postgresql":
        return column.in_(ids)
    given = sa.bindparam(None, list(ids), type_=sa.ARRAY(sa.Text))
    return column.in_(sa.select(sa.func.unnest(given)))


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
