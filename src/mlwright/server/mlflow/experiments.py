"""Routes of experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from mlwright.ledger import Connection, Transaction, experiments
from mlwright.ledger.experiments import ExperimentRow, ExperimentState
from mlwright.server.mlflow import checks, paths
from mlwright.server.mlflow.errors import no_experiment
from mlwright.server.mlflow.route import AnyRoute, Change, Route
from mlwright.server.mlflow.shapes import ExperimentOut, Tag, experiment_out
from mlwright.server.mlflow.values import NOTHING, Answer, Nothing, Required

if TYPE_CHECKING:
    from mlwright.project import Project


class CreateExperiment(msgspec.Struct, frozen=True):
    """An experiment to be made."""

    name: Required
    artifact_location: str | None = None
    tags: list[Tag] | None = None


class WithExperiment(msgspec.Struct, frozen=True):
    """An experiment that is meant."""

    experiment_id: Required


class ByName(msgspec.Struct, frozen=True):
    """An experiment that is meant by its name."""

    experiment_name: Required


class UpdateExperiment(msgspec.Struct, frozen=True):
    """A new name for an experiment."""

    experiment_id: Required
    new_name: Required


class SetExperimentTag(msgspec.Struct, frozen=True):
    """A tag for an experiment."""

    experiment_id: Required
    key: Required
    value: str | None = None


class DeleteExperimentTag(msgspec.Struct, frozen=True):
    """A tag that an experiment shall lose."""

    experiment_id: Required
    key: Required


class Created(Answer, frozen=True, kw_only=True):
    """Which experiment was made."""

    experiment_id: str


class OneExperiment(Answer, frozen=True, kw_only=True):
    """An experiment."""

    experiment: ExperimentOut


def find(connection: Connection, experiment_id: str) -> ExperimentRow:
    """Return the experiment of MLflow's id, deleted or not.

    Raises:
        NotFound: There is none.
    """
    number = checks.experiment_number(experiment_id)
    try:
        return experiments.get_by_number(connection, number)
    except NotFound as error:
        raise no_experiment(experiment_id) from error


def find_active(connection: Connection, experiment_id: str) -> ExperimentState:
    """Return the experiment of MLflow's id, which must not be deleted.

    Raises:
        NotFound: There is none.
        InvalidInput: It is deleted.
    """
    number = checks.experiment_number(experiment_id)
    try:
        state = experiments.state_of(connection, number)
    except NotFound as error:
        raise no_experiment(experiment_id) from error
    if state.is_deleted:
        raise InvalidInput(
            f"The experiment {experiment_id} must be in the 'active' state.",
            why="it is deleted",
            fix="restore it, or use another one",
        )
    return state


def create(tx: Transaction, given: CreateExperiment) -> Created:
    """Make an experiment."""
    checks.check_experiment_name(given.name)
    location = given.artifact_location or ""
    checks.check_location(location)
    location = paths.resolved(location)
    tags = {tag.key: tag.value or "" for tag in given.tags or []}
    for key, value in tags.items():
        checks.check_experiment_tag(key, value)
    try:
        made = experiments.create(tx, given.name, location=location, tags=tags)
    except AlreadyExists as error:
        raise AlreadyExists(f"Experiment(name={given.name}) already exists.", why=error.why, fix=error.fix) from error
    return Created(experiment_id=str(made.number))


def get(project: Project, given: WithExperiment) -> OneExperiment:
    """Return an experiment."""
    with project.ledger.read() as connection:
        return OneExperiment(experiment=experiment_out(find(connection, given.experiment_id)))


def get_by_name(project: Project, given: ByName) -> OneExperiment:
    """Return the experiment of a name."""
    with project.ledger.read() as connection:
        found = experiments.get_by_name(connection, given.experiment_name)
    if found is None:
        raise NotFound(f"Could not find experiment with name '{given.experiment_name}'.")
    return OneExperiment(experiment=experiment_out(found))


def update(tx: Transaction, given: UpdateExperiment) -> Nothing:
    """Give an experiment another name."""
    checks.check_experiment_name(given.new_name)
    row = find(tx.connection, given.experiment_id)
    try:
        experiments.rename(tx, row, given.new_name)
    except Conflict as error:
        if row.deleted_at is None:
            raise
        raise Conflict(
            "Cannot rename a non-active experiment.", why=error.why, fix=error.fix, error_code="INVALID_STATE"
        ) from error
    return NOTHING


def delete(tx: Transaction, given: WithExperiment) -> Nothing:
    """Put an experiment and its runs into the bin."""
    row = find(tx.connection, given.experiment_id)
    if row.deleted_at is not None:
        raise no_experiment(given.experiment_id, "it is deleted already")
    experiments.delete(tx, row)
    return NOTHING


def restore(tx: Transaction, given: WithExperiment) -> Nothing:
    """Take an experiment and its runs out of the bin."""
    row = find(tx.connection, given.experiment_id)
    if row.deleted_at is None:
        raise no_experiment(given.experiment_id, "it is not deleted")
    experiments.restore(tx, row)
    return NOTHING


def set_tag(tx: Transaction, given: SetExperimentTag) -> Nothing:
    """Set a tag of an experiment."""
    value = given.value or ""
    checks.check_experiment_tag(given.key, value)
    row = find_active(tx.connection, given.experiment_id)
    experiments.put_tags(tx, row.id, {given.key: value})
    return NOTHING


def delete_tag(tx: Transaction, given: DeleteExperimentTag) -> Nothing:
    """Take a tag off an experiment."""
    found = find_active(tx.connection, given.experiment_id)
    try:
        experiments.delete_tag(tx, found.id, given.key)
    except NotFound as error:
        what = f"No tag with name: {given.key} in experiment with id {given.experiment_id}."
        raise NotFound(what, fix=error.fix) from error
    return NOTHING


ROUTES: tuple[AnyRoute, ...] = (
    Change("POST", "/mlflow/experiments/create", CreateExperiment, create),
    Route("GET", "/mlflow/experiments/get", WithExperiment, get),
    Route("GET", "/mlflow/experiments/get-by-name", ByName, get_by_name),
    Change("POST", "/mlflow/experiments/update", UpdateExperiment, update),
    Change("POST", "/mlflow/experiments/delete", WithExperiment, delete),
    Change("POST", "/mlflow/experiments/restore", WithExperiment, restore),
    Change("POST", "/mlflow/experiments/set-experiment-tag", SetExperimentTag, set_tag),
    Change("POST", "/mlflow/experiments/delete-experiment-tag", DeleteExperimentTag, delete_tag),
)
