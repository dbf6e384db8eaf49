"""What all parts of one import share: the two ends, what was asked for, and what was found so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from mlwright.ledger import imports
from mlwright.migration.report import Counts, Note, Report

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.migration.port import Source
    from mlwright.project import Project

#: Why an alias or stage was changed by an import; tells such changes from those that people made here.
REASON = "imported from MLflow"
#: Tag with the id that a run has at MLflow.
SOURCE_RUN = "mlflow.imported.run_id"
#: Tag, at MLflow, with the id of the run here that an export wrote there.
OUR_RUN = "mlwright.run_id"
PARENT, NOTE, RUN_NAME = "mlflow.parentRunId", "mlflow.note.content", "mlflow.runName"
#: Downloads and uploads at once.
WORKERS = 4
_MOST_NOTES = 1000


class Seen(msgspec.Struct, frozen=True):
    """How far a migration is: what is being done, how much of it, out of how much if that is known."""

    stage: str
    done: int
    total: int | None = None


Progress = Callable[[Seen], None]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration shall do.

    Attributes:
        experiments: Names of the experiments that are wanted; all when none is named.
        dry_run: Only tell what would be done.
    """

    experiments: list[str] = []
    dry_run: bool = False


class ExperimentHere(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment of the ledger that one of the source goes to; its id is empty while it is only planned."""

    id: str
    number: int
    name: str
    location: str
    is_deleted: bool


class Context:
    """State of one import.

    Args:
        project: Where to.
        source: Where from.
        asked: What is wanted.
        progress: Called with how far it is.
    """

    def __init__(self, project: Project, source: Source, asked: Asked, progress: Progress) -> None:
        self.project = project
        self.source = source
        self.asked = asked
        self.progress = progress
        self.report = Report(
            source=source.location,
            target="this project",
            dry_run=asked.dry_run,
            counts=Counts(),
        )
        #: Experiments by the source's id.
        self.experiments: dict[str, ExperimentHere] = {}
        #: Our ids of runs, and the URIs of their artifacts, by the source's id.
        self.runs: dict[str, str] = {}
        self.artifact_uris: dict[str, str] = {}
        #: Runs that took or made a logged model: our run's id, role and step, by the model's id.
        self.links: dict[str, list[tuple[str, str, int]]] = {}
        #: Logged models that would be there if this weren't a dry run.
        self.planned_models: set[str] = set()

    @property
    def counts(self) -> Counts:
        """How much is new."""
        return self.report.counts

    def note(self, about: str, text: str) -> None:
        """Tell of something that could not be brought as it was."""
        found = Note(about, text)
        if len(self.report.notes) < _MOST_NOTES:
            self.report.notes.append(found)
        else:
            self.report.more_notes += 1

    def run_here(self, connection: Connection, source_id: str) -> str | None:
        """Return our id of a run of the source, None when it isn't here."""
        if not source_id:
            return None
        if source_id in self.runs:
            return self.runs[source_id]
        found = imports.run_of_key(connection, run_key(source_id))
        return None if found is None else found.id


def run_key(source_id: str) -> str:
    """Return the key that an imported run is found by; MLflow's ids are unique wherever the store is moved to."""
    return f"mlflow:{source_id}"
