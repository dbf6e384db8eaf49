"""Declaring deployments and sharing out their traffic: first in the ledger, then through the port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.core import adapters
from mlwright.delivery.port import Traffic, check_arms
from mlwright.delivery.values import Deployment, deployment_of
from mlwright.errors import NotFound, did_you_mean
from mlwright.ledger import delivery as rows
from mlwright.ledger.delivery import Arm, DeploymentRow

if TYPE_CHECKING:
    from mlwright.ledger import Connection, Transaction
    from mlwright.project import Project


def declare(tx: Transaction, deployment: Deployment) -> None:
    """Create or change a deployment; declaring the same again changes nothing.

    A running rollout keeps its planned steps; margins, limits and deadline apply from its next look.

    Raises:
        NotFound: There is no traffic adapter of the declared name.
    """
    adapters.find("traffic", deployment.traffic)
    # As it comes back from the ledger: lists, no tuples.
    spec = msgspec.json.decode(msgspec.json.encode(deployment))
    present = rows.find_deployment(tx.connection, deployment.name)
    if present is not None and present.spec == spec:
        return
    rows.put_deployment(tx, deployment.name, deployment.model, spec)
    tx.emit("deployment.declared", f"deployment/{deployment.name}", spec=spec, is_new=present is None)


def withdraw(project: Project, deployment: str, *, reason: str, actor: str | None = None) -> None:
    """Let a deployment answer nothing any more; its history stays."""
    with project.ledger.write(actor or project.actor) as tx:
        declared = the_deployment(tx.connection, deployment, lock=True)
        running = rows.running_rollout(tx.connection, deployment, lock=True)
        if running is not None:
            verdict = {"sentence": f"withdrawn: {reason}", "numbers": {}}
            rows.end_rollout(tx, running.id, status="aborted", verdict=verdict)
            facts = {"deployment": deployment, "candidate": running.candidate, "stable": running.stable}
            tx.emit("rollout.aborted", f"rollout/{running.id}", **facts, **verdict)
        if declared.arms:
            share(tx, declared, [], reason=f"withdrawn: {reason}")
    converge(project, deployment)


def share(
    tx: Transaction, deployment: DeploymentRow, arms: list[Arm], *, reason: str, rollout_id: str | None = None
) -> None:
    """Write down how a deployment's traffic is to be shared from now on, with its event."""
    check_arms(deployment.name, arms)
    rows.set_traffic(tx, deployment.name, arms, reason=reason, rollout_id=rollout_id)
    tx.emit(
        "traffic.changed",
        f"deployment/{deployment.name}",
        deployment=deployment.name,
        model=deployment.model,
        arms=msgspec.to_builtins(arms),
        before=msgspec.to_builtins(deployment.arms),
        rollout_id=rollout_id,
        reason=reason,
    )


def converge(project: Project, deployment: str) -> bool:
    """Make what routes a deployment's requests agree with the ledger; return whether anything had to change."""
    with project.ledger.read() as connection:
        row = the_deployment(connection, deployment)
    traffic: Traffic = adapters.load("traffic", deployment_of(row.spec).traffic)(project)
    if traffic.arms(deployment) == row.arms:
        return False
    traffic.set_arms(deployment, row.arms)
    return True


def reconcile(project: Project) -> list[str]:
    """Repair the traffic of all deployments, as after a crash; return the names of those that differed."""
    with project.ledger.read() as connection:
        names = list(rows.current_arms(connection))
    return [name for name in names if converge(project, name)]


def the_deployment(connection: Connection, name: str, *, lock: bool = False) -> DeploymentRow:
    """Return a deployment; with `lock`, other writers to it wait until this transaction ends.

    Raises:
        NotFound: There is none of this name.
    """
    if lock:
        rows.lock_deployment(connection, name)
    row = rows.find_deployment(connection, name)
    if row is None:
        known = list(rows.current_arms(connection))
        raise NotFound(
            f"deployment '{name}' does not exist.", fix=did_you_mean(name, known) or "declare one: mlwright.Deployment"
        )
    return row
