"""Tracking: what code logs about a run. It goes to a crash-safe journal and from there to the ledger, exactly once.

`log.py` has the functions that code calls, `run.py` the run, `context.py` which run is meant, `journal.py` and
`records.py` the file, `shipping.py` the way to the ledger, and `scripts.py` the runs of plain scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.tracking.context import current_project, current_run
from mlwright.tracking.log import log_artifact, log_metrics, log_params, set_tags
from mlwright.tracking.run import Run
from mlwright.tracking.scripts import start_run

if TYPE_CHECKING:
    from pathlib import Path

    from mlwright.project import Project

__all__ = [
    "Run",
    "current_project",
    "current_run",
    "log_artifact",
    "log_metrics",
    "log_params",
    "recover",
    "set_tags",
    "ship",
    "start_run",
]


def ship(project: Project, journal: Path) -> int:
    """Bring a journal's records to the ledger, each exactly once; return how many were new."""
    from mlwright.tracking import shipping

    return shipping.ship(project, journal)


def recover(project: Project) -> int:
    """Ship the journals of processes that died; return how many there were."""
    from mlwright.tracking import shipping

    return shipping.recover(project)
