"""Endpoints about experiments: folders of them, their settings, and the bin."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from mlwright.api.endpoint import Act, Endpoint, Input, Page, TagName, acting
from mlwright.api.finding import not_found
from mlwright.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.ledger.experiments import ExperimentRow
    from mlwright.project import Project

Path = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment or a folder of them.

    Attributes:
        name: Its whole path.
        is_folder: True when something lies below it.
        is_experiment: True when it is an experiment, too.
        experiments: How many experiments it is and has below it.
        runs: How many runs these have.
    """

    name: str
    is_folder: bool
    is_experiment: bool
    experiments: int
    runs: int


class ExperimentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment hands down to its runs and to what lies below it.

    Attributes:
        tags: What new runs are tagged with.
        note: What new runs have as their note at first.
        keep_deleted_days: How long deleted runs stay in the bin; None: as long as whoever collects says.
    """

    tags: dict[str, str] = {}
    note: str = ""
    keep_deleted_days: float | None = None


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment.

    Attributes:
        id: Its id.
        number: What MLflow's clients call it by.
        name: A path: its folders, and its own name.
        note: What people wrote about it.
        tags: Its own tags.
        settings: What it sets itself.
        inherited: What holds for it, with what its folders set.
        runs: How many runs there are of each status, without those in the bin.
        created_at: When it was made.
        deleted_at: Since when it is in the bin; None when it isn't.
    """

    id: str
    number: int
    name: str
    note: str
    tags: dict[str, str]
    settings: ExperimentSettings
    inherited: ExperimentSettings
    runs: dict[str, int]
    created_at: datetime
    deleted_at: datetime | None


class ListExperiments(Input, frozen=True, kw_only=True):
    """Which experiments to list.

    Attributes:
        folder: What lies directly in this folder; empty for the outermost.
        deleted: True to look into the bin instead.
    """

    folder: str = ""
    deleted: bool = False


class ShowExperiment(Input, frozen=True, kw_only=True):
    """Which experiment.

    Attributes:
        name: Its path.
    """

    name: Path


class NewExperiment(Act, frozen=True, kw_only=True):
    """An experiment to make.

    Attributes:
        name: Its path; parts are separated by `/`.
        note: What people should know of it.
        tags: Its own tags.
    """

    name: Path
    note: str = ""
    tags: dict[TagName, str] = {}


class MoveExperiments(Act, frozen=True, kw_only=True):
    """What to move.

    Attributes:
        name: Path of an experiment or a folder; what lies below it goes with it.
        to: The new path.
    """

    name: Path
    to: Path


class SomeExperiments(Act, frozen=True, kw_only=True):
    """What to put into the bin, or to take out.

    Attributes:
        name: Path of an experiment or a folder.
        below: Whether what lies below it is meant, too.
    """

    name: Path
    below: bool = False


class SetExperiment(Act, frozen=True, kw_only=True):
    """What to change of an experiment; what is None stays.

    Attributes:
        name: Its path; an experiment is made when there is none.
        note: What people wrote about it.
        tags: Tags that new runs below it get; to add to those that it sets.
        untag: Keys of such tags to set no more.
        run_note: What new runs below it have as their note at first; empty to set none.
        keep_deleted_days: How long deleted runs stay in the bin; negative to set nothing.
    """

    name: Path
    note: str | None = None
    tags: dict[TagName, str] = {}
    untag: list[str] = []
    run_note: str | None = None
    keep_deleted_days: Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)] | None = None


class ChangedExperiments(msgspec.Struct, frozen=True, kw_only=True):
    """The experiments that were changed.

    Attributes:
        names: Their paths as they are now.
    """

    names: list[str]


def list_experiments(project: Project, given: ListExperiments) -> Page[Place]:
    """Return what lies directly in a folder."""
    from mlwright.ledger import folders

    folder = given.folder.strip("/")
    with project.ledger.read() as connection:
        found = folders.places_in(connection, folder, deleted=given.deleted)
        if folder and not found and not folders.names_at(connection, folder):
            raise not_found("folder", folder, _known(connection))
    return Page(items=[msgspec.convert(place, Place, from_attributes=True) for place in found])


def show_experiment(project: Project, given: ShowExperiment) -> Experiment:
    """Return one experiment with what holds for it."""
    with project.ledger.read() as connection:
        return experiment_of(connection, _found(connection, given.name))


def new_experiment(project: Project, given: NewExperiment) -> Experiment:
    """Make an experiment."""
    from mlwright.ledger import experiments

    name = _checked(given.name, *given.tags)
    with project.ledger.write(acting(project, given)) as tx:
        row = experiments.create(tx, name, tags=given.tags)
        if given.note:
            experiments.set_note(tx, row.id, given.note)
        return experiment_of(tx.connection, _found(tx.connection, name))


def move_experiments(project: Project, given: MoveExperiments) -> ChangedExperiments:
    """Give an experiment or a folder another path."""
    from mlwright.ledger import folders
    from mlwright.ledger.runs import DEFAULT_EXPERIMENT

    old, new = given.name.strip("/"), _checked(given.to)
    if old == DEFAULT_EXPERIMENT:
        raise Conflict(f"the experiment '{old}' can't be moved.", why="runs without an experiment are filed there")
    with project.ledger.write(acting(project, given)) as tx:
        pairs = folders.move(tx, old, new)
        if not pairs:
            raise not_found("experiment", old, _known(tx.connection))
    return ChangedExperiments(names=[name for _, name in pairs])


def delete_experiments(project: Project, given: SomeExperiments) -> ChangedExperiments:
    """Put experiments and their runs into the bin."""
    from mlwright.ledger import experiments

    with project.ledger.write(acting(project, given)) as tx:
        names = _meant(tx.connection, given, deleted=False)
        for name in names:
            experiments.delete(tx, _found(tx.connection, name))
    return ChangedExperiments(names=names)


def restore_experiments(project: Project, given: SomeExperiments) -> ChangedExperiments:
    """Take experiments and their runs out of the bin."""
    from mlwright.ledger import experiments

    with project.ledger.write(acting(project, given)) as tx:
        names = _meant(tx.connection, given, deleted=True)
        for name in names:
            experiments.restore(tx, _found(tx.connection, name))
    return ChangedExperiments(names=names)


def set_experiment(project: Project, given: SetExperiment) -> Experiment:
    """Change what an experiment or a folder hands down."""
    from mlwright.ledger import experiments, folders

    name = _checked(given.name, *given.tags)
    with project.ledger.write(acting(project, given)) as tx:
        row = experiments.get_by_name(tx.connection, name) or experiments.create(tx, name)
        before = msgspec.convert(row.settings, folders.Inherited)
        tags = {key: value for key, value in {**before.tags, **given.tags}.items() if key not in given.untag}
        days = before.keep_deleted_days if given.keep_deleted_days is None else given.keep_deleted_days
        settings = folders.Inherited(
            tags=tags,
            note=before.note if given.run_note is None else given.run_note,
            keep_deleted_days=None if days is None or days < 0 else days,
        )
        if settings != before:
            folders.put_settings(tx, row.id, settings)
        if given.note is not None:
            experiments.set_note(tx, row.id, given.note)
        return experiment_of(tx.connection, _found(tx.connection, name))


def _meant(connection: Connection, given: SomeExperiments, *, deleted: bool) -> list[str]:
    from mlwright.ledger import folders

    path = given.name.strip("/")
    names = folders.names_at(connection, path, deleted=deleted)
    found = names if given.below else [name for name in names if name == path]
    if not found:
        if names:
            raise Conflict(
                f"'{path}' is a folder of {len(names)} experiments.", fix="say --below to mean all that lie below it"
            )
        raise not_found("experiment", path, folders.names_at(connection, path) or _known(connection))
    return found


def _found(connection: Connection, name: str) -> ExperimentRow:
    from mlwright.ledger import experiments

    row = experiments.get_by_name(connection, name.strip("/"))
    if row is None:
        raise not_found("experiment", name, _known(connection))
    return row


def _known(connection: Connection) -> list[str]:
    from mlwright.ledger import experiments

    return [row.name for row in experiments.list_experiments(connection, limit=1000)]


def _checked(name: str, *tags: str) -> str:
    """Return a path without its outer slashes; refuse one with an empty part, and tags of impossible names."""
    from mlwright.tracking.checking import name_of

    for tag in tags:
        name_of(tag, "tag")
    path = name.strip("/")
    if not all(part.strip() for part in path.split("/")):
        raise InvalidInput(
            f"'{name}' is no path of an experiment.",
            why="one of its parts is empty",
            fix="write it like vision/defects/resnet",
        )
    return path


def experiment_of(connection: Connection, row: ExperimentRow) -> Experiment:
    """Return an experiment with what holds for it."""
    from mlwright.ledger import folders

    return Experiment(
        id=row.id,
        number=row.number,
        name=row.name,
        note=row.note,
        tags=row.tags,
        settings=msgspec.convert(row.settings, ExperimentSettings),
        inherited=msgspec.convert(folders.settings_of(connection, row.name), ExperimentSettings, from_attributes=True),
        runs=folders.counts_of(connection, row.id),
        created_at=row.created_at,
        deleted_at=row.deleted_at,
    )


ENDPOINTS = (
    Endpoint(
        name="experiments.list",
        method="GET",
        path="/experiments",
        summary="List what lies directly in a folder of experiments.",
        input=ListExperiments,
        output=Page[Place],
        function=list_experiments,
    ),
    Endpoint(
        name="experiments.show",
        method="GET",
        path="/experiments/show",
        summary="Show an experiment with the settings that hold for it.",
        input=ShowExperiment,
        output=Experiment,
        function=show_experiment,
    ),
    Endpoint(
        name="experiments.new",
        method="POST",
        path="/experiments",
        summary="Make an experiment.",
        input=NewExperiment,
        output=Experiment,
        function=new_experiment,
        scope="write",
        audit="experiments.created",
    ),
    Endpoint(
        name="experiments.move",
        method="POST",
        path="/experiments/move",
        summary="Give an experiment or a folder another path.",
        input=MoveExperiments,
        output=ChangedExperiments,
        function=move_experiments,
        scope="write",
        audit="experiments.moved",
    ),
    Endpoint(
        name="experiments.delete",
        method="POST",
        path="/experiments/delete",
        summary="Put experiments and their runs into the bin.",
        input=SomeExperiments,
        output=ChangedExperiments,
        function=delete_experiments,
        scope="write",
        audit="experiments.deleted",
    ),
    Endpoint(
        name="experiments.restore",
        method="POST",
        path="/experiments/restore",
        summary="Take experiments and their runs out of the bin.",
        input=SomeExperiments,
        output=ChangedExperiments,
        function=restore_experiments,
        scope="write",
        audit="experiments.restored",
    ),
    Endpoint(
        name="experiments.set",
        method="POST",
        path="/experiments/set",
        summary="Change what an experiment or a folder hands down to new runs.",
        input=SetExperiment,
        output=Experiment,
        function=set_experiment,
        scope="write",
        audit="experiments.changed",
    ),
)
