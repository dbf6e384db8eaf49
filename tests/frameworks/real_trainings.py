"""What tests of trainings ask about the one run that was logged."""

from __future__ import annotations

from typing import Any

from mlwright.artifacts import codecs
from mlwright.ledger import curves, runs, tracked
from mlwright.project import Project


def only_run(project: Project) -> runs.RunRow:
    """Return the one run that there is."""
    with project.ledger.read() as connection:
        (row,) = runs.list_runs(connection)
    return row


def values(project: Project, key: str) -> list[tuple[int, float]]:
    """Return steps and values of a metric of the only run."""
    run_id = only_run(project).id
    with project.ledger.read() as connection:
        return [(point.step, point.value) for point in curves.history(connection, run_id, key)]


def params(project: Project) -> dict[str, Any]:
    """Return the parameters of the only run."""
    run_id = only_run(project).id
    with project.ledger.read() as connection:
        return tracked.params_of(connection, run_id)


def artifacts(project: Project) -> dict[str, Any]:
    """Return everything that the only run keeps, by name."""
    run_id = only_run(project).id
    with project.ledger.read() as connection:
        rows = tracked.artifacts_of(connection, run_id)
    return {row.name: codecs.load(project.store, row.digest, row.codec) for row in rows}
