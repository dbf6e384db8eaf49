"""Making the ledger agree with a declared system: `plan` shows the difference, `apply` makes it so."""

from __future__ import annotations

from typing import Any

from mlwright.core.digest import digest_json
from mlwright.core.plan import Change, Plan, basis_of, diff
from mlwright.delivery import declare as declare_deployment
from mlwright.errors import PlanOutdated
from mlwright.ledger import system as repository
from mlwright.ledger.store import Transaction
from mlwright.monitoring import declare as declare_monitor
from mlwright.monitoring import retire as retire_monitor
from mlwright.project import Project
from mlwright.system.values import System


def plan(project: Project, system: System) -> Plan:
    """Return what `apply` would change.

    Args:
        project: Where the system would be applied.
        system: What is declared.
    """
    present = _present(project, system.name)
    changes: list[Change] = []
    for kind, declared in system.parts().items():
        changes += diff(kind, declared, present.get(kind, {}))
    return Plan(changes=changes, basis=basis_of([present]))


def apply(project: Project, system: System, *, approved: Plan | None = None, actor: str | None = None) -> Plan:
    """Make the ledger agree with a declared system; doing it again changes nothing.

    Args:
        project: Where to apply it.
        system: What is declared.
        approved: The plan that was looked at; it must still hold.
        actor: Who applies it; the project's actor by default.

    Returns:
        The plan that was carried out.

    Raises:
        PlanOutdated: Somebody applied something else since `approved` was made.
    """
    fresh = plan(project, system)
    if approved is not None and approved.basis != fresh.basis:
        raise PlanOutdated(
            f"the plan for system '{system.name}' is out of date.",
            why="the system was changed since the plan was made",
            fix="make the plan again, look at it, then apply it",
        )
    if fresh.is_empty:
        return fresh
    manifest = system.manifest()
    with project.ledger.write(actor or project.actor) as tx:
        _declare(tx, system, manifest["parts"])
        _drop(tx, fresh)
        digest = digest_json(manifest)
        repository.insert_system(tx, name=system.name, target=system.target, manifest=manifest, digest=digest)
        tx.emit("system.applied", f"system/{system.name}", digest=digest, changes=fresh.counts())
    return fresh


def _declare(tx: Transaction, system: System, parts: dict[str, Any]) -> None:
    declare_deployment(tx, system.deployment)
    for monitor in system.monitors:
        declare_monitor(tx, monitor)
    for name, spec in parts["trigger"].items():
        repository.put_trigger(tx, name=name, system=system.name, spec=spec)
    for name, spec in parts["schedule"].items():
        repository.put_schedule(tx, name=name, system=system.name, spec=spec)


def _drop(tx: Transaction, carried_out: Plan) -> None:
    """Take away what is no longer declared. A deployment stays until it is withdrawn: it may be answering requests."""
    away = {"monitor": retire_monitor, "trigger": repository.drop_trigger, "schedule": repository.drop_schedule}
    for change in carried_out.changes:
        if change.action == "delete" and change.kind in away:
            away[change.kind](tx, change.name)


def _present(project: Project, name: str) -> dict[str, Any]:
    with project.ledger.read() as connection:
        row = repository.current_system(connection, name)
    return {} if row is None else row.manifest["parts"]
