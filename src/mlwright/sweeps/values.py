"""The values of sweeps: what is planned, what a trial came to, and what a sweep gave."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import msgspec

from mlwright.core.ids import short
from mlwright.errors import NotFound
from mlwright.ledger.sweeps import FAILED, FINISHED, PRUNED, TrialRow
from mlwright.project import Project
from mlwright.sweeps.space import Domain

Direction = Literal["minimize", "maximize"]
MINIMIZE: Direction = "minimize"
DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep looks for and where, as the ledger keeps it.

    Attributes:
        name: What people call the sweep.
        space: A domain for each parameter.
        directions: For each value of the objective, whether little or much of it is good.
        trials: How many trials there will be.
        sampler: What chooses parameters.
        pruner: What stops trials early; empty when nothing does.
        seed: What chance starts from.
        objective: Where the objective is, as `file.py:name`.
    """

    name: str
    space: dict[str, Domain]
    directions: list[Direction]
    trials: int
    sampler: str
    pruner: str
    seed: int
    objective: str = ""


class SweepOptions(TypedDict, total=False):
    """What `sweep` may be given besides its objective, its space and its name.

    Attributes:
        trials: How many there are to be in all, those of earlier calls included; by default 50, or the whole grid.
        direction: "minimize", "maximize", or one of them for each value that the objective gives.
        sampler: "tpe", "random", "grid", "cmaes", "qmc", "nsga2", or a sampler of Optuna's.
        pruner: None, "median", "hyperband", "successive-halving", or a pruner of Optuna's.
        parallel: How many trials run at once.
        workers: "processes" (each trial in a process of its own kind; the objective has to be importable) or "threads".
        timeout_s: Begin no trial after so many seconds.
        seed: What chance starts from; with parallel=1 the same seed gives the same trials.
        resume: Go on with the sweep of this name if there is one; False begins another.
        experiment: What the sweep and its trials are filed under.
        project: Where it is recorded; the process's project by default.
    """

    trials: int
    direction: Direction | list[Direction]
    sampler: Any
    pruner: Any
    parallel: int
    workers: Literal["processes", "threads"]
    timeout_s: float | None
    seed: int | None
    resume: bool
    experiment: str
    project: Project | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a trial ended.

    Attributes:
        kind: finished, pruned, failed, or lost (its process died).
        values: What the objective gave.
        error: What it failed with.
        duration_s: How long it took.
    """

    kind: str
    values: list[float] = []
    error: dict[str, Any] | None = None
    duration_s: float = 0.0


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep gave.

    Attributes:
        run_id: The sweep's run.
        plan: What was looked for and where.
        trials: Every trial that counts, by number.
        importances: How much each parameter matters, adding up to 1; empty when that can't be told.
        stopped: Why it ended before all trials were done; empty when they were.
    """

    run_id: str
    plan: Plan
    trials: list[TrialRow]
    importances: dict[str, float]
    stopped: str = ""

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {kind}" for kind, count in counts_of(self.trials).items() if count)
        return f"SweepResult({self.plan.name!r}, run={short(self.run_id)!r}, {counts or 'no trial'})"

    @property
    def best(self) -> TrialRow:
        """The best finished trial; with several objectives the first of the front.

        Raises:
            NotFound: No trial has finished.
        """
        front = self.front
        if not front:
            raise NotFound(
                f"the sweep '{self.plan.name}' has no finished trial.", fix="see its trials for their errors"
            )
        return front[0]

    @property
    def front(self) -> list[TrialRow]:
        """The finished trials that no other one is better than in every respect; with one objective the best ones."""
        return front_of(self.trials, self.plan.directions)

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of the best trial."""
        return self.best.params

    @property
    def best_value(self) -> float:
        """The first value of the best trial."""
        return self.best.values[0]


def counts_of(trials: list[TrialRow]) -> dict[str, int]:
    """Return how many trials ended how."""
    return {kind: sum(trial.outcome == kind for trial in trials) for kind in (FINISHED, PRUNED, FAILED)}


def front_of(trials: list[TrialRow], directions: list[Direction]) -> list[TrialRow]:
    """Return the finished trials that no other one dominates, by number."""
    done = [(trial, _costs(trial, directions)) for trial in trials if trial.outcome == FINISHED]
    if len(directions) == 1:
        best = min((costs for _, costs in done), default=())
        return [trial for trial, costs in done if costs == best]
    return [
        trial
        for trial, costs in done
        if not any(other != costs and all(map(_at_most, other, costs)) for _, other in done)
    ]


def _costs(trial: TrialRow, directions: list[Direction]) -> tuple[float, ...]:
    return tuple(
        value if direction == MINIMIZE else -value for value, direction in zip(trial.values, directions, strict=True)
    )


def _at_most(one: float, other: float) -> bool:
    return one <= other
