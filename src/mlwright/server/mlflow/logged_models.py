"""Logged models: what clients keep of a model before, or without, registering it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import Transaction, experiments
from mlwright.ledger import logged_models as rows
from mlwright.ledger.logged_models import LoggedModelRow, ModelMetric
from mlwright.server.mlflow import artifacts, paths, places
from mlwright.server.mlflow.artifacts import FileList
from mlwright.server.mlflow.checks import check_key, experiment_number
from mlwright.server.mlflow.errors import invalid, too_long
from mlwright.server.mlflow.names import run_name
from mlwright.server.mlflow.route import Call, Change, Receive, Route, Send, Stream
from mlwright.server.mlflow.shapes import Tag, TagOut, tags_out
from mlwright.server.mlflow.values import NOTHING, Answer, Nothing, Number, Required, ms_out, number_out, word_of

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project

LONGEST_NAME = 500
#: The tag in which MLflow's clients find what a logged model was registered as.
VERSIONS_TAG = "mlflow.modelVersions"
_STATUS = {
    "LOGGED_MODEL_STATUS_UNSPECIFIED": "unspecified",
    "LOGGED_MODEL_PENDING": "pending",
    "LOGGED_MODEL_READY": "ready",
    "LOGGED_MODEL_UPLOAD_FAILED": "upload-failed",
}
_STATUS_WORDS = {ours: theirs for theirs, ours in _STATUS.items()}
_BAD_LETTERS = "/:.%\"'"


class CreateModel(msgspec.Struct, frozen=True):
    """A model to be made."""

    experiment_id: Required
    name: str | None = None
    model_type: str = ""
    source_run_id: str = ""
    params: list[Tag] = []
    tags: list[Tag] = []


class OneModel(msgspec.Struct, frozen=True):
    """Which model."""

    model_id: str
    allow_deleted: bool = False


class FinalizeModel(msgspec.Struct, frozen=True):
    """Whether a model's files are there."""

    model_id: str
    status: str | int


class SetTags(msgspec.Struct, frozen=True):
    """Tags that a model gets."""

    model_id: str
    tags: list[Tag] = []


class DeleteTag(msgspec.Struct, frozen=True):
    """A tag that a model loses."""

    model_id: str
    tag_key: str


class LogParams(msgspec.Struct, frozen=True):
    """Parameters that a model gets."""

    model_id: str
    params: list[Tag] = []


class ListFiles(msgspec.Struct, frozen=True):
    """Which folder of a model to list."""

    model_id: str
    artifact_directory_path: str = ""
    page_token: str = ""


class Registration(msgspec.Struct, frozen=True):
    """What a model was registered as."""

    name: str
    version: str


class ModelInfo(Answer, frozen=True, kw_only=True):
    """What a model is."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: int
    last_updated_timestamp_ms: int
    artifact_uri: str
    status: str
    model_type: str
    source_run_id: str
    status_message: str = ""
    tags: list[TagOut] = []
    registrations: list[Registration] = []


class ModelMetricOut(Answer, frozen=True, kw_only=True):
    """A value of a metric of a model."""

    key: str
    value: Number
    timestamp: int
    step: int
    model_id: str
    run_id: str | None = None
    dataset_name: str = ""
    dataset_digest: str = ""


class ModelData(Answer, frozen=True, kw_only=True):
    """What was logged of a model."""

    params: list[TagOut] = []
    metrics: list[ModelMetricOut] = []


class ModelOut(msgspec.Struct, frozen=True):
    """A model that is answered."""

    info: ModelInfo
    data: ModelData


class ModelAnswer(msgspec.Struct, frozen=True):
    """One model."""

    model: ModelOut


def create(tx: Transaction, given: CreateModel) -> ModelAnswer:
    """Make a model."""
    _check_name(given.name)
    experiment = experiments.get_by_number(tx.connection, experiment_number(given.experiment_id))
    if experiment.deleted_at is not None:
        raise InvalidInput(f"The experiment {experiment.number} must be in the 'active' state.")
    run_id = given.source_run_id or None
    if run_id is not None:
        places.run_place(tx.connection, run_id, "")
    new = rows.NewLoggedModel(
        experiment_id=experiment.id,
        name=given.name or run_name(),
        model_type=given.model_type,
        run_id=run_id,
        params=_pairs(given.params, "params"),
        tags=_pairs(given.tags, "tags"),
    )
    return _answer(tx.connection, rows.create(tx, new))


def get(project: Project, given: OneModel) -> ModelAnswer:
    """Return a model."""
    with project.ledger.read() as connection:
        return _answer(connection, rows.find(connection, given.model_id, deleted=given.allow_deleted))


def finalize(tx: Transaction, given: FinalizeModel) -> ModelAnswer:
    """Note whether a model's files are there."""
    word = word_of(given.status, dict(enumerate(_STATUS)))
    if word not in _STATUS:
        raise invalid("status", given.status, f"known: {', '.join(_STATUS)}.")
    rows.set_status(tx, given.model_id, msgspec.convert(_STATUS[word], rows.Status))
    return _answer(tx.connection, rows.find(tx.connection, given.model_id, deleted=True))


def delete(tx: Transaction, given: OneModel) -> Nothing:
    """Put a model into the bin."""
    rows.delete(tx, given.model_id)
    return NOTHING


def set_tags(tx: Transaction, given: SetTags) -> Nothing:
    """Give a model tags."""
    rows.put_tags(tx, given.model_id, _pairs(given.tags, "tags"))
    return NOTHING


def delete_tag(tx: Transaction, given: DeleteTag) -> Nothing:
    """Take a tag from a model."""
    rows.delete_tag(tx, given.model_id, given.tag_key)
    return NOTHING


def log_params(tx: Transaction, given: LogParams) -> Nothing:
    """Give a model parameters."""
    rows.put_params(tx, given.model_id, _pairs(given.params, "params"))
    return NOTHING


def list_files(project: Project, given: ListFiles) -> FileList:
    """List a folder of a model; the paths begin at the model's artifacts."""
    name = paths.checked_path(given.artifact_directory_path)
    with project.ledger.read() as connection:
        root, place = _place(connection, given.model_id, name)
        found = places.listing(project.store, connection, place)
    return FileList(root_uri=root, files=artifacts.infos(found, name))


async def download(project: Project, call: Call, _receive: Receive, send: Send) -> None:
    """Send a file of a model."""
    name = artifacts.named(artifacts.query_of(call), "artifact_file_path")
    model_id = call.parts["model_id"]
    await artifacts.give(project, lambda connection: _place(connection, model_id, name)[1], call, send)


def uri_of(row: LoggedModelRow) -> str:
    """Return where a model's files are."""
    return paths.model_uri(row.experiment_number, row.location, row.id)


def _place(connection: Connection, model_id: str, name: str) -> tuple[str, places.Place]:
    root = uri_of(rows.find(connection, model_id))
    path = paths.path_of(root)
    if path is None:
        raise InvalidInput(f"the files of logged model '{model_id}' are not kept here.", why=f"they are at {root}")
    return root, places.locate(connection, f"{path}/{name}".rstrip("/"))


def _check_name(name: str | None) -> None:
    if not name:
        return
    if any(letter in _BAD_LETTERS for letter in name):
        raise InvalidInput(f"Invalid model name ('{name}') provided.", why="a name has none of / : . % \" '")
    if len(name) > LONGEST_NAME:
        raise too_long("name", LONGEST_NAME)


def _pairs(given: list[Tag], what: str) -> dict[str, str]:
    for index, pair in enumerate(given):
        check_key(pair.key, f"{what}[{index}].key")
    return {pair.key: pair.value or "" for pair in given}


def _answer(connection: Connection, row: LoggedModelRow) -> ModelAnswer:
    return ModelAnswer(model_out(row, rows.metrics_of(connection, [row.id]).get(row.id, [])))


def model_out(row: LoggedModelRow, metrics: list[ModelMetric]) -> ModelOut:
    """Return a model as it is answered."""
    return ModelOut(
        ModelInfo(
            model_id=row.id,
            experiment_id=str(row.experiment_number),
            name=row.name,
            creation_timestamp_ms=ms_out(row.created_at),
            last_updated_timestamp_ms=ms_out(row.changed_at),
            artifact_uri=uri_of(row),
            status=_STATUS_WORDS[row.status],
            model_type=row.model_type,
            source_run_id=row.run_id or "",
            status_message=row.status_message,
            tags=tags_out(row.tags),
            registrations=registrations(row),
        ),
        ModelData(params=tags_out(row.params), metrics=[_metric_out(metric) for metric in metrics]),
    )


def registrations(row: LoggedModelRow) -> list[Registration]:
    """Return what a model was registered as."""
    try:
        return msgspec.json.decode(row.tags.get(VERSIONS_TAG, "[]"), type=list[Registration], strict=False)
    except msgspec.MsgspecError:
        # A client may have written anything into the tag.
        return []


def _metric_out(metric: ModelMetric) -> ModelMetricOut:
    return ModelMetricOut(
        key=metric.key,
        value=number_out(metric.value),
        timestamp=ms_out(metric.at),
        step=metric.step,
        model_id=metric.model_id,
        run_id=metric.run_id,
        dataset_name=metric.dataset_name,
        dataset_digest=metric.dataset_digest,
    )


ROUTES = (
    Change("POST", "/mlflow/logged-models", CreateModel, create),
    Route("GET", "/mlflow/logged-models/{model_id}", OneModel, get),
    Change("PATCH", "/mlflow/logged-models/{model_id}", FinalizeModel, finalize),
    Change("DELETE", "/mlflow/logged-models/{model_id}", OneModel, delete),
    Change("PATCH", "/mlflow/logged-models/{model_id}/tags", SetTags, set_tags),
    Change("DELETE", "/mlflow/logged-models/{model_id}/tags/{tag_key}", DeleteTag, delete_tag),
    Change("POST", "/mlflow/logged-models/{model_id}/params", LogParams, log_params),
    Route("GET", "/mlflow/logged-models/{model_id}/artifacts/directories", ListFiles, list_files),
    Stream("GET", "/mlflow/logged-models/{model_id}/artifacts/files", download),
)
