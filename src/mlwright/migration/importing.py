"""Importing another tracker: experiments, runs, logged models and registered models, in this order.

Each of them is one transaction, and the files that it names are in the store before. Whatever is here already is found
by the key that it was imported under, so an import that was stopped at any moment goes on by being started again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.core import adapters
from mlwright.errors import InvalidUsage, NotFound, did_you_mean
from mlwright.ledger import experiments as rows
from mlwright.ledger import imports
from mlwright.migration.context import Asked, Context, ExperimentHere, Progress, Seen
from mlwright.migration.import_logged import bring_logged
from mlwright.migration.import_models import bring_model
from mlwright.migration.import_runs import bring_run
from mlwright.migration.port import ExperimentFound, Source
from mlwright.migration.report import Report
from mlwright.migration.values import moment_of

if TYPE_CHECKING:
    from mlwright.project import Project

PORT = "import-source"


def open_source(location: str, *, artifacts: str = "") -> Source:
    """Open the MLflow store that a location names.

    Args:
        location: Address of a tracking server, a folder `mlruns`, or `sqlite:///` and a database file.
        artifacts: Folder that holds what the store names `mlflow-artifacts:`; a server doesn't need it.

    Raises:
        InvalidUsage: It is no location of a store that can be read.
        NotFound: Nothing is there.
        MissingExtra: A folder needs the extra `mlflow`.
    """
    scheme, mark, _ = location.partition("://")
    if scheme in ("http", "https"):
        kind = "mlflow-server"
    elif location.startswith("sqlite:///"):
        kind = "mlflow-database"
    elif not mark or scheme == "file":
        kind = "mlflow-folder"
    else:
        raise InvalidUsage(
            f"nothing can be imported from '{scheme}://'.",
            why="known are a server's address, a folder mlruns, and sqlite:///mlflow.db",
            fix="start an MLflow server on that store and import from its address",
        )
    source: Source = adapters.load(PORT, kind)(location, artifacts=artifacts)
    return source


def import_all(project: Project, source: Source, asked: Asked, *, progress: Progress = lambda _: None) -> Report:
    """Bring everything that is new at a source, and change nothing else.

    Args:
        project: Where to.
        source: Where from.
        asked: What is wanted.
        progress: Called with how far it is.

    Returns:
        What was brought, counted, with what had to be left out.

    Raises:
        NotFound: The source has no experiment of a wanted name.
        ServerUnavailable: The source went away; what was brought stays, and the next import goes on.
    """
    context = Context(project, source, asked, progress)
    wanted = _wanted(source.experiments(), asked)
    for found in wanted:
        context.experiments[found.id] = _bring_experiment(context, found)
    ids = [found.id for found in wanted]
    for done, run in enumerate(source.runs(ids), 1):
        bring_run(context, run)
        progress(Seen("runs", done))
    for done, logged in enumerate(source.logged_models(ids), 1):
        bring_logged(context, logged)
        progress(Seen("logged models", done))
    for done, model in enumerate(source.models(), 1):
        bring_model(context, model)
        progress(Seen("registered models", done))
    return context.report


def _wanted(found: list[ExperimentFound], asked: Asked) -> list[ExperimentFound]:
    names = [experiment.name for experiment in found]
    for name in asked.experiments:
        if name not in names:
            raise NotFound(f"the source has no experiment '{name}'.", fix=did_you_mean(name, names))
    return [experiment for experiment in found if not asked.experiments or experiment.name in asked.experiments]


def _bring_experiment(context: Context, found: ExperimentFound) -> ExperimentHere:
    """Find the experiment of the same name here, or make it."""
    with context.project.ledger.read() as connection:
        known = rows.get_by_name(connection, found.name)
    if known is None and context.asked.dry_run:
        context.counts.experiments += 1
        return ExperimentHere(id="", number=-1, name=found.name, location="", is_deleted=found.is_deleted)
    tags = {key: value for key, value in found.tags.items() if known is None or key not in known.tags}
    if known is None or (tags and not context.asked.dry_run):
        with context.project.ledger.write(context.project.actor) as tx:
            if known is None:
                known = rows.create(tx, found.name, tags=found.tags)
                context.counts.experiments += 1
                imports.date_experiment(
                    tx, known.id, moment_of(found.created_ms), is_deleted=found.is_deleted and known.number != 0
                )
            else:
                rows.put_tags(tx, known.id, tags)
    return ExperimentHere(
        id=known.id,
        number=known.number,
        name=known.name,
        location=known.location,
        is_deleted=found.is_deleted or known.deleted_at is not None,
    )
