"""Exporting to another tracker: experiments, runs and registered models that aren't in the bin.

What was taken there carries a tag that says what it is here, so an export that was stopped goes on by being started
again, and the next one takes only what is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlwright.core import adapters
from mlwright.errors import InvalidUsage, NotFound, did_you_mean
from mlwright.ledger import experiments as rows
from mlwright.ledger import registry_edits
from mlwright.ledger.runs import RunFilter, RunRow, list_runs
from mlwright.migration.context import OUR_RUN, Asked, Progress, Seen
from mlwright.migration.export_models import take_model
from mlwright.migration.export_runs import Exporting, take_run
from mlwright.migration.report import Counts, Report
from mlwright.migration.target import Target

if TYPE_CHECKING:
    from mlwright.ledger.experiments import ExperimentRow
    from mlwright.project import Project

PORT = "export-target"
_PAGE = 1000


def open_target(location: str) -> Target:
    """Open the MLflow server at an address.

    Raises:
        InvalidUsage: It is no address of a server.
    """
    if urlsplit(location).scheme not in ("http", "https"):
        raise InvalidUsage(
            f"'{location}' is no address of a server.",
            why="an export goes to a running MLflow server",
            fix="start one with: mlflow server --backend-store-uri sqlite:///mlflow.db, and give http://HOST:PORT",
        )
    target: Target = adapters.load(PORT, "mlflow")(location)
    return target


def export_all(project: Project, target: Target, asked: Asked, *, progress: Progress = lambda _: None) -> Report:
    """Take everything that is new here to a target.

    Args:
        project: Where from.
        target: Where to.
        asked: What is wanted.
        progress: Called with how far it is.

    Returns:
        What was taken, counted, with what had to be told in another form or left out.

    Raises:
        NotFound: There is no experiment of a wanted name.
        ServerUnavailable: The target went away; what was taken stays, and the next export goes on.
    """
    report = Report(source="this project", target=target.describe(), dry_run=asked.dry_run, counts=Counts())
    exporting = Exporting(project, target, report, progress)
    there = target.experiments()
    wanted = _wanted(project, asked)
    ids = {experiment.name: _take_experiment(exporting, experiment, there) for experiment in wanted}
    found = _runs(project, [experiment for experiment in wanted if ids[experiment.name] is not None])
    for done, row in enumerate(found, 1):
        take_run(exporting, row, ids[row.experiment] or "")
        progress(Seen("runs", done, len(found)))
    _take_models(exporting, asked)
    return report


def _wanted(project: Project, asked: Asked) -> list[ExperimentRow]:
    with project.ledger.read() as connection:
        found = rows.list_experiments(connection)
    names = [experiment.name for experiment in found]
    for name in asked.experiments:
        if name not in names:
            raise NotFound(f"there is no experiment '{name}'.", fix=did_you_mean(name, names))
    return [experiment for experiment in found if not asked.experiments or experiment.name in asked.experiments]


def _take_experiment(exporting: Exporting, experiment: ExperimentRow, there: dict[str, tuple[str, bool]]) -> str | None:
    """Return the id of an experiment there, which is made if there is none; None when it is deleted there."""
    if experiment.name not in there:
        exporting.report.counts.experiments += 1
        tags = {**experiment.tags, **({"mlflow.note.content": experiment.note} if experiment.note else {})}
        return "" if exporting.report.dry_run else exporting.target.create_experiment(experiment.name, tags)
    id_, is_deleted = there[experiment.name]
    if is_deleted:
        exporting.note(f"experiment '{experiment.name}'", "it is left out: there it is deleted; restore it there first")
        return None
    for run in exporting.target.runs(id_):
        exporting.by_id[run.id] = run
        if OUR_RUN in run.tags:
            exporting.runs[run.tags[OUR_RUN]] = run
    return id_


def _runs(project: Project, experiments: list[ExperimentRow]) -> list[RunRow]:
    """Return the runs of experiments that aren't in the bin, those that others are part of first."""
    found: list[RunRow] = []
    for experiment in experiments:
        before: str | None = None
        while True:
            with project.ledger.read() as connection:
                page = list_runs(connection, RunFilter(experiment=experiment.name), before=before, limit=_PAGE)
            found += [row for row in page if row.deleted_at is None]
            if len(page) < _PAGE:
                break
            before = page[-1].id
    return sorted(found, key=lambda row: (row.started_at, row.id))


def _take_models(exporting: Exporting, asked: Asked) -> None:
    with exporting.project.ledger.read() as connection:
        models = registry_edits.registered_models(connection)
        of_runs = {
            found.row.model for found in registry_edits.registered(connection) if found.row.run_id in exporting.runs
        }
    there = {model.name: model for model in exporting.target.models()} if models else {}
    wanted = [model for model in models if not asked.experiments or model.name in of_runs]
    for done, model in enumerate(wanted, 1):
        take_model(exporting, model, there.get(model.name))
        exporting.progress(Seen("registered models", done, len(wanted)))
