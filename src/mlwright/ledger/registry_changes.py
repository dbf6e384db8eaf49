"""Changing what is said about models and versions, and keeping each change.

Tags, descriptions, stages and cards hold one value at a time in their own tables; `registry_changes` keeps what each
was before and after, so that the state on any day can be told. Both are written in the caller's transaction. Nothing is
written when the value is the same already.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from mlwright.ledger.schema import aliases, model_tags, model_versions, models, registry_changes
from mlwright.ledger.store import Transaction

#: What changes; of aliases only that they were removed, because each setting of one is kept in its own table.
What = Literal["tag", "description", "stage", "status", "card", "name", "settings", "alias", "deletion"]

#: The version under which changes and tags of the model itself are kept.
WHOLE_MODEL = 0


class ChangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a model (version 0) or of one of its versions.

    Attributes:
        number: Place in the order of all changes.
        model: Name of the model.
        version: The version, 0 for the model itself.
        what: What was changed: a tag, the description, ...
        key: Which one, for example the tag's key; empty when there is only one.
        old: The value before, None when there was none.
        new: The value after, None when it was removed.
        actor: Who changed it.
        reason: Why.
        at: When.
    """

    number: int
    model: str
    version: int
    what: str
    key: str
    old: Any
    new: Any
    actor: str
    reason: str
    at: datetime


def record_change(
    tx: Transaction,
    target: tuple[str, int],
    *,
    what: What,
    values: tuple[Any, Any],
    key: str = "",
    reason: str = "",
) -> None:
    """Keep one change with its event; `values` are those before and after.

    The target is a model and a version, 0 for the model itself.

    The caller changes the value itself in the same transaction. The event is `model.changed` or
    `model-version.changed`, and says what was changed, the key, and both values.
    """
    (model, version), (old, new) = target, values
    row = {"model": model, "version": version, "what": what, "key": key, "old": old, "new": new}
    tx.execute(sa.insert(registry_changes).values(**row, actor=tx.actor, reason=reason, at=tx.now))
    noun, subject = ("model-version", f"model/{model}/{version}") if version else ("model", f"model/{model}")
    tx.emit(f"{noun}.changed", subject, **row, reason=reason)
    _touch(tx, model, version)


def set_tag(tx: Transaction, model: str, version: int, key: str, value: str, *, reason: str = "") -> str | None:
    """Give a version (0: the model itself) a tag; return the value before, None when there was none."""
    where = _tag(model, version, key)
    before: str | None = tx.execute(sa.select(model_tags.c.value).where(*where).with_for_update()).scalar()
    if before == value:
        return before
    if before is None:
        row = {"model": model, "version": version, "key": key, "value": value}
        tx.execute(sa.insert(model_tags).values(row))
    else:
        tx.execute(sa.update(model_tags).where(*where).values(value=value))
    record_change(tx, (model, version), what="tag", key=key, values=(before, value), reason=reason)
    return before


def delete_tag(tx: Transaction, model: str, version: int, key: str, *, reason: str = "") -> str | None:
    """Take a tag from a version (0: the model itself); return the value it had, None when there was none."""
    where = _tag(model, version, key)
    before: str | None = tx.execute(sa.select(model_tags.c.value).where(*where).with_for_update()).scalar()
    if before is not None:
        tx.execute(sa.delete(model_tags).where(*where))
        record_change(tx, (model, version), what="tag", key=key, values=(before, None), reason=reason)
    return before


def describe(tx: Transaction, model: str, version: int, text: str, *, reason: str = "") -> str:
    """Set the description of a version (0: of the model itself); return the one before."""
    return str(_set(tx, (model, version), "description", text, reason) or "")


def set_stage(tx: Transaction, model: str, version: int, stage: str, *, reason: str = "") -> str:
    """Set the stage of a version, as MLflow's older clients know it; return the one before."""
    return str(_set(tx, (model, version), "stage", stage, reason))


def set_card(tx: Transaction, model: str, version: int, digest: str | None, *, reason: str = "") -> str | None:
    """Set the artifact that holds what people wrote into a version's card; return the one before."""
    before: str | None = _set(tx, (model, version), "card", digest, reason)
    return before


def put_settings(tx: Transaction, model: str, settings: dict[str, Any], *, reason: str = "") -> None:
    """Replace a model's settings: its environments with their gates and approvals."""
    _set(tx, (model, WHOLE_MODEL), "settings", settings, reason)


def end_alias(tx: Transaction, model: str, alias: str, *, reason: str = "") -> int | None:
    """Let an alias point at nothing from now on; return what it pointed at, None when it wasn't set.

    The row that says what it pointed at is history, and is closed.
    """
    present = (aliases.c.model == model, aliases.c.alias == alias, aliases.c.to_at.is_(None))
    before = tx.execute(sa.select(aliases.c.version).where(*present).with_for_update()).scalar()
    if before is None:
        return None
    tx.execute(sa.update(aliases).where(*present).values(to_at=tx.now))
    record_change(tx, (model, int(before)), what="alias", key=alias, values=(before, None), reason=reason)
    return int(before)


def tags_of(connection: sa.Connection, model: str, version: int = WHOLE_MODEL) -> dict[str, str]:
    """Return the tags of a version, or of the model itself, by key."""
    return tags_of_many(connection, [model]).get((model, version), {})


def tags_of_many(connection: sa.Connection, names: Sequence[str]) -> dict[tuple[str, int], dict[str, str]]:
    """Return the tags of some models and of all their versions, by model and version (0: the model itself)."""
    query = sa.select(model_tags).where(model_tags.c.model.in_(names)).order_by(model_tags.c.key)
    found: dict[tuple[str, int], dict[str, str]] = {}
    for row in connection.execute(query):
        found.setdefault((row.model, row.version), {})[row.key] = row.value
    return found


def settings_of(connection: sa.Connection, model: str) -> dict[str, Any]:
    """Return a model's settings, empty when it has none or doesn't exist."""
    return dict(connection.execute(sa.select(models.c.settings).where(models.c.name == model)).scalar() or {})


def changes(
    connection: sa.Connection,
    model: str,
    *,
    version: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 10_000,
) -> list[ChangeRow]:
    """Return the changes of a model and its versions (or of one) after `since` and up to `until`, newest first."""
    query = sa.select(registry_changes).where(registry_changes.c.model == model)
    if version is not None:
        query = query.where(registry_changes.c.version == version)
    if since is not None:
        query = query.where(registry_changes.c.at > since)
    if until is not None:
        query = query.where(registry_changes.c.at <= until)
    number = _number()
    names = [name for name in ChangeRow.__struct_fields__ if name != "number"]
    return [
        ChangeRow(number=row._mapping[number], **{name: getattr(row, name) for name in names})
        for row in connection.execute(query.order_by(registry_changes.c.at.desc(), number.desc()).limit(limit))
    ]


def _number() -> Any:
    return next(iter(registry_changes.primary_key))


def _tag(model: str, version: int, key: str) -> tuple[Any, ...]:
    return model_tags.c.model == model, model_tags.c.version == version, model_tags.c.key == key


def _set(tx: Transaction, target: tuple[str, int], what: What, value: Any, reason: str) -> Any:
    """Set a column of a model or version, keeping the change; return the value before."""
    model, version = target
    column, where = _column(model, version, what)
    before = tx.execute(sa.select(column).where(*where).with_for_update()).scalar()
    if before != value:
        tx.execute(sa.update(column.table).where(*where).values({column.name: value}))
        record_change(tx, (model, version), what=what, values=(before, value), reason=reason)
    return before


def _column(model: str, version: int, what: What) -> tuple[Any, tuple[Any, ...]]:
    if version == WHOLE_MODEL:
        return models.c[what], (models.c.name == model,)
    name = "card_digest" if what == "card" else what
    return model_versions.c[name], (model_versions.c.model == model, model_versions.c.version == version)


def _touch(tx: Transaction, model: str, version: int) -> None:
    """Note when the model or version was last changed."""
    if version == WHOLE_MODEL:
        tx.execute(sa.update(models).where(models.c.name == model).values(changed_at=tx.now))
    else:
        where = (model_versions.c.model == model, model_versions.c.version == version)
        tx.execute(sa.update(model_versions).where(*where).values(changed_at=tx.now))
