"""Repository: systems as applied, their triggers and schedules, and every firing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.ledger.schema import firings, schedules, systems, triggers
from mlwright.ledger.store import Transaction


class SystemRow(msgspec.Struct, frozen=True, kw_only=True):
    """A system as it was last applied."""

    name: str
    target: str
    manifest: dict[str, Any]
    digest: str
    actor: str
    at: datetime


class FiringRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of a trigger or schedule.

    Attributes:
        source: `trigger/<name>` or `schedule/<name>`.
        key: What it answered: an event's id, a due moment, or a caller's key.
        decision: fired, cooling-down, over-budget or busy.
        outcome: How its run ended; None while it isn't over or when nothing was fired.
    """

    source: str
    key: str
    system: str
    decision: str
    reason: str
    arguments: dict[str, Any]
    outcome: str | None
    run_id: str | None
    at: datetime


def insert_system(tx: Transaction, *, name: str, target: str, manifest: dict[str, Any], digest: str) -> None:
    """Record a manifest as the newest of its system."""
    row = {"id": new_id(), "name": name, "target": target, "manifest": manifest, "digest": digest}
    tx.execute(sa.insert(systems).values(**row, actor=tx.actor, at=tx.now))


def current_system(connection: sa.Connection, name: str) -> SystemRow | None:
    """Return the newest manifest of a system, None when it was never applied."""
    query = sa.select(systems).where(systems.c.name == name).order_by(systems.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _system(row)


def current_systems(connection: sa.Connection) -> list[SystemRow]:
    """Return the newest manifest of each system, by name."""
    newest = sa.select(sa.func.max(systems.c.id)).group_by(systems.c.name)
    query = sa.select(systems).where(systems.c.id.in_(newest)).order_by(systems.c.name)
    return [_system(row) for row in connection.execute(query)]


def put_trigger(tx: Transaction, *, name: str, system: str, spec: dict[str, Any]) -> None:
    """Declare a trigger, or change what is declared."""
    _put(tx, triggers, name, system, spec)


def put_schedule(tx: Transaction, *, name: str, system: str, spec: dict[str, Any]) -> None:
    """Declare a schedule, or change what is declared; no moment before its first declaration is ever due."""
    _put(tx, schedules, name, system, spec)


def drop_trigger(tx: Transaction, name: str) -> None:
    """Take a trigger away; what it fired stays."""
    tx.execute(sa.delete(triggers).where(triggers.c.name == name))


def drop_schedule(tx: Transaction, name: str) -> None:
    """Take a schedule away; what it fired stays."""
    tx.execute(sa.delete(schedules).where(schedules.c.name == name))


def schedule_declared_at(connection: sa.Connection, name: str) -> datetime | None:
    """Return when a schedule was first declared."""
    return connection.execute(sa.select(schedules.c.created_at).where(schedules.c.name == name)).scalar()


def insert_firing(tx: Transaction, firing: FiringRow) -> bool:
    """Record a decision; return False when this source had answered this key before."""
    known = sa.select(firings.c.key).where(firings.c.source == firing.source, firings.c.key == firing.key)
    if tx.execute(known).scalar() is not None:
        return False
    tx.execute(sa.insert(firings).values(**msgspec.structs.asdict(firing)))
    return True


def find_firing(connection: sa.Connection, source: str, key: str) -> FiringRow | None:
    """Return what a source decided on a key, None when it hasn't."""
    query = sa.select(firings).where(firings.c.source == source, firings.c.key == key)
    row = connection.execute(query).one_or_none()
    return None if row is None else _firing(row)


def fired_since(connection: sa.Connection, source: str, since: datetime) -> list[FiringRow]:
    """Return what a source fired after a moment, oldest first (declined ones left out)."""
    chosen = (firings.c.source == source, firings.c.decision == "fired", firings.c.at > since)
    return [_firing(row) for row in connection.execute(sa.select(firings).where(*chosen).order_by(firings.c.at))]


def last_firing_key(connection: sa.Connection, source: str) -> str | None:
    """Return the greatest key that a source answered: a schedule's keys are due moments, which sort by time."""
    return connection.execute(sa.select(sa.func.max(firings.c.key)).where(firings.c.source == source)).scalar()


def open_firings(connection: sa.Connection, system: str) -> list[FiringRow]:
    """Return what was fired and isn't over yet, oldest first."""
    chosen = (firings.c.system == system, firings.c.decision == "fired", firings.c.outcome.is_(None))
    query = sa.select(firings).where(*chosen).order_by(firings.c.at, firings.c.source, firings.c.key)
    return [_firing(row) for row in connection.execute(query)]


def list_firings(connection: sa.Connection, *, system: str | None = None, limit: int = 100) -> list[FiringRow]:
    """Return decisions, newest first."""
    query = sa.select(firings).order_by(firings.c.at.desc(), firings.c.source).limit(limit)
    if system is not None:
        query = query.where(firings.c.system == system)
    return [_firing(row) for row in connection.execute(query)]


def end_firing(tx: Transaction, source: str, key: str, *, outcome: str, run_id: str | None) -> None:
    """Record how the run of a firing ended."""
    chosen = (firings.c.source == source, firings.c.key == key)
    tx.execute(sa.update(firings).where(*chosen).values(outcome=outcome, run_id=run_id))


def _put(tx: Transaction, table: sa.Table, name: str, system: str, spec: dict[str, Any]) -> None:
    updated = tx.execute(sa.update(table).where(table.c.name == name).values(system=system, spec=spec))
    if updated.rowcount == 0:
        tx.execute(sa.insert(table).values(name=name, system=system, spec=spec, created_at=tx.now))


def _system(row: Any) -> SystemRow:
    return SystemRow(**{name: getattr(row, name) for name in SystemRow.__struct_fields__})


def _firing(row: Any) -> FiringRow:
    return FiringRow(**{name: getattr(row, name) for name in FiringRow.__struct_fields__})
