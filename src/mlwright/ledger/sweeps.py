"""Sweeps and their trials, which are runs: a sweep's run has its plan, a trial's run is a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.ledger import curves, runs, tracked
from mlwright.ledger.schema import experiments, tags
from mlwright.ledger.schema import runs as runs_table
from mlwright.ledger.store import Transaction

SWEEP = "sweep"
TRIAL = "trial"
#: Tags of a trial's run; the outcome is what makes it count.
NAME_TAG = "mlwright.sweep"
NUMBER_TAG = "mlwright.trial"
OUTCOME_TAG = "mlwright.trial.outcome"
#: Metrics of a trial's run: what the objective gave, and what it reported on the way.
OBJECTIVE = "objective"
REPORTED = "objective.reported"
FINISHED, PRUNED, FAILED, LOST = "finished", "pruned", "failed", "lost"
#: How the run of a trial ends.
STATUS = {FINISHED: "succeeded", PRUNED: "cancelled", FAILED: "failed", LOST: "failed"}


class TrialRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one trial of a sweep.

    Attributes:
        run_id: Its run.
        number: Its place in the sweep, from 0.
        attempt: From 1; more when its process died and it was tried again.
        status: How its run stands.
        outcome: finished, pruned, failed or lost; empty while it runs.
        params: What it tried.
        values: What the objective gave.
        reported: Step to value, as reported on the way; only where it was asked for.
        error: What it failed with.
        started_at: When it began.
        duration_s: How long it took; None while it runs.
    """

    run_id: str
    number: int
    attempt: int
    status: str
    outcome: str
    params: dict[str, Any]
    values: list[float]
    error: dict[str, Any] | None
    started_at: datetime
    duration_s: float | None
    reported: dict[int, float] = {}


class SweepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep as the ledger has it.

    Attributes:
        run_id: Its run.
        name: What people call it.
        experiment: What it is filed under.
        status: How its run stands.
        plan: What is looked for and where, as plain data.
        actor: Who began it.
        created_at: When it began.
        ended_at: When it was over.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    plan: dict[str, Any]
    actor: str
    created_at: datetime
    ended_at: datetime | None


def begin_sweep(tx: Transaction, name: str, experiment: str, plan: dict[str, Any], *, run_id: str = "") -> str:
    """Make a sweep's run; return its id."""
    run_id = run_id or new_id()
    runs.create_run(tx, runs.NewRun(id=run_id, experiment=experiment, name=name, kind=SWEEP, arguments={"plan": plan}))
    tracked.put_tags(tx, run_id, {NAME_TAG: name})
    tx.emit("run.started", f"run/{run_id}", name=name, kind=SWEEP, experiment=experiment)
    return run_id


def go_on(tx: Transaction, run_id: str, plan: dict[str, Any]) -> None:
    """Set a sweep's run to running again, with the plan as it is now."""
    values = {"status": "running", "error": None, "ended_at": None, "duration_s": None, "arguments": {"plan": plan}}
    tx.execute(sa.update(runs_table).where(runs_table.c.id == run_id).values(values))
    tx.emit("run.resumed", f"run/{run_id}", kind=SWEEP)


def begin_trial(tx: Transaction, sweep: SweepRow, trial: TrialRow) -> None:
    """Make a trial's run, with its parameters."""
    new = runs.NewRun(
        id=trial.run_id,
        experiment=sweep.experiment,
        name=f"{sweep.name}-{trial.number}",
        kind=TRIAL,
        arguments={"number": trial.number, "attempt": trial.attempt, "params": trial.params},
        idempotency_key=f"trial/{sweep.run_id}/{trial.number}/{trial.attempt}",
        parent_id=sweep.run_id,
    )
    runs.create_run(tx, new)
    tracked.put_params(tx, trial.run_id, trial.params)
    tracked.put_tags(tx, trial.run_id, {NAME_TAG: sweep.name, NUMBER_TAG: str(trial.number)})
    tx.emit("run.started", f"run/{trial.run_id}", name=new.name, kind=TRIAL, experiment=sweep.experiment)


def end_trial(tx: Transaction, trial: TrialRow) -> bool:
    """Record what a trial came to; one whose outcome is known is left alone, and the answer is False."""
    of_run = (tags.c.run_id == trial.run_id, tags.c.key == OUTCOME_TAG)
    if tx.execute(sa.select(tags.c.value).where(*of_run)).one_or_none() is not None:
        return False
    keys = keys_of(len(trial.values))
    found = [
        curves.Point(key=key, step=0, value=value, at=tx.now) for key, value in zip(keys, trial.values, strict=True)
    ]
    curves.add_points(tx, trial.run_id, found)
    tracked.put_tags(tx, trial.run_id, {OUTCOME_TAG: trial.outcome})
    _keep_values(tx, trial)
    status = STATUS[trial.outcome]
    if runs.end_run(tx, trial.run_id, status, error=trial.error, duration_s=trial.duration_s):
        tx.emit(f"run.{status}", f"run/{trial.run_id}", kind=TRIAL, outcome=trial.outcome)
    return True


def end_sweep(tx: Transaction, run_id: str, status: str, *, error: dict[str, Any] | None, duration_s: float) -> None:
    """Record how a sweep ended."""
    if runs.end_run(tx, run_id, status, error=error, duration_s=duration_s):
        told = {} if error is None else {"error": error}
        tx.emit(f"run.{status}", f"run/{run_id}", kind=SWEEP, duration_s=duration_s, **told)


def keys_of(count: int) -> list[str]:
    """Return the metrics that the values of an objective are kept as.

    Example:
        >>> keys_of(1), keys_of(2)
        (['objective'], ['objective_1', 'objective_2'])
    """
    return [OBJECTIVE] if count == 1 else [f"{OBJECTIVE}_{place}" for place in range(1, count + 1)]


def find_sweep(connection: sa.Connection, name: str, *, experiment: str | None = None) -> SweepRow | None:
    """Return the newest sweep of a name, or the one of a whole run id; those in the bin are passed over."""
    query = _select().where(sa.or_(runs_table.c.name == name, runs_table.c.id == name))
    if experiment is not None:
        query = query.where(experiments.c.name == experiment)
    row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else _sweep(row)


def list_sweeps(
    connection: sa.Connection, *, experiment: str | None = None, before: str | None = None, limit: int = 50
) -> list[SweepRow]:
    """Return sweeps, newest first; those in the bin are left out."""
    query = _select().limit(limit)
    if experiment is not None:
        query = query.where(experiments.c.name == experiment)
    if before is not None:
        query = query.where(runs_table.c.id < before)
    return [_sweep(row) for row in connection.execute(query)]


def trials_of(connection: sa.Connection, sweep_id: str, *, reports: bool = False) -> list[TrialRow]:
    """Return every attempt at every trial of a sweep, in the order of number and attempt; those in the bin too.

    Args:
        connection: Where to look.
        sweep_id: The sweep's run.
        reports: Whether to read what was reported on the way, too.
    """
    of_sweep = (runs_table.c.parent_id == sweep_id, runs_table.c.kind == TRIAL)
    rows = connection.execute(sa.select(runs_table).where(*of_sweep)).all()
    mine = sa.select(runs_table.c.id).where(*of_sweep)
    known = sa.select(tags.c.run_id, tags.c.value).where(tags.c.key == OUTCOME_TAG, tags.c.run_id.in_(mine))
    outcomes: dict[str, str] = dict(connection.execute(known).all())
    found = [
        TrialRow(
            run_id=row.id,
            number=row.arguments["number"],
            attempt=row.arguments["attempt"],
            status=row.status,
            outcome=outcomes.get(row.id, ""),
            params=row.arguments["params"],
            values=row.arguments.get("values", []),
            error=row.error,
            started_at=row.started_at,
            duration_s=row.duration_s,
            reported=_reported(connection, row.id) if reports else {},
        )
        for row in rows
    ]
    return sorted(found, key=lambda trial: (trial.number, trial.attempt))


def newest_of(trials: Sequence[TrialRow]) -> list[TrialRow]:
    """Return the newest attempt at each trial, by number."""
    return list({trial.number: trial for trial in trials}.values())


def _keep_values(tx: Transaction, trial: TrialRow) -> None:
    """Keep the values with the run, too: the metric of the same name may be logged by the objective itself."""
    arguments = {"number": trial.number, "attempt": trial.attempt, "params": trial.params, "values": trial.values}
    tx.execute(sa.update(runs_table).where(runs_table.c.id == trial.run_id).values(arguments=arguments))


def _reported(connection: sa.Connection, run_id: str) -> dict[int, float]:
    return {point.step: point.value for point in curves.history(connection, run_id, REPORTED)}


def _select() -> sa.Select[Any]:
    joined = runs_table.join(experiments, runs_table.c.experiment_id == experiments.c.id)
    query = sa.select(runs_table, experiments.c.name.label("experiment")).select_from(joined)
    return query.where(runs_table.c.kind == SWEEP, runs_table.c.deleted_at.is_(None)).order_by(runs_table.c.id.desc())


def _sweep(row: sa.Row[Any]) -> SweepRow:
    return SweepRow(
        run_id=row.id,
        name=row.name,
        experiment=row.experiment,
        status=row.status,
        plan=row.arguments.get("plan", {}),
        actor=row.actor,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
