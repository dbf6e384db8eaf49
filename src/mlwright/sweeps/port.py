"""The port through which a sweep asks what to try next: whoever implements it advises, the ledger remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mlwright.ledger.sweeps import TrialRow
from mlwright.sweeps.values import Plan


class Adviser(Protocol):
    """Advises on a sweep. Called by one thread at a time, and made anew whenever a sweep goes on.

    It keeps nothing of its own: what it knows of a sweep it was told by `remember`, so that the same trials and the
    same seed always give the same advice.

    Args:
        plan: What is looked for and where.
        sampler: An object of the vendor's own to advise with; None: the one that the plan names.
        pruner: The same for stopping trials early.

    Raises:
        InvalidDefinition: The plan can't be followed, for example a sampler that takes only one objective.
    """

    def __init__(self, plan: Plan, *, sampler: Any = None, pruner: Any = None) -> None: ...

    def remember(self, trials: Sequence[TrialRow]) -> None:
        """Take in all trials of the ledger, in the order of their numbers; called once, at the beginning.

        A trial without an outcome is about to be tried again with the parameters that it has.
        """

    def suggest(self, number: int) -> dict[str, Any]:
        """Return the parameters of a new trial, whose number is one more than the last one's."""

    def report(self, number: int, step: int, value: float) -> bool:
        """Take in a value on the way; tell whether the trial isn't worth going on with."""

    def tell(self, number: int, outcome: str, values: Sequence[float]) -> None:
        """Take in how a trial ended: finished with its values, pruned, or failed."""

    def importances(self) -> dict[str, float]:
        """Return how much each parameter matters, adding up to 1; empty while that can't be told."""

    def describe(self) -> str:
        """Return one sentence that says what advises and how."""
