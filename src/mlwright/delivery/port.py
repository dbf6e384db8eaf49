"""The port through which shares of traffic reach whatever really routes requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mlwright.ledger.delivery import Arm


class Traffic(Protocol):
    """Routes a deployment's requests to versions.

    What the shares should be is always in the ledger first, written with the decision that wants them. An
    implementation makes the outside world agree with it. Both methods may be called again at any time: after a crash
    between the decision and its execution, `mlwright.delivery.reconcile` compares and repairs.
    """

    def set_arms(self, deployment: str, arms: Sequence[Arm]) -> None:
        """Route by these shares from now on; setting the present ones again changes nothing.

        Args:
            deployment: Name of a declared deployment.
            arms: Shares that add up to 1, at most one `stable`; empty to answer nothing any more.

        Raises:
            NotFound: There is no such deployment.
            InvalidDefinition: The shares don't add up to 1, or an arm is there twice.
        """

    def arms(self, deployment: str) -> list[Arm]:
        """Return the shares by which requests are routed now.

        Raises:
            NotFound: There is no such deployment.
        """

    def describe(self) -> str:
        """Return one sentence that says what routes the requests."""


def check_arms(deployment: str, arms: Sequence[Arm]) -> None:
    """Make sure that shares of traffic make sense; every implementation calls this first.

    Raises:
        InvalidDefinition: The shares don't add up to 1, or an arm is there twice.
    """
    from mlwright.errors import InvalidDefinition

    if not arms:
        return
    names = [arm.arm for arm in arms]
    if len(set(names)) != len(names):
        raise InvalidDefinition(
            f"the arms of deployment '{deployment}' are {', '.join(names)}.", why="an arm is there twice"
        )
    total = sum(arm.weight for arm in arms)
    if abs(total - 1) > 1e-9 or min(arm.weight for arm in arms) < 0:
        raise InvalidDefinition(
            f"the shares of deployment '{deployment}' add up to {total:g}.",
            fix="give shares of at least 0 that add up to 1",
        )
