"""Rows that come from another tracker with their own times: what `mlwright import` writes besides the usual.

Whatever was imported has an idempotency key that names it at its source, so it is found again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger.schema import experiments, logged_models, model_versions, models, runs
from mlwright.ledger.store import Transaction


class ImportedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What an import has to know of a run that is there.

    Attributes:
        id: Its id.
        status: Its status.
        is_deleted: True when it is in the bin.
    """

    id: str
    status: str
    is_deleted: bool


def run_of_key(connection: sa.Connection, key: str) -> ImportedRun | None:
    """Return the run that was imported under a key, None when there is none."""
    return _run(connection, runs.c.idempotency_key == key)


def run_of_id(connection: sa.Connection, run_id: str) -> ImportedRun | None:
    """Return the run of an id, None when there is none."""
    return _run(connection, runs.c.id == run_id)


def date_experiment(tx: Transaction, experiment_id: str, created_at: datetime, *, is_deleted: bool) -> None:
    """Give an experiment that was just made its own date, and its place in the bin if it was there."""
    values: dict[str, Any] = {"created_at": created_at, "deleted_at": tx.now if is_deleted else None}
    tx.execute(sa.update(experiments).where(experiments.c.id == experiment_id).values(values))


def date_logged_model(
    tx: Transaction, model_id: str, *, created_at: datetime, changed_at: datetime, is_deleted: bool
) -> None:
    """Give a logged model that was just made its own dates, and its place in the bin if it was there."""
    values: dict[str, Any] = {"created_at": created_at, "changed_at": changed_at}
    values["deleted_at"] = tx.now if is_deleted else None
    tx.execute(sa.update(logged_models).where(logged_models.c.id == model_id).values(values))


def message_logged_model(tx: Transaction, model_id: str, message: str) -> None:
    """Say why a logged model that was just made is in its status."""
    tx.execute(sa.update(logged_models).where(logged_models.c.id == model_id).values(status_message=message))


def date_model(tx: Transaction, name: str, created_at: datetime) -> None:
    """Give a registered model that was just made its own date."""
    tx.execute(sa.update(models).where(models.c.name == name).values(created_at=created_at))


def version_keys(connection: sa.Connection, name: str) -> dict[int, str | None]:
    """Return the versions of a model, each with the key that it was registered under."""
    query = sa.select(model_versions.c.version, model_versions.c.idempotency_key).where(model_versions.c.model == name)
    return {row.version: row.idempotency_key for row in connection.execute(query)}


def _run(connection: sa.Connection, where: sa.ColumnElement[bool]) -> ImportedRun | None:
    row = connection.execute(sa.select(runs.c.id, runs.c.status, runs.c.deleted_at).where(where)).one_or_none()
    return None if row is None else ImportedRun(id=row.id, status=row.status, is_deleted=row.deleted_at is not None)
