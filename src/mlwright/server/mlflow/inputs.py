"""Routes of what runs used and made: datasets and logged models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import Transaction, dataset_uses, datasets, experiments, logged_models
from mlwright.ledger.datasets import Dataset
from mlwright.server.mlflow import checks, runs
from mlwright.server.mlflow.errors import too_long
from mlwright.server.mlflow.route import AnyRoute, Change, Route
from mlwright.server.mlflow.shapes import DATASET_CONTEXT, ModelInput, Tag
from mlwright.server.mlflow.values import NOTHING, Answer, Int64, Nothing, Required

if TYPE_CHECKING:
    from mlwright.project import Project

MOST_EXPERIMENTS = 20
MOST_SUMMARIES = 1000


class DatasetIn(msgspec.Struct, frozen=True):
    """A dataset that was sent."""

    name: str | None = None
    digest: str | None = None
    source_type: str | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None


class DatasetInput(msgspec.Struct, frozen=True):
    """A dataset that a run used."""

    dataset: DatasetIn
    tags: list[Tag] | None = None


class LogInputs(msgspec.Struct, frozen=True):
    """What a run used."""

    run_id: Required
    datasets: list[DatasetInput] | None = None
    models: list[ModelInput] | None = None


class ModelMade(msgspec.Struct, frozen=True):
    """A logged model that a run made."""

    model_id: str
    step: Int64 | None = None


class LogOutputs(msgspec.Struct, frozen=True):
    """What a run made."""

    run_id: Required
    models: list[ModelMade]


class SearchDatasets(msgspec.Struct, frozen=True):
    """Experiments whose datasets are wanted."""

    experiment_ids: list[str] | None = None


class Summary(Answer, frozen=True, kw_only=True):
    """A dataset that runs of an experiment used."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class Summaries(Answer, frozen=True, kw_only=True):
    """Datasets that runs used."""

    dataset_summaries: list[Summary] = []


def log_inputs(tx: Transaction, given: LogInputs) -> Nothing:
    """Note what a run used; a dataset that it used already stays as it was noted first."""
    checks.check_run_id(given.run_id)
    found = given.datasets or []
    if len(found) > checks.MOST_DATASETS:
        raise InvalidInput(f"A request can name at most {checks.MOST_DATASETS} datasets; this one has {len(found)}.")
    for index, used in enumerate(found):
        _check(used, f"datasets[{index}]")
    runs.active(tx, given.run_id)
    known = {(used.dataset.name, used.dataset.digest) for used in datasets.datasets_of(tx.connection, given.run_id)}
    for used in found:
        dataset = _dataset(used.dataset)
        if (dataset.name, dataset.digest) in known:
            continue
        known.add((dataset.name, dataset.digest))
        tags = {tag.key: tag.value or "" for tag in used.tags or []}
        context = tags.pop(DATASET_CONTEXT, "")
        datasets.use_dataset(tx, given.run_id, datasets.put_dataset(tx, dataset), context=context, tags=tags)
    if given.models:
        logged_models.link(tx, given.run_id, {model.model_id: 0 for model in given.models}, "input")
    return NOTHING


def log_outputs(tx: Transaction, given: LogOutputs) -> Nothing:
    """Note what a run made."""
    runs.active(tx, given.run_id)
    logged_models.link(tx, given.run_id, {model.model_id: model.step or 0 for model in given.models}, "output")
    return NOTHING


def search_datasets(project: Project, given: SearchDatasets) -> Summaries:
    """Return the datasets that runs of some experiments used."""
    wanted = given.experiment_ids or []
    if not wanted:
        raise InvalidInput("SearchDatasets request must specify at least one experiment_id.")
    if len(wanted) > MOST_EXPERIMENTS:
        raise InvalidInput(
            f"SearchDatasets request cannot specify more than {MOST_EXPERIMENTS} experiment_ids, not {len(wanted)}.",
            fix="ask several times",
        )
    numbers = [checks.experiment_number(text) for text in wanted]
    with project.ledger.read() as connection:
        ids = experiments.ids_of(connection, numbers)
        found = dataset_uses.uses_in(connection, ids, limit=MOST_SUMMARIES)
    return Summaries(
        dataset_summaries=[
            Summary(
                experiment_id=str(use.experiment_number), name=use.name, digest=use.digest, context=use.context or None
            )
            for use in found
        ]
    )


def _check(used: DatasetInput, path: str) -> None:
    checks.check_dataset(msgspec.structs.asdict(used.dataset), f"{path}.dataset")
    for tag in used.tags or []:
        if len(tag.key) > checks.LONGEST_INPUT_TAG_KEY:
            raise too_long("key", checks.LONGEST_INPUT_TAG_KEY)
        if len(tag.value or "") > checks.LONGEST_INPUT_TAG:
            raise too_long("value", checks.LONGEST_INPUT_TAG)


def _dataset(given: DatasetIn) -> Dataset:
    return Dataset(**{name: value or "" for name, value in msgspec.structs.asdict(given).items()})


ROUTES: tuple[AnyRoute, ...] = (
    Change("POST", "/mlflow/runs/log-inputs", LogInputs, log_inputs),
    Change("POST", "/mlflow/runs/outputs", LogOutputs, log_outputs),
    Route("POST", "/mlflow/experiments/search-datasets", SearchDatasets, search_datasets),
)
