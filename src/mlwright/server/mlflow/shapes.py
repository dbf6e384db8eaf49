"""The messages that several routes send or take, and how they are made of the ledger's rows."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import Connection, curves, datasets, logged_models, run_log
from mlwright.ledger.curves import Summary
from mlwright.ledger.datasets import UsedDataset
from mlwright.ledger.experiments import ExperimentRow
from mlwright.ledger.logged_models import RunModel
from mlwright.ledger.runs import RunRow
from mlwright.ledger.search.runs import View
from mlwright.server.mlflow import paths
from mlwright.server.mlflow.values import Answer, Int64, Number, ms_out, number_out, word_of

#: mlwright's word of each of MLflow's statuses, and MLflow's number of it.
STATUSES = {
    "RUNNING": "running",
    "SCHEDULED": "scheduled",
    "FINISHED": "succeeded",
    "FAILED": "failed",
    "KILLED": "cancelled",
}
_STATUS_WORDS = {ours: theirs for theirs, ours in STATUSES.items()}
_STATUS_NUMBERS = dict(enumerate(STATUSES, start=1))
VIEWS: dict[str, View] = {"ACTIVE_ONLY": "active", "DELETED_ONLY": "deleted", "ALL": "all"}
_VIEW_NUMBERS = dict(enumerate(VIEWS, start=1))

RUN_NAME = "mlflow.runName"
NOTE = "mlflow.note.content"
PARENT = "mlflow.parentRunId"
USER = "mlflow.user"
DATASET_CONTEXT = "mlflow.data.context"
LOGGED_MODELS = "mlflow.log-model.history"


class Tag(msgspec.Struct, frozen=True):
    """A tag or a param."""

    key: str
    value: str | None = None


class Metric(msgspec.Struct, frozen=True):
    """A point of a metric that was sent."""

    key: str
    value: float
    timestamp: Int64
    step: Int64 | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class MetricOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A point of a metric that is answered."""

    key: str
    value: Number
    timestamp: int
    step: int
    run_id: str | None = None


class TagOut(msgspec.Struct, frozen=True):
    """A tag or param that is answered."""

    key: str
    value: str


class ExperimentOut(Answer, frozen=True, kw_only=True):
    """An experiment that is answered."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    last_update_time: int
    creation_time: int
    tags: list[TagOut] = []


class RunInfo(Answer, frozen=True, kw_only=True):
    """What a run is, without what it logged."""

    run_id: str
    run_uuid: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    artifact_uri: str
    lifecycle_stage: str
    end_time: int | None = None


class RunData(Answer, frozen=True, kw_only=True):
    """What a run logged."""

    metrics: list[MetricOut] = []
    params: list[TagOut] = []
    tags: list[TagOut] = []


class DatasetOut(Answer, frozen=True, kw_only=True):
    """A dataset that is answered."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str = ""
    profile: str = ""


class DatasetInputOut(Answer, frozen=True, kw_only=True):
    """A dataset as a run used it."""

    dataset: DatasetOut
    tags: list[TagOut] = []


class ModelInput(msgspec.Struct, frozen=True):
    """A logged model that a run used."""

    model_id: str


class ModelOutput(msgspec.Struct, frozen=True):
    """A logged model that a run made."""

    model_id: str
    step: int = 0


class RunInputs(Answer, frozen=True, kw_only=True):
    """What a run used."""

    dataset_inputs: list[DatasetInputOut] = []
    model_inputs: list[ModelInput] = []


class RunOutputs(Answer, frozen=True, kw_only=True):
    """What a run made."""

    model_outputs: list[ModelOutput] = []


class RunOut(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is answered."""

    info: RunInfo
    data: RunData
    inputs: RunInputs
    outputs: RunOutputs


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """What some runs logged, by run.

    Attributes:
        metrics: What is known of each metric.
        params: By key.
        tags: By key.
        datasets: What it used.
        models: Logged models that it used or made.
    """

    metrics: dict[str, list[Summary]] = {}
    params: dict[str, dict[str, str]] = {}
    tags: dict[str, dict[str, str]] = {}
    datasets: dict[str, list[UsedDataset]] = {}
    models: dict[str, list[RunModel]] = {}


def status_in(given: str | int) -> str:
    """Return mlwright's word of a status."""
    word = word_of(given, _STATUS_NUMBERS)
    if word not in STATUSES:
        raise InvalidInput(f"Invalid run status '{given}'.", why=f"known: {', '.join(STATUSES)}")
    return STATUSES[word]


def view_in(given: str | int | None) -> View:
    """Return mlwright's word of what is to be seen: active, deleted or all."""
    if given in (None, "", 0):
        return "active"
    word = word_of(given, _VIEW_NUMBERS)
    if word not in VIEWS:
        raise InvalidInput(f"Invalid view type '{given}'.", why=f"known: {', '.join(VIEWS)}")
    return VIEWS[word]


def stage(deleted_at: datetime | None) -> str:
    """Return MLflow's word for being in the bin or not."""
    return "active" if deleted_at is None else "deleted"


def tags_out(tags: dict[str, str]) -> list[TagOut]:
    """Return tags as they are answered."""
    return [TagOut(key, value) for key, value in tags.items()]


def experiment_out(row: ExperimentRow) -> ExperimentOut:
    """Return an experiment as it is answered."""
    tags = {NOTE: row.note, **row.tags} if row.note else row.tags
    return ExperimentOut(
        experiment_id=str(row.number),
        name=row.name,
        artifact_location=paths.experiment_uri(row.number, row.location),
        lifecycle_stage=stage(row.deleted_at),
        last_update_time=ms_out(row.changed_at),
        creation_time=ms_out(row.created_at),
        tags=tags_out(tags),
    )


def info_out(row: RunRow) -> RunInfo:
    """Return what a run is."""
    return RunInfo(
        run_id=row.id,
        run_uuid=row.id,
        run_name=row.name,
        experiment_id=str(row.experiment_number),
        user_id=row.actor.removeprefix("user:"),
        status=_STATUS_WORDS[row.status],
        start_time=ms_out(row.started_at),
        end_time=None if row.ended_at is None else ms_out(row.ended_at),
        artifact_uri=paths.run_uri(row.experiment_number, row.experiment_location, row.id),
        lifecycle_stage=stage(row.deleted_at),
    )


def logged_by(connection: Connection, run_ids: list[str]) -> Logged:
    """Return what some runs logged."""
    return Logged(
        metrics=curves.summaries(connection, run_ids),
        params=run_log.params_of_many(connection, run_ids),
        tags=run_log.tags_of_many(connection, run_ids),
        datasets=datasets.datasets_of_many(connection, run_ids),
        models=logged_models.models_of_runs(connection, run_ids),
    )


def run_out(row: RunRow, logged: Logged) -> RunOut:
    """Return a run as it is answered."""
    models = logged.models.get(row.id, [])
    return RunOut(
        info=info_out(row),
        data=RunData(
            metrics=[_metric_out(summary) for summary in logged.metrics.get(row.id, [])],
            params=tags_out(logged.params.get(row.id, {})),
            tags=tags_out(shown_tags(row, logged.tags.get(row.id, {}))),
        ),
        inputs=RunInputs(
            # Their ids sort by when they were first seen.
            dataset_inputs=[_dataset_out(used) for used in sorted(logged.datasets.get(row.id, []), key=_id_of)],
            model_inputs=[ModelInput(used.model_id) for used in models if used.role == "input"],
        ),
        outputs=RunOutputs(
            model_outputs=[ModelOutput(made.model_id, made.step) for made in models if made.role == "output"]
        ),
    )


def shown_tags(row: RunRow, tags: dict[str, str]) -> dict[str, str]:
    """Return a run's tags with what mlwright keeps in columns and MLflow in tags."""
    kept = {RUN_NAME: row.name, NOTE: row.note, PARENT: row.parent_id or ""}
    # MLflow's clients give a run its name as a tag: one without is native, and its user is no tag yet.
    if USER not in tags and RUN_NAME not in tags:
        kept[USER] = row.actor.removeprefix("user:")
    if tags.get(RUN_NAME) == "":
        # A client took the tag off; the run keeps its name.
        tags = {key: value for key, value in tags.items() if key != RUN_NAME}
        del kept[RUN_NAME]
    return {**tags, **{key: value for key, value in kept.items() if value}}


def _metric_out(summary: Summary) -> MetricOut:
    return MetricOut(summary.key, number_out(summary.last), ms_out(summary.last_at), summary.last_step)


def _id_of(used: UsedDataset) -> str:
    return used.id


def _dataset_out(used: UsedDataset) -> DatasetInputOut:
    tags = {**used.tags, DATASET_CONTEXT: used.context} if used.context else used.tags
    dataset = used.dataset
    return DatasetInputOut(
        dataset=DatasetOut(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema,
            profile=dataset.profile,
        ),
        tags=tags_out(tags),
    )
