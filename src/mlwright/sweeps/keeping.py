"""What a sweep keeps for pages and notebooks: one JSON document, written anew while the sweep goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from mlwright.errors import MlwrightError
from mlwright.ledger import artifacts, tracked
from mlwright.ledger.sweeps import FINISHED, SweepRow, TrialRow
from mlwright.project import Project
from mlwright.sweeps.space import Choice, Domain
from mlwright.sweeps.values import MINIMIZE, Plan, counts_of, front_of

NAME = "sweep.json"
FORMAT = 1
REFRESH_EVERY_S = 5.0


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """One axis of a plot with parallel coordinates.

    Attributes:
        name: The parameter or the objective.
        kind: number, category or objective.
        low: Where the axis begins; None for categories.
        high: Where it ends; None for categories.
        log: True when it is a logarithmic one.
        values: The categories in their order.
    """

    name: str
    kind: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    values: list[Any] = []


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One trial.

    Attributes:
        number: Its place in the sweep.
        run_id: Its run.
        outcome: finished, pruned or failed.
        params: What it tried.
        values: What the objective gave.
        duration_s: How long it took.
    """

    number: int
    run_id: str
    outcome: str
    params: dict[str, Any]
    values: list[float]
    duration_s: float | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep as `sweep.json` has it.

    Attributes:
        format: Version of this shape.
        name: What people call the sweep.
        run_id: Its run.
        plan: What was looked for and where.
        counts: How many trials ended how.
        axes: Of a plot with parallel coordinates: the parameters, then the objectives.
        trials: By number.
        best: Numbers of the best trials; of several objectives the front.
        history: For one objective, number of each finished trial and the best value up to it.
        importances: How much each parameter matters, adding up to 1, most important first.
        kept_at: When this was written.
    """

    format: int
    name: str
    run_id: str
    plan: Plan
    counts: dict[str, int]
    axes: list[Axis]
    trials: list[Line]
    best: list[int]
    history: list[tuple[int, float]]
    importances: dict[str, float]
    kept_at: datetime


class Keeper:
    """Writes a sweep's document, at most every few seconds and once at the end.

    Args:
        project: Where it is kept.
        sweep: Whose document it is.
        plan: What the sweep looks for.
    """

    def __init__(self, project: Project, sweep: SweepRow, plan: Plan) -> None:
        self._project = project
        self._sweep = sweep
        self._plan = plan
        self._kept_s: float | None = None

    def keep(self, trials: list[TrialRow], importances: Callable[[], dict[str, float]], *, last: bool) -> None:
        """Write the document if it is time.

        Args:
            trials: Those that have ended, by number.
            importances: Tells how much each parameter matters.
            last: True when there will be no later one, which is therefore always written.
        """
        now_s = time.monotonic()
        if not last and self._kept_s is not None and now_s - self._kept_s < REFRESH_EVERY_S:
            return
        self._kept_s = now_s
        found = summary(self._sweep, self._plan, trials, importances(), at=self._project.clock.now())
        try:
            self._write(msgspec.json.encode(found))
        except MlwrightError:
            # It is made from the trials, which are in the ledger: a full disk now is no reason to lose a trial.
            if last:
                raise

    def _write(self, data: bytes) -> None:
        blob = self._project.store.put(data)
        with self._project.ledger.write(self._sweep.actor) as tx:
            artifacts.record(tx, blob.digest, "blob", blob.size_bytes)
            row = tracked.RunArtifact(
                name=NAME, digest=blob.digest, codec="json", size_bytes=blob.size_bytes, step="", created_at=tx.now
            )
            tracked.put_artifacts(tx, self._sweep.run_id, [row])


def summary(
    sweep: SweepRow, plan: Plan, trials: list[TrialRow], importances: dict[str, float], *, at: datetime
) -> Summary:
    """Return a sweep's document."""
    return Summary(
        format=FORMAT,
        name=sweep.name,
        run_id=sweep.run_id,
        plan=plan,
        counts=counts_of(trials),
        axes=[_axis(name, domain) for name, domain in plan.space.items()] + _objectives(plan, trials),
        trials=[
            Line(
                number=trial.number,
                run_id=trial.run_id,
                outcome=trial.outcome,
                params=trial.params,
                values=trial.values,
                duration_s=trial.duration_s,
            )
            for trial in trials
        ],
        best=[trial.number for trial in front_of(trials, plan.directions)],
        history=_history(plan, trials),
        importances=dict(sorted(importances.items(), key=lambda item: -item[1])),
        kept_at=at,
    )


def read(project: Project, run_id: str) -> Summary | None:
    """Return the document that a sweep keeps; None when it has none yet."""
    with project.ledger.read() as connection:
        found = {row.name: row for row in tracked.artifacts_of(connection, run_id)}.get(NAME)
    if found is None:
        return None
    return msgspec.json.decode(project.store.read(found.digest), type=Summary)


def _axis(name: str, domain: Domain) -> Axis:
    if isinstance(domain, Choice):
        return Axis(name=name, kind="category", values=domain.values)
    return Axis(name=name, kind="number", low=domain.low, high=domain.high, log=domain.log)


def _objectives(plan: Plan, trials: list[TrialRow]) -> list[Axis]:
    from mlwright.ledger.sweeps import keys_of

    axes = []
    for place, name in enumerate(keys_of(len(plan.directions))):
        values = [trial.values[place] for trial in trials if trial.outcome == FINISHED]
        axes.append(Axis(name=name, kind="objective", low=min(values, default=None), high=max(values, default=None)))
    return axes


def _history(plan: Plan, trials: list[TrialRow]) -> list[tuple[int, float]]:
    if len(plan.directions) > 1:
        return []
    better = min if plan.directions[0] == MINIMIZE else max
    found: list[tuple[int, float]] = []
    for trial in trials:
        if trial.outcome == FINISHED:
            value = trial.values[0]
            found.append((trial.number, better(value, found[-1][1]) if found else value))
    return found
