"""Endpoints about sweeps: which there are, and what one has found so far."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Limit, Page
from mlwright.api.finding import not_found

if TYPE_CHECKING:
    from mlwright.ledger.sweeps import SweepRow
    from mlwright.project import Project


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep.

    Attributes:
        run_id: Its run.
        name: Its name.
        experiment: What it is filed under.
        status: running, succeeded, failed or cancelled.
        trials: How many trials there are to be.
        finished: How many trials have finished.
        pruned: How many were stopped early.
        failed: How many failed.
        best: The best values so far; empty while no trial has finished.
        actor: Who began it.
        created_at: When it began.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    trials: int
    finished: int
    pruned: int
    failed: int
    best: list[float]
    actor: str
    created_at: datetime


class TrialOfSweep(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one trial.

    Attributes:
        run_id: Its run.
        number: Its place in the sweep.
        attempt: From 1.
        outcome: finished, pruned, failed or lost; empty while it runs.
        params: What it tried.
        values: What the objective gave.
        error: What it failed with.
        duration_s: How long it took.
    """

    run_id: str
    number: int
    attempt: int
    outcome: str
    params: dict[str, Any]
    values: list[float]
    error: dict[str, Any] | None
    duration_s: float | None


class SweepDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep with its trials and what is kept for plots.

    Attributes:
        sweep: The sweep.
        plan: What is looked for and where.
        trials: Every attempt at every trial, by number.
        best: Numbers of the best trials; of several objectives the front.
        history: For one objective, number of each finished trial and the best value up to it.
        importances: How much each parameter matters, adding up to 1, most important first; refreshed as it goes.
        axes: Of a plot with parallel coordinates.
    """

    sweep: Sweep
    plan: dict[str, Any]
    trials: list[TrialOfSweep]
    best: list[int]
    history: list[tuple[int, float]]
    importances: dict[str, float]
    axes: list[dict[str, Any]]


class ListSweeps(Input, frozen=True, kw_only=True):
    """Which sweeps to list.

    Attributes:
        experiment: Only of this experiment.
        cursor: `next` of the page before.
        limit: How many at most.
    """

    experiment: str | None = None
    cursor: str | None = None
    limit: Limit = DEFAULT_LIMIT


class ShowSweep(Input, frozen=True, kw_only=True):
    """Which sweep.

    Attributes:
        sweep: Its name, of which the newest is meant, or the id of its run.
        experiment: Only of this experiment.
    """

    sweep: str
    experiment: str | None = None


def list_sweeps(project: Project, given: ListSweeps) -> Page[Sweep]:
    """Return one page of sweeps, newest first."""
    from mlwright.ledger import sweeps

    with project.ledger.read() as connection:
        rows = sweeps.list_sweeps(connection, experiment=given.experiment, before=given.cursor, limit=given.limit + 1)
        items = [_sweep(row, sweeps.newest_of(sweeps.trials_of(connection, row.run_id))) for row in rows[: given.limit]]
    return Page(items=items, next=items[-1].run_id if len(rows) > given.limit else None)


def show_sweep(project: Project, given: ShowSweep) -> SweepDetail:
    """Return one sweep with its trials and what is kept for plots."""
    from mlwright.ledger import sweeps
    from mlwright.sweeps import keeping
    from mlwright.sweeps.values import Plan

    with project.ledger.read() as connection:
        row = sweeps.find_sweep(connection, given.sweep, experiment=given.experiment)
        if row is None:
            known = [found.name for found in sweeps.list_sweeps(connection, experiment=given.experiment)]
            raise not_found("sweep", given.sweep, known)
        rows = sweeps.trials_of(connection, row.run_id)
    newest = sweeps.newest_of(rows)
    kept = keeping.read(project, row.run_id)
    counted = [trial for trial in newest if trial.outcome]
    importances = kept.importances if kept is not None else {}
    found = keeping.summary(row, msgspec.convert(row.plan, Plan), counted, importances, at=row.created_at)
    return SweepDetail(
        sweep=_sweep(row, newest),
        plan=row.plan,
        trials=[msgspec.convert(trial, TrialOfSweep, from_attributes=True) for trial in rows],
        best=found.best,
        history=found.history,
        importances=found.importances,
        axes=msgspec.to_builtins(found.axes),
    )


def _sweep(row: SweepRow, newest: list[Any]) -> Sweep:
    from mlwright.sweeps.values import counts_of, front_of

    front = front_of(newest, row.plan["directions"])
    return Sweep(
        run_id=row.run_id,
        name=row.name,
        experiment=row.experiment,
        status=row.status,
        trials=row.plan["trials"],
        **counts_of(newest),
        best=front[0].values if front else [],
        actor=row.actor,
        created_at=row.created_at,
    )


ENDPOINTS = (
    Endpoint(
        name="sweeps.list",
        method="GET",
        path="/sweeps",
        summary="List sweeps, newest first.",
        input=ListSweeps,
        output=Page[Sweep],
        function=list_sweeps,
    ),
    Endpoint(
        name="sweeps.show",
        method="GET",
        path="/sweeps/{sweep}",
        summary="Show a sweep with its trials, its best, and how much each parameter matters.",
        input=ShowSweep,
        output=SweepDetail,
        function=show_sweep,
    ),
)
