"""Logged models, as MLflow's clients know them: rows in, values out.

A logged model is made in an experiment, often by a run. It has files, parameters, tags and metrics before anybody
registers it. Which runs took or made it is kept in `run_models`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from mlwright.errors import AlreadyExists, NotFound
from mlwright.ledger.conflicts import insert_or_keep, insert_or_update
from mlwright.ledger.schema import experiments, logged_model_metrics, logged_models, run_models
from mlwright.ledger.store import Transaction

Status = Literal["pending", "ready", "upload-failed", "unspecified"]
Role = Literal["input", "output"]
_BATCH = 500
_IDENTITY = ("model_id", "key", "step", "at", "run_id", "dataset_name")


class NewLoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A logged model that is about to be made.

    Attributes:
        experiment_id: Experiment that it belongs to.
        name: Its name; several may have the same one.
        model_type: What kind of model it is, in the client's words.
        run_id: Run that made it, None when none did.
        params: Its parameters.
        tags: Its tags.
        status: `pending` until its files are there.
        id: Its id, for one that is brought over from elsewhere; a new one by default.
    """

    experiment_id: str
    name: str
    model_type: str = ""
    run_id: str | None = None
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    status: Status = "pending"
    id: str | None = None


class LoggedModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A logged model; see `NewLoggedModel` for the fields that it shares.

    Attributes:
        status_message: Why it is in that status.
        experiment_number: Number of its experiment.
        location: Where that experiment's artifacts are wanted; empty for the usual place.
        created_at: When it was made.
        changed_at: When it was last changed.
        deleted_at: When it was deleted, None when it wasn't.
    """

    id: str
    experiment_id: str
    experiment_number: int
    location: str
    name: str
    status: str
    status_message: str
    model_type: str
    run_id: str | None
    params: dict[str, str]
    tags: dict[str, str]
    created_at: datetime
    changed_at: datetime
    deleted_at: datetime | None


class ModelMetric(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a metric of a logged model.

    Attributes:
        model_id: The model.
        key: The metric.
        value: Its value; may be NaN or infinite.
        step: Place on its axis.
        at: When it was measured.
        run_id: Run that measured it.
        dataset_name: Name of the dataset that it was measured on; empty when none was named.
        dataset_digest: Digest of that dataset.
    """

    model_id: str
    key: str
    value: float
    step: int
    at: datetime
    run_id: str | None = None
    dataset_name: str = ""
    dataset_digest: str = ""


class RunModel(msgspec.Struct, frozen=True, kw_only=True):
    """That a run took (`input`) or made (`output`) a logged model, and at which step."""

    run_id: str
    model_id: str
    role: str
    step: int


def create(tx: Transaction, new: NewLoggedModel) -> LoggedModelRow:
    """Make a logged model.

    Raises:
        AlreadyExists: There is one of this id.
    """
    id_ = new.id or f"m-{uuid.uuid4().hex}"
    if new.id is not None and tx.execute(sa.select(logged_models.c.id).where(logged_models.c.id == id_)).scalar():
        raise AlreadyExists(f"there is a logged model '{id_}' already.")
    row = {**msgspec.structs.asdict(new), "id": id_, "created_at": tx.now, "changed_at": tx.now}
    tx.execute(sa.insert(logged_models).values(row))
    tx.emit("logged-model.created", f"logged-model/{id_}", name=new.name, run_id=new.run_id)
    return find(tx.connection, id_)


def find(connection: sa.Connection, model_id: str, *, deleted: bool = False) -> LoggedModelRow:
    """Return a logged model; one that was deleted only with `deleted`.

    Raises:
        NotFound: There is none of this id.
    """
    rows = find_many(connection, [model_id])
    if not rows or (rows[0].deleted_at is not None and not deleted):
        raise NotFound(f"Logged model with ID '{model_id}' not found.")
    return rows[0]


def find_many(connection: sa.Connection, model_ids: Sequence[str]) -> list[LoggedModelRow]:
    """Return the logged models of some ids, deleted ones too; unknown ids are left out."""
    return [
        _row(row)
        for batch in _batches(model_ids)
        for row in connection.execute(select().where(logged_models.c.id.in_(batch)))
    ]


def set_status(tx: Transaction, model_id: str, status: Status, *, message: str = "") -> None:
    """Say whether a model's files are there."""
    hold(tx, model_id)
    _change(tx, model_id, status=status, status_message=message)
    tx.emit("logged-model.finalized", f"logged-model/{model_id}", status=status)


def put_tags(tx: Transaction, model_id: str, tags: dict[str, str]) -> None:
    """Set tags of a model; a key that is set takes the new value."""
    _change(tx, model_id, tags={**hold(tx, model_id).tags, **tags})


def delete_tag(tx: Transaction, model_id: str, key: str) -> None:
    """Take a tag from a model.

    Raises:
        NotFound: It has none of this key.
    """
    tags = dict(hold(tx, model_id).tags)
    if key not in tags:
        raise NotFound(f"No tag with key '{key}' found for model with ID '{model_id}'.")
    del tags[key]
    _change(tx, model_id, tags=tags)


def put_params(tx: Transaction, model_id: str, params: dict[str, str]) -> None:
    """Set parameters of a model, which never change afterwards.

    Raises:
        AlreadyExists: One of them has another value already.
    """
    known = hold(tx, model_id).params
    for key, value in params.items():
        if known.get(key, value) != value:
            raise AlreadyExists(f"the parameter '{key}' of logged model '{model_id}' has another value already.")
    _change(tx, model_id, params={**known, **params})


def delete(tx: Transaction, model_id: str) -> None:
    """Put a model into the bin; what names it goes on naming it."""
    if hold(tx, model_id).deleted_at is not None:
        return
    _change(tx, model_id, deleted_at=tx.now)
    tx.emit("logged-model.deleted", f"logged-model/{model_id}")


def add_metrics(tx: Transaction, metrics: Iterable[ModelMetric]) -> None:
    """Keep values of metrics of models; one that is there already is not kept twice.

    Raises:
        NotFound: There is no such model.
    """
    rows = [msgspec.structs.asdict(metric) for metric in metrics]
    _check_known(tx, sorted({row["model_id"] for row in rows}))
    kept = _kept(tx, rows)
    fresh = {identity: row for row in rows if (identity := _identity(row)) not in kept}
    if fresh:
        tx.execute(sa.insert(logged_model_metrics), list(fresh.values()))


def metrics_of(connection: sa.Connection, model_ids: Sequence[str]) -> dict[str, list[ModelMetric]]:
    """Return the metrics of models, by model; each in the order in which they were kept."""
    table = logged_model_metrics
    columns = [table.c[name] for name in ModelMetric.__struct_fields__]
    found: dict[str, list[ModelMetric]] = {}
    for batch in _batches(model_ids):
        for row in connection.execute(sa.select(*columns).where(table.c.model_id.in_(batch)).order_by(table.c.id)):
            found.setdefault(row.model_id, []).append(ModelMetric(**row._asdict()))
    return found


def link(tx: Transaction, run_id: str, models: dict[str, int], role: Role) -> None:
    """Note that a run took or made models.

    Args:
        tx: The caller's transaction.
        run_id: The run.
        models: Model to the step at which it was taken or made.
        role: Which of the two.

    Raises:
        NotFound: There is no such model.
    """
    _check_known(tx, list(models))
    rows = [{"run_id": run_id, "model_id": id_, "role": role, "step": step} for id_, step in models.items()]
    (insert_or_update if role == "output" else insert_or_keep)(tx, run_models, rows)


def models_of_runs(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, list[RunModel]]:
    """Return which models runs took and made, by run."""
    columns = [run_models.c[name] for name in RunModel.__struct_fields__]
    found: dict[str, list[RunModel]] = {}
    for batch in _batches(run_ids):
        query = sa.select(*columns).where(run_models.c.run_id.in_(batch)).order_by(run_models.c.model_id)
        for row in connection.execute(query):
            found.setdefault(row.run_id, []).append(RunModel(**row._asdict()))
    return found


def hold(tx: Transaction, model_id: str) -> LoggedModelRow:
    """Return a model, deleted or not, that nobody else changes until the transaction ends.

    Raises:
        NotFound: There is none of this id.
    """
    tx.execute(sa.select(logged_models.c.id).where(logged_models.c.id == model_id).with_for_update())
    return find(tx.connection, model_id, deleted=True)


def select() -> sa.Select[Any]:
    """Return the query of all logged models, to be narrowed."""
    names = [name for name in LoggedModelRow.__struct_fields__ if name not in ("experiment_number", "location")]
    return sa.select(
        *[logged_models.c[name] for name in names],
        experiments.c.number.label("experiment_number"),
        experiments.c.location,
    ).join_from(logged_models, experiments, logged_models.c.experiment_id == experiments.c.id)


def _row(row: sa.Row[Any]) -> LoggedModelRow:
    return LoggedModelRow(**row._asdict())


def _change(tx: Transaction, model_id: str, **values: Any) -> None:
    tx.execute(sa.update(logged_models).where(logged_models.c.id == model_id).values(**values, changed_at=tx.now))


def _check_known(tx: Transaction, model_ids: Sequence[str]) -> None:
    known: set[str] = set()
    for batch in _batches(model_ids):
        present = (logged_models.c.id.in_(batch), logged_models.c.deleted_at.is_(None))
        known.update(tx.execute(sa.select(logged_models.c.id).where(*present)).scalars())
    for model_id in model_ids:
        if model_id not in known:
            raise NotFound(f"Logged model with ID '{model_id}' not found.")


def _kept(tx: Transaction, rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """Return the identities of what is kept already of some metrics."""
    table = logged_model_metrics
    found: set[tuple[Any, ...]] = set()
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        query = sa.select(*[table.c[name] for name in _IDENTITY]).where(
            table.c.model_id.in_({row["model_id"] for row in batch}),
            table.c.key.in_({row["key"] for row in batch}),
            table.c.step.in_({row["step"] for row in batch}),
        )
        found.update(tuple(row) for row in tx.execute(query))
    return found


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _IDENTITY)


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
