"""Deployments, traffic, rollouts and their looks: rows in, values out.

Traffic is history: what a deployment's traffic was at any moment can be asked, and setting it closes the row before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.ledger.schema import deployments, rollout_looks, rollouts, traffic
from mlwright.ledger.store import Transaction


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """A share of a deployment's traffic and the version that answers it.

    Attributes:
        arm: `stable` or `candidate`.
        version: Version of the deployment's model.
        weight: Share of the traffic, 0 to 1; the weights of a deployment add up to 1.
    """

    arm: str
    version: int
    weight: float


class DeploymentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment and what serves it now.

    Attributes:
        name: Its name.
        model: The model whose versions it serves.
        spec: As declared (see `mlwright.delivery.Deployment`).
        arms: Who answers now; empty when nothing was ever deployed, or it was withdrawn.
        rollout_id: The running rollout that set these arms, None outside one.
    """

    name: str
    model: str
    spec: dict[str, Any]
    arms: list[Arm]
    rollout_id: str | None


class TrafficRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time in which a deployment's arms stayed the same; `to_at` is None for the present one."""

    deployment: str
    arms: list[Arm]
    rollout_id: str | None
    reason: str
    actor: str
    from_at: datetime
    to_at: datetime | None


class RolloutRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout; the fields are the columns of the table."""

    id: str
    deployment: str
    stable: int | None
    candidate: int
    status: str
    steps: list[dict[str, Any]]
    step: int
    step_started_at: datetime
    started_at: datetime
    ended_at: datetime | None
    verdict: dict[str, Any] | None
    cause: dict[str, Any] | None
    actor: str


class LookRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge saw and decided at one moment of a rollout."""

    rollout_id: str
    at: datetime
    step: int
    decision: str
    sentence: str
    numbers: dict[str, Any]


def put_deployment(tx: Transaction, name: str, model: str, spec: dict[str, Any]) -> None:
    """Create a deployment, or replace its declaration."""
    values = {"model": model, "spec": spec, "updated_at": tx.now}
    updated = tx.execute(sa.update(deployments).where(deployments.c.name == name).values(**values))
    if updated.rowcount == 0:
        tx.execute(sa.insert(deployments).values(name=name, created_at=tx.now, **values))


def current_arms(connection: sa.Connection) -> dict[str, DeploymentRow]:
    """Return every deployment by name, with the arms that answer it now."""
    return {row.name: row for row in _deployments(connection)}


def find_deployment(connection: sa.Connection, name: str) -> DeploymentRow | None:
    """Return one deployment with its present arms, None when there is none of this name."""
    return next(iter(_deployments(connection, deployments.c.name == name)), None)


def lock_deployment(connection: sa.Connection, name: str) -> None:
    """Make other writers to this deployment wait until the connection's transaction ends."""
    connection.execute(sa.select(deployments.c.name).where(deployments.c.name == name).with_for_update())


def _deployments(connection: sa.Connection, *conditions: Any) -> list[DeploymentRow]:
    present = sa.and_(traffic.c.deployment == deployments.c.name, traffic.c.to_at.is_(None))
    query = (
        sa.select(deployments.c.name, deployments.c.model, deployments.c.spec, traffic.c.arms, traffic.c.rollout_id)
        .select_from(deployments.outerjoin(traffic, present))
        .where(*conditions)
        .order_by(deployments.c.name)
    )
    return [
        DeploymentRow(
            name=row.name, model=row.model, spec=row.spec, arms=_arms(row.arms or []), rollout_id=row.rollout_id
        )
        for row in connection.execute(query)
    ]


def set_traffic(
    tx: Transaction, deployment: str, arms: list[Arm], *, reason: str, rollout_id: str | None = None
) -> None:
    """Give a deployment new arms from now on; the row before is closed."""
    present = (traffic.c.deployment == deployment, traffic.c.to_at.is_(None))
    tx.execute(sa.update(traffic).where(*present).values(to_at=tx.now))
    values = {
        "id": new_id(),
        "deployment": deployment,
        "arms": msgspec.to_builtins(arms),
        "rollout_id": rollout_id,
        "reason": reason,
        "actor": tx.actor,
        "from_at": tx.now,
    }
    tx.execute(sa.insert(traffic).values(**values))


def traffic_history(
    connection: sa.Connection,
    deployment: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
) -> list[TrafficRow]:
    """Return the stretches of a deployment's traffic that touch [since, until), newest first."""
    query = sa.select(traffic).where(traffic.c.deployment == deployment)
    if since is not None:
        query = query.where(sa.or_(traffic.c.to_at.is_(None), traffic.c.to_at > since))
    if until is not None:
        query = query.where(traffic.c.from_at < until)
    query = query.order_by(traffic.c.id.desc()).limit(limit)
    return [
        TrafficRow(
            deployment=row.deployment,
            arms=_arms(row.arms),
            rollout_id=row.rollout_id,
            reason=row.reason,
            actor=row.actor,
            from_at=row.from_at,
            to_at=row.to_at,
        )
        for row in connection.execute(query)
    ]


def first_served_at(connection: sa.Connection, deployment: str) -> datetime | None:
    """Return when a deployment first answered, None when it never did."""
    query = sa.select(traffic.c.from_at).where(traffic.c.deployment == deployment, traffic.c.arms != [])
    return connection.execute(query.order_by(traffic.c.id).limit(1)).scalar()


def serving_at(connection: sa.Connection, deployment: str, at: datetime) -> tuple[str, int | None]:
    """Return a deployment's model and the version that was its stable arm at a moment, None when there was none."""
    model = connection.execute(sa.select(deployments.c.model).where(deployments.c.name == deployment)).scalar_one()
    held = sa.or_(traffic.c.to_at.is_(None), traffic.c.to_at > at)
    query = sa.select(traffic.c.arms).where(traffic.c.deployment == deployment, traffic.c.from_at <= at, held)
    arms = _arms(connection.execute(query.order_by(traffic.c.id.desc()).limit(1)).scalar() or [])
    return model, next((arm.version for arm in arms if arm.arm == "stable"), None)


def add_rollout(tx: Transaction, row: RolloutRow) -> None:
    """Write a new rollout; the database refuses a second running one of the same deployment."""
    tx.execute(sa.insert(rollouts).values(**{name: getattr(row, name) for name in RolloutRow.__struct_fields__}))


def find_rollout(connection: sa.Connection, rollout_id: str, *, lock: bool = False) -> RolloutRow | None:
    """Return a rollout by its full id; with `lock`, other writers wait until this transaction ends."""
    query = sa.select(rollouts).where(rollouts.c.id == rollout_id)
    return next(iter(_rollouts(connection, query.with_for_update() if lock else query)), None)


def running_rollout(connection: sa.Connection, deployment: str, *, lock: bool = False) -> RolloutRow | None:
    """Return the running rollout of a deployment, None when there is none."""
    query = sa.select(rollouts).where(rollouts.c.deployment == deployment, rollouts.c.status == "running")
    return next(iter(_rollouts(connection, query.with_for_update() if lock else query)), None)


def list_rollouts(
    connection: sa.Connection, *, deployment: str | None = None, status: str | None = None, limit: int = 1000
) -> list[RolloutRow]:
    """Return rollouts, newest first."""
    query = sa.select(rollouts)
    if deployment is not None:
        query = query.where(rollouts.c.deployment == deployment)
    if status is not None:
        query = query.where(rollouts.c.status == status)
    return _rollouts(connection, query.order_by(rollouts.c.started_at.desc(), rollouts.c.id.desc()).limit(limit))


def move_rollout(tx: Transaction, rollout_id: str, *, step: int) -> None:
    """Record that a running rollout has entered a step."""
    values = {"step": step, "step_started_at": tx.now}
    tx.execute(sa.update(rollouts).where(rollouts.c.id == rollout_id).values(**values))


def end_rollout(tx: Transaction, rollout_id: str, *, status: str, verdict: dict[str, Any]) -> None:
    """Record how a rollout ended."""
    values = {"status": status, "ended_at": tx.now, "verdict": verdict}
    tx.execute(sa.update(rollouts).where(rollouts.c.id == rollout_id).values(**values))


def add_look(tx: Transaction, look: LookRow) -> None:
    """Keep what the judge saw and decided."""
    tx.execute(sa.insert(rollout_looks).values(**{name: getattr(look, name) for name in LookRow.__struct_fields__}))


def find_look(connection: sa.Connection, rollout_id: str, at: datetime) -> LookRow | None:
    """Return the look of a rollout at exactly this moment, None when there was none."""
    query = sa.select(rollout_looks).where(rollout_looks.c.rollout_id == rollout_id, rollout_looks.c.at == at)
    return next(iter(_looks(connection, query)), None)


def list_looks(connection: sa.Connection, rollout_id: str) -> list[LookRow]:
    """Return all looks of a rollout, in the order of time."""
    query = sa.select(rollout_looks).where(rollout_looks.c.rollout_id == rollout_id).order_by(rollout_looks.c.at)
    return _looks(connection, query)


def last_look(connection: sa.Connection, rollout_id: str) -> LookRow | None:
    """Return the newest look of a rollout, None before the first."""
    query = sa.select(rollout_looks).where(rollout_looks.c.rollout_id == rollout_id)
    return next(iter(_looks(connection, query.order_by(rollout_looks.c.at.desc()).limit(1))), None)


def _arms(values: list[dict[str, Any]]) -> list[Arm]:
    return msgspec.convert(values, list[Arm])


def _rollouts(connection: sa.Connection, query: Any) -> list[RolloutRow]:
    names = RolloutRow.__struct_fields__
    return [RolloutRow(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]


def _looks(connection: sa.Connection, query: Any) -> list[LookRow]:
    names = LookRow.__struct_fields__
    return [LookRow(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]
