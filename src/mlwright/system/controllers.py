"""Keeping the loop turning: everything that is due, in one place, safe to repeat and to kill at any moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from mlwright import delivery, monitoring
from mlwright.core.clock import ReplayClock
from mlwright.project import Project
from mlwright.system import intake
from mlwright.system.promotion import Promotion
from mlwright.system.values import System
from mlwright.system.work import Work

_MOST_ROUNDS = 50


class Controllers:
    """The control loop of some systems.

    Each round looks at the ledger, does what is due and records it; a round that did something is followed by another,
    until nothing is left to do. With a replay clock, a round also waits for the runs that it started, so that time
    never passes a run by. All decisions are kept under names of their own, so a round that was killed is made up for
    by the next.

    Args:
        project: Where the systems are applied.
        systems: The systems.
        on_action: Told one sentence for each thing done.
    """

    def __init__(
        self, project: Project, systems: Sequence[System], *, on_action: Callable[[str], None] | None = None
    ) -> None:
        self._project = project
        self._systems = tuple(systems)
        self._actions: list[str] = []
        self._on_action = on_action
        self._work = [Work(project, system, self._say) for system in systems]
        self._promotion = [Promotion(project, system, self._say) for system in systems]

    def settle(self) -> list[str]:
        """Do everything that is due; return one sentence for each thing done."""
        self._actions = []
        for _ in range(_MOST_ROUNDS):
            before = len(self._actions)
            for system, work, promotion in zip(self._systems, self._work, self._promotion, strict=True):
                self._round(system, work, promotion)
            if len(self._actions) == before:
                break
        return self._actions

    def next_due(self) -> datetime | None:
        """Return the next moment at which something is due by schedule, None when nothing is."""
        moments = [intake.next_due(self._project, system) for system in self._systems]
        return min((moment for moment in moments if moment is not None), default=None)

    def close(self) -> None:
        """Start nothing more."""
        for work in self._work:
            work.close()

    def _round(self, system: System, work: Work, promotion: Promotion) -> None:
        project = self._project
        for firing in intake.take_due(project, system) + intake.take_events(project, system):
            self._say(f"{firing.source} fired: {firing.reason}")
        if work.take_open() and isinstance(project.clock, ReplayClock):
            work.wait()
        promotion.consider()
        for sentence in delivery.look_all(project, system.deployment.name):
            self._say(sentence)
        for sentence in monitoring.evaluate_due(project, system.deployment.name):
            self._say(sentence)

    def _say(self, sentence: str) -> None:
        self._actions.append(sentence)
        if self._on_action is not None:
            self._on_action(sentence)
