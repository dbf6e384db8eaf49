"""Tracking: what code logs about a run. It goes to a crash-safe journal and from there to the ledger, exactly once.

`log.py` has the functions that code calls, `run.py` the run, `context.py` which run is meant, `journal.py` and
`records.py` the file, `scripts.py` the runs of plain scripts. A journal goes to a destination (`destinations.py`,
`remote.py`) by `shipper.py` while its process lives and by `recovery.py` afterwards; `shipping.py` and `arrivals.py`
write it to the ledger. `contents.py`, `datasets.py` and `evaluation.py` are what special values become, `capture.py`,
`output.py` and `machine.py` what is kept without being asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.tracking.context import current_project, current_run
from mlwright.tracking.fork import fork_run
from mlwright.tracking.log import (
    log_artifact,
    log_calibration,
    log_confusion_matrix,
    log_dataset,
    log_dict,
    log_figure,
    log_image,
    log_metrics,
    log_params,
    log_precision_recall,
    log_roc,
    log_table,
    log_text,
    set_note,
    set_tags,
)
from mlwright.tracking.run import Run
from mlwright.tracking.scripts import start_run

if TYPE_CHECKING:
    from pathlib import Path

    from mlwright.project import Project

__all__ = [
    "Run",
    "current_project",
    "current_run",
    "fork_run",
    "log_artifact",
    "log_calibration",
    "log_confusion_matrix",
    "log_dataset",
    "log_dict",
    "log_figure",
    "log_image",
    "log_metrics",
    "log_params",
    "log_precision_recall",
    "log_roc",
    "log_table",
    "log_text",
    "recover",
    "set_note",
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
