"""Models, versions, aliases and verdicts of gates: rows in, values out.

An alias is history: moving it closes the row before, so what it pointed at on any day can be asked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.ledger.conflicts import insert_into
from mlwright.ledger.schema import aliases, gate_results, model_versions, models, registry_changes
from mlwright.ledger.store import Transaction


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model.

    Attributes:
        name: Its name.
        description: What it is for.
        created_at: When its first version was registered.
        latest: Its newest version, 0 when it has none.
        aliases: Alias to version, as they hold now.
    """

    name: str
    description: str
    created_at: datetime
    latest: int
    aliases: dict[str, int]


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a model; the fields are the columns of the table."""

    model: str
    version: int
    digest: str
    flavour: str
    codec: str
    unsafe: bool
    signature: dict[str, Any]
    metrics: dict[str, float | None]
    profile_digest: str | None
    lineage: dict[str, Any]
    description: str
    run_id: str | None
    idempotency_key: str | None
    actor: str
    created_at: datetime
    source: str = ""
    status: str = "ready"
    stage: str = "None"
    logged_model_id: str | None = None
    card_digest: str | None = None


class AliasRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time in which an alias pointed at one version; `to_at` is None for the present one."""

    model: str
    alias: str
    version: int
    from_at: datetime
    to_at: datetime | None
    actor: str
    reason: str


class GateRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate said about one version; `asked` is its declaration and the champion it compared with."""

    id: str
    model: str
    version: int
    gate: str
    passed: bool
    numbers: dict[str, Any]
    reason: str
    actor: str
    at: datetime
    asked: dict[str, Any] | None = None


def claim_model(tx: Transaction, name: str) -> bool:
    """Make sure that a model exists, and hold it until the transaction ends; return whether it was created."""
    row = {"name": name, "description": "", "created_at": tx.now, "changed_at": tx.now}
    # Not by the count of rows: PostgreSQL's driver doesn't always know it.
    insert = insert_into(tx, models).on_conflict_do_nothing().returning(models.c.name)
    created = tx.execute(insert.values(row)).scalar() is not None
    tx.execute(sa.select(models.c.name).where(models.c.name == name).with_for_update())
    return created


def next_version(connection: sa.Connection, model: str) -> int:
    """Return the number that the next version of a model gets; the model must be held (`claim_model`).

    The number of a version that was deleted is never given again while the model is there.
    """
    newest = sa.select(sa.func.coalesce(sa.func.max(model_versions.c.version), 0))
    present = int(connection.execute(newest.where(model_versions.c.model == model)).scalar_one())
    gone = (
        sa.select(sa.func.coalesce(sa.func.max(registry_changes.c.version), 0))
        .join_from(registry_changes, models, registry_changes.c.model == models.c.name)
        .where(models.c.name == model, registry_changes.c.what == "deletion")
        .where(registry_changes.c.at >= models.c.created_at)
    )
    return max(present, int(connection.execute(gone).scalar_one())) + 1


def add_version(tx: Transaction, row: VersionRow) -> None:
    """Write a new version."""
    tx.execute(sa.insert(model_versions).values(**_values(row), changed_at=row.created_at))


def find_version(connection: sa.Connection, model: str, version: int) -> VersionRow | None:
    """Return one version, None when there is none."""
    where = (model_versions.c.model == model, model_versions.c.version == version)
    return next(iter(_versions(connection, sa.select(model_versions).where(*where))), None)


def find_version_by_key(connection: sa.Connection, idempotency_key: str) -> VersionRow | None:
    """Return the version that was registered under an idempotency key, None when there is none."""
    query = sa.select(model_versions).where(model_versions.c.idempotency_key == idempotency_key)
    return next(iter(_versions(connection, query)), None)


def list_versions(
    connection: sa.Connection, model: str | None = None, *, run_id: str | None = None, limit: int = 1000
) -> list[VersionRow]:
    """Return versions, newest first, of one model or of all, or those that one run made."""
    query = sa.select(model_versions)
    if model is not None:
        query = query.where(model_versions.c.model == model)
    if run_id is not None:
        query = query.where(model_versions.c.run_id == run_id)
    order = (model_versions.c.created_at.desc(), model_versions.c.model, model_versions.c.version.desc())
    return _versions(connection, query.order_by(*order).limit(limit))


def list_models(connection: sa.Connection, name: str | None = None) -> list[ModelRow]:
    """Return models (or the one of this name), each with its newest version and its aliases, by name."""
    latest = (
        sa.select(model_versions.c.model, sa.func.max(model_versions.c.version).label("latest"))
        .group_by(model_versions.c.model)
        .subquery()
    )
    query = sa.select(models, latest.c.latest).outerjoin(latest, latest.c.model == models.c.name)
    present = sa.select(aliases).where(aliases.c.to_at.is_(None))
    if name is not None:
        query, present = query.where(models.c.name == name), present.where(aliases.c.model == name)
    pointed: dict[str, dict[str, int]] = {}
    for row in connection.execute(present.order_by(aliases.c.alias)):
        pointed.setdefault(row.model, {})[row.alias] = row.version
    return [
        ModelRow(
            name=row.name,
            description=row.description,
            created_at=row.created_at,
            latest=row.latest or 0,
            aliases=pointed.get(row.name, {}),
        )
        for row in connection.execute(query.order_by(models.c.name))
    ]


def point_alias(tx: Transaction, model: str, alias: str, version: int, *, reason: str) -> int | None:
    """Let an alias point at a version from now on; return what it pointed at before, None when it was never set."""
    present = (aliases.c.model == model, aliases.c.alias == alias, aliases.c.to_at.is_(None))
    before = tx.execute(sa.select(aliases.c.version).where(*present).with_for_update()).scalar()
    if before == version:
        return version
    tx.execute(sa.update(aliases).where(*present).values(to_at=tx.now))
    values = {"id": new_id(), "model": model, "alias": alias, "version": version, "from_at": tx.now}
    tx.execute(sa.insert(aliases).values(**values, actor=tx.actor, reason=reason))
    return None if before is None else int(before)


def alias_rows(
    connection: sa.Connection, model: str, alias: str | None = None, *, at: datetime | None = None
) -> list[AliasRow]:
    """Return the history of a model's aliases, newest first; with `at`, only what held at that moment."""
    query = sa.select(aliases).where(aliases.c.model == model)
    if alias is not None:
        query = query.where(aliases.c.alias == alias)
    if at is not None:
        query = query.where(aliases.c.from_at <= at, sa.or_(aliases.c.to_at.is_(None), aliases.c.to_at > at))
    query = query.order_by(aliases.c.from_at.desc(), aliases.c.id.desc())
    names = AliasRow.__struct_fields__
    return [AliasRow(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]


def add_gate_result(tx: Transaction, row: GateRow) -> None:
    """Keep what a gate said."""
    tx.execute(sa.insert(gate_results).values(**_values(row)))


def find_gate_result(connection: sa.Connection, id_: str) -> GateRow | None:
    """Return one verdict by its id, None when there is none."""
    return next(iter(_gates(connection, sa.select(gate_results).where(gate_results.c.id == id_))), None)


def gate_rows(connection: sa.Connection, model: str, version: int | None = None) -> list[GateRow]:
    """Return the verdicts on a model's versions (or on one), oldest first."""
    query = sa.select(gate_results).where(gate_results.c.model == model)
    if version is not None:
        query = query.where(gate_results.c.version == version)
    return _gates(connection, query.order_by(gate_results.c.at, gate_results.c.id))


def _values(row: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _versions(connection: sa.Connection, query: Any) -> list[VersionRow]:
    names = VersionRow.__struct_fields__
    return [VersionRow(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]


def _gates(connection: sa.Connection, query: Any) -> list[GateRow]:
    names = GateRow.__struct_fields__
    return [GateRow(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]
