"""`mlwright import` and `mlwright export`: moving from MLflow, and back."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import msgspec
from cyclopts import App, Parameter

from mlwright.cli.context import NONE, Options, local_only, open_project
from mlwright.cli.output import clean, print_json, print_table, say

if TYPE_CHECKING:
    from mlwright.migration import Report, Seen

importing = App(name="import", help="Bring experiments, runs, metrics, artifacts and models over from another tracker.")
exporting = App(name="export", help="Take experiments, runs, metrics, artifacts and models to another tracker.")

_LABELS = {
    "experiments": "experiments",
    "runs": "runs",
    "runs_changed": "runs with something new",
    "runs_known": "runs with nothing new",
    "points": "points of metrics",
    "artifacts": "files",
    "logged_models": "logged models",
    "models": "registered models",
    "versions": "versions of models",
    "aliases": "aliases set or moved",
}
_SHOWN_NOTES = 20
_TOLD_EVERY_S = 5.0


@importing.command(name="mlflow")
def import_mlflow(
    source: str,
    *,
    experiment: Annotated[list[str] | None, Parameter(negative=())] = None,
    artifacts: str = "",
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    options: Options = NONE,
) -> None:
    """Bring over what is new at an MLflow server, in a folder mlruns, or in an MLflow database.

    Nothing at the source is changed, and nothing that is here already. Credentials of a server come from
    MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.

    Args:
        source: http://HOST:PORT, a folder mlruns, or sqlite:///mlflow.db.
        experiment: Only experiments of these names.
        artifacts: Folder that a server keeps `mlflow-artifacts:` in, for a folder or database that it wrote.
        dry_run: Only tell what would be brought.
    """
    local_only(options, "import")
    from mlwright.migration import Asked, import_all, open_source

    opened = open_source(source, artifacts=artifacts)
    try:
        with open_project(options, create=True) as project, MigrationProgress() as progress:
            asked = Asked(experiments=experiment or [], dry_run=dry_run)
            report = import_all(project, opened, asked, progress=progress)
    finally:
        opened.close()
    _print(report, options, "would bring" if dry_run else "brought")
    if not options.json and not dry_run and not report.counts.is_nothing:
        say("look at it with: mlwright runs; mlwright models; or bring it to the page with: mlwright up")


@exporting.command(name="mlflow")
def export_mlflow(
    target: str,
    *,
    experiment: Annotated[list[str] | None, Parameter(negative=())] = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    options: Options = NONE,
) -> None:
    """Take what is new here to an MLflow server: experiments, runs, and registered models that aren't in the bin.

    What MLflow can't hold as it is, is told in another form and noted. Credentials come from
    MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.

    Args:
        target: http://HOST:PORT.
        experiment: Only experiments of these names.
        dry_run: Only tell what would be taken.
    """
    local_only(options, "export")
    from mlwright.migration import Asked, export_all, open_target

    opened = open_target(target)
    try:
        with open_project(options, create=False) as project, MigrationProgress() as progress:
            asked = Asked(experiments=experiment or [], dry_run=dry_run)
            report = export_all(project, opened, asked, progress=progress)
    finally:
        opened.close()
    _print(report, options, "would take" if dry_run else "took")


class MigrationProgress:
    """Shows on stderr how far a migration is: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._told_at = time.monotonic()

    def __call__(self, seen: Seen) -> None:
        """Show what was reached."""
        if self._bar is not None:
            if seen.stage not in self._tasks:
                self._tasks[seen.stage] = self._bar.add_task(seen.stage, total=seen.total)
            self._bar.update(self._tasks[seen.stage], completed=seen.done, total=seen.total)
        elif time.monotonic() - self._told_at > _TOLD_EVERY_S:
            self._told_at = time.monotonic()
            say(f"{seen.stage}: {seen.done}" + (f" of {seen.total}" if seen.total else ""))

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is not None:
            say("stopped; what was done stays, and the same command goes on.")


def _print(report: Report, options: Options, verb: str) -> None:
    if options.json:
        print_json(item=report)
        return
    counts = msgspec.structs.asdict(report.counts)
    rows = [(label, _amount(counts, name)) for name, label in _LABELS.items() if counts[name]]
    if report.counts.is_nothing:
        say(f"nothing new from {report.source} to {report.target}.")
    else:
        say(f"{verb} from {report.source} to {report.target}:")
    if rows:
        print_table(rows, ("WHAT", "HOW MANY"))
    for note in report.notes[:_SHOWN_NOTES]:
        say(f"note: {clean(note.about)}: {clean(note.text)}")
    hidden = len(report.notes) - _SHOWN_NOTES + report.more_notes
    if hidden > 0:
        say(f"note: and {hidden} more; see them with --json")


def _amount(counts: dict[str, int], name: str) -> str:
    return f"{counts[name]:,}" + (f" ({_size(counts['artifact_bytes'])})" if name == "artifacts" else "")


def _size(size_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"
