"""Going on with a run: finding the one that is meant, and opening it again."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger.driver import execute
from mlwright.ledger.runs import update_run
from mlwright.ledger.schema import experiments, runs, series
from mlwright.ledger.store import Transaction

_MOST_STEP = 2**63 - 1


class Resumable(msgspec.Struct, frozen=True, kw_only=True):
    """A run that can be gone on with.

    Attributes:
        run_id: Its id.
        name: What people call it.
        experiment: Name of its experiment.
        status: How it stands.
        steps: For each metric, the place that its next value takes.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    steps: dict[str, int]


def find_resumable(
    connection: sa.Connection, *, run_id: str = "", name: str = "", experiment: str = ""
) -> Resumable | None:
    """Return the run of an id, else the newest script's run of a name in an experiment; None when there is none.

    A run in the bin isn't found by its name.
    """
    joined = runs.join(experiments, runs.c.experiment_id == experiments.c.id)
    query = sa.select(runs.c.id, runs.c.name, runs.c.status, experiments.c.name.label("experiment")).select_from(joined)
    if run_id:
        query = query.where(runs.c.id == run_id)
    else:
        query = query.where(runs.c.name == name, experiments.c.name == experiment, runs.c.kind == "script")
        query = query.where(runs.c.deleted_at.is_(None)).order_by(runs.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Resumable(
        run_id=row.id,
        name=row.name,
        experiment=row.experiment,
        status=row.status,
        steps=_next_steps(connection, row.id),
    )


def reopen(tx: Transaction, run_id: str) -> bool:
    """Set a run that has ended to running again; False when there is no such run or it runs already."""
    values: dict[str, Any] = {"status": "running", "error": None, "ended_at": None, "duration_s": None}
    return (
        tx.execute(sa.update(runs).where(runs.c.id == run_id, runs.c.status != "running").values(values)).rowcount == 1
    )


def describe_run(
    tx: Transaction,
    run_id: str,
    *,
    note: str | None = None,
    source: dict[str, Any] | None = None,
    environment_digest: str | None = None,
) -> None:
    """Set what is known of a run only after it began; what is None stays."""
    given = {"note": note, "source": source, "environment_digest": environment_digest}
    update_run(tx, run_id, **{name: value for name, value in given.items() if value is not None})


def exists(connection: sa.Connection, run_id: str) -> bool:
    """Tell whether there is a run of this id."""
    return execute(connection, "SELECT id FROM runs WHERE id = ?", [run_id]).one_or_none() is not None


def _next_steps(connection: sa.Connection, run_id: str) -> dict[str, int]:
    query = sa.select(series.c.key, sa.func.max(series.c.last_step)).where(
        series.c.run_id == run_id, series.c.superseded.is_(False)
    )
    return {key: min(last + 1, _MOST_STEP) for key, last in connection.execute(query.group_by(series.c.key)).all()}
