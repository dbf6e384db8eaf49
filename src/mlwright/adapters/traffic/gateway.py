"""Traffic through mlwright's own gateway, which reads its shares from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlwright.delivery.port import check_arms
from mlwright.errors import NotFound, did_you_mean
from mlwright.ledger import delivery as rows
from mlwright.ledger.delivery import Arm, DeploymentRow

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project


class GatewayTraffic:
    """Routes by the traffic rows of the ledger; gateways pick a change up within a second.

    Args:
        project: Whose deployments are routed.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def set_arms(self, deployment: str, arms: Sequence[Arm]) -> None:
        """Route by these shares from now on; see `mlwright.delivery.port.Traffic`."""
        check_arms(deployment, arms)
        with self._project.ledger.write("controller:traffic") as tx:
            if _found(tx.connection, deployment).arms != list(arms):
                rows.set_traffic(tx, deployment, list(arms), reason="set at the gateway")

    def arms(self, deployment: str) -> list[Arm]:
        """Return the shares by which requests are routed now."""
        with self._project.ledger.read() as connection:
            return _found(connection, deployment).arms

    def describe(self) -> str:
        """Return one sentence that says what routes the requests."""
        return "mlwright's gateway shares rows out by the ledger's traffic"


def _found(connection: Connection, deployment: str) -> DeploymentRow:
    row = rows.find_deployment(connection, deployment)
    if row is None:
        raise NotFound(
            f"deployment '{deployment}' does not exist.",
            fix=did_you_mean(deployment, list(rows.current_arms(connection))),
        )
    return row
