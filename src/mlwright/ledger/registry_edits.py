"""Making, renaming and deleting models and versions, and reading them with all that is said about them.

What is deleted goes from the tables of models and versions; `registry_changes` keeps that it was there and what it was,
and the rows of aliases, environments, approvals and gates stay as history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.errors import AlreadyExists, NotFound
from mlwright.ledger.registry import VersionRow, claim_model
from mlwright.ledger.registry_changes import WHOLE_MODEL, record_change, tags_of_many
from mlwright.ledger.schema import (
    aliases,
    approvals,
    assignments,
    gate_results,
    model_tags,
    model_versions,
    models,
    registry_changes,
)
from mlwright.ledger.store import Transaction

# Tables that name a model without a foreign key; they follow when it is renamed.
_FOLLOWING = (model_tags, model_versions, aliases, assignments, approvals, gate_results, registry_changes)
_BATCH = 500


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A version with all that is said about it.

    Attributes:
        row: The version.
        changed_at: When it, or what is said about it, last changed.
        tags: Its tags.
        aliases: Those that point at it now.
    """

    row: VersionRow
    changed_at: datetime
    tags: dict[str, str]
    aliases: list[str]

    @property
    def run_id(self) -> str:
        """The run that made it, which may be of another tracker; empty when it isn't known."""
        return self.row.run_id or str(self.row.lineage.get("run_id") or "")


class RegisteredModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model with all that is said about it.

    Attributes:
        name: Its name.
        description: What it is for.
        created_at: When it was made.
        changed_at: When it, or one of its versions, last changed.
        tags: Its tags.
        aliases: Alias to version, as they hold now.
        latest: The newest version of each stage, by version.
    """

    name: str
    description: str
    created_at: datetime
    changed_at: datetime
    tags: dict[str, str]
    aliases: dict[str, int]
    latest: list[Registered]


def create_model(tx: Transaction, name: str, *, description: str = "", tags: dict[str, str] | None = None) -> None:
    """Make a model that has no version yet.

    Raises:
        AlreadyExists: There is one of this name.
    """
    if not claim_model(tx, name):
        raise AlreadyExists(f"Registered Model (name={name}) already exists.")
    tx.execute(sa.update(models).where(models.c.name == name).values(description=description))
    add_tags(tx, name, WHOLE_MODEL, tags or {})
    tx.emit("model.created", f"model/{name}", model=name, description=description, tags=tags or {})


def add_tags(tx: Transaction, name: str, version: int, tags: dict[str, str]) -> None:
    """Give what was just made its first tags; they are no change of it."""
    rows = [{"model": name, "version": version, "key": key, "value": value} for key, value in tags.items()]
    if rows:
        tx.execute(sa.insert(model_tags), rows)


def hold_model(tx: Transaction, name: str) -> None:
    """Let nobody else change a model until the transaction ends.

    Raises:
        NotFound: There is none of this name.
    """
    if tx.execute(sa.select(models.c.name).where(models.c.name == name).with_for_update()).scalar() is None:
        raise NotFound(f"Registered Model with name={name} not found")


def touch_model(tx: Transaction, name: str) -> None:
    """Note that a model changed."""
    tx.execute(sa.update(models).where(models.c.name == name).values(changed_at=tx.now))


def rename_model(tx: Transaction, name: str, new: str) -> None:
    """Give a model another name; its versions and its history go with it.

    Raises:
        NotFound: There is none of this name.
        AlreadyExists: There is one of the new name.
    """
    hold_model(tx, name)
    if new == name:
        return
    row = tx.execute(sa.select(models).where(models.c.name == name)).one()
    if tx.execute(sa.select(models.c.name).where(models.c.name == new)).scalar() is not None:
        raise AlreadyExists(f"Registered Model (name={new}) already exists.")
    # A row of the new name comes first and the old one goes last, so that every foreign key holds at every moment.
    tx.execute(sa.insert(models).values({**row._asdict(), "name": new, "changed_at": tx.now}))
    for table in _FOLLOWING:
        tx.execute(sa.update(table).where(table.c.model == name).values(model=new))
    tx.execute(sa.update(model_versions).where(model_versions.c.model == new).values(changed_at=tx.now))
    tx.execute(sa.delete(models).where(models.c.name == name))
    record_change(tx, (new, WHOLE_MODEL), what="name", values=(name, new))


def delete_model(tx: Transaction, name: str) -> None:
    """Delete a model with all its versions.

    Raises:
        NotFound: There is none of this name.
    """
    hold_model(tx, name)
    versions = [found.row for found in registered(tx.connection, name)]
    for row in versions:
        record_change(tx, (name, row.version), what="deletion", values=(_remembered(row), None))
    description = tx.execute(sa.select(models.c.description).where(models.c.name == name)).scalar_one()
    told = {"description": description, "versions": [row.version for row in versions]}
    record_change(tx, (name, WHOLE_MODEL), what="deletion", values=(told, None))
    for table in (aliases, assignments):
        tx.execute(sa.update(table).where(table.c.model == name, table.c.to_at.is_(None)).values(to_at=tx.now))
    for table in (model_tags, model_versions):
        tx.execute(sa.delete(table).where(table.c.model == name))
    tx.execute(sa.delete(models).where(models.c.name == name))


def delete_version(tx: Transaction, name: str, version: int) -> None:
    """Delete a version; the aliases and environments that have it have none from then on.

    Raises:
        NotFound: There is none.
    """
    row = the_version(tx.connection, name, version).row
    record_change(tx, (name, version), what="deletion", values=(_remembered(row), None))
    for table in (aliases, assignments):
        present = (table.c.model == name, table.c.version == version, table.c.to_at.is_(None))
        tx.execute(sa.update(table).where(*present).values(to_at=tx.now))
    for table in (model_tags, model_versions):
        tx.execute(sa.delete(table).where(table.c.model == name, table.c.version == version))
    touch_model(tx, name)


def the_version(connection: sa.Connection, name: str, version: int) -> Registered:
    """Return a version with all that is said about it.

    Raises:
        NotFound: There is none.
    """
    found = registered(connection, name, version=version) if 0 < version < 2**31 else []
    if not found:
        raise NotFound(f"Model Version (name={name}, version={version}) not found")
    return found[0]


def the_model(connection: sa.Connection, name: str) -> RegisteredModel:
    """Return a model with all that is said about it.

    Raises:
        NotFound: There is none of this name.
    """
    found = registered_models(connection, [name])
    if not found:
        raise NotFound(f"Registered Model with name={name} not found")
    return found[0]


def registered(
    connection: sa.Connection, name: str | None = None, *, version: int | None = None, run_id: str | None = None
) -> list[Registered]:
    """Return versions with all that is said about them: of one model or of all, or those of one run."""
    query = sa.select(model_versions).order_by(model_versions.c.model, model_versions.c.version)
    for column, value in (
        (model_versions.c.model, name),
        (model_versions.c.version, version),
        (model_versions.c.run_id, run_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return _registered(connection, query)


def registered_by_keys(connection: sa.Connection, keys: Sequence[tuple[str, int]]) -> list[Registered]:
    """Return the versions of some names and numbers, in their order; unknown ones are left out."""
    found: dict[tuple[str, int], Registered] = {}
    pair = sa.tuple_(model_versions.c.model, model_versions.c.version)
    for start in range(0, len(keys), _BATCH):
        some = sa.select(model_versions).where(pair.in_(keys[start : start + _BATCH]))
        found |= {(each.row.model, each.row.version): each for each in _registered(connection, some)}
    return [found[key] for key in keys if key in found]


def registered_models(connection: sa.Connection, names: Sequence[str] | None = None) -> list[RegisteredModel]:
    """Return models (or those of some names) with all that is said about them, by name."""
    query = sa.select(models).order_by(models.c.name)
    if names is not None:
        query = query.where(models.c.name.in_(names))
    rows = connection.execute(query).all()
    known = [row.name for row in rows]
    tags, pointed, latest = _tags(connection, known), _aliases(connection, known), _latest(connection, known)
    return [
        RegisteredModel(
            name=row.name,
            description=row.description,
            created_at=row.created_at,
            changed_at=row.changed_at,
            tags=tags.get((row.name, WHOLE_MODEL), {}),
            aliases=pointed.get(row.name, {}),
            latest=latest.get(row.name, []),
        )
        for row in rows
    ]


def _latest(connection: sa.Connection, names: list[str]) -> dict[str, list[Registered]]:
    found: dict[str, list[Registered]] = {}
    for start in range(0, len(names), _BATCH):
        newest = (
            sa.select(model_versions.c.model, sa.func.max(model_versions.c.version).label("version"))
            .where(model_versions.c.model.in_(names[start : start + _BATCH]))
            .group_by(model_versions.c.model, model_versions.c.stage)
            .subquery()
        )
        same = sa.and_(model_versions.c.model == newest.c.model, model_versions.c.version == newest.c.version)
        query = sa.select(model_versions).join_from(model_versions, newest, same)
        for each in _registered(connection, query.order_by(model_versions.c.model, model_versions.c.version)):
            found.setdefault(each.row.model, []).append(each)
    return found


def _registered(connection: sa.Connection, query: sa.Select[Any]) -> list[Registered]:
    rows = connection.execute(query).all()
    names = sorted({row.model for row in rows})
    tags, pointed = _tags(connection, names), _aliases(connection, names)
    fields = VersionRow.__struct_fields__
    return [
        Registered(
            row=VersionRow(**{field: getattr(row, field) for field in fields}),
            changed_at=row.changed_at,
            tags=tags.get((row.model, row.version), {}),
            aliases=[alias for alias, version in pointed.get(row.model, {}).items() if version == row.version],
        )
        for row in rows
    ]


def _tags(connection: sa.Connection, names: list[str]) -> dict[tuple[str, int], dict[str, str]]:
    found: dict[tuple[str, int], dict[str, str]] = {}
    for start in range(0, len(names), _BATCH):
        found.update(tags_of_many(connection, names[start : start + _BATCH]))
    return found


def _aliases(connection: sa.Connection, names: list[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for start in range(0, len(names), _BATCH):
        present = (aliases.c.to_at.is_(None), aliases.c.model.in_(names[start : start + _BATCH]))
        query = sa.select(aliases.c.model, aliases.c.alias, aliases.c.version).where(*present)
        for row in connection.execute(query.order_by(aliases.c.alias)):
            found.setdefault(row.model, {})[row.alias] = row.version
    return found


def _remembered(row: VersionRow) -> dict[str, Any]:
    """Return what is remembered of a deleted version.

    Digests go without their prefix: the collector would take a whole one for a reason to keep the files.
    """
    return {
        "files": row.digest.removeprefix("sha256:"),
        "flavour": row.flavour,
        "source": row.source,
        "run_id": row.run_id,
        "stage": row.stage,
        "description": row.description,
        "actor": row.actor,
        "created_at": row.created_at.isoformat(),
    }
