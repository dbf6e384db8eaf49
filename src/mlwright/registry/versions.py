"""Finding models and versions, and moving the aliases that point at them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mlwright.errors import InvalidUsage, NotFound, did_you_mean
from mlwright.ledger import Connection, Transaction, assignments
from mlwright.ledger import registry as rows
from mlwright.ledger.registry import AliasRow, ModelRow
from mlwright.ledger.registry_changes import end_alias
from mlwright.registry.environments import check_open, follow_alias
from mlwright.registry.values import ModelVersion, check_alias, is_version, version_of

if TYPE_CHECKING:
    from mlwright.project import Project


def models(project: Project) -> list[ModelRow]:
    """Return all registered models by name, each with its newest version and its aliases."""
    with project.ledger.read() as connection:
        return rows.list_models(connection)


def get_model(project: Project, name: str) -> ModelRow:
    """Return one registered model.

    Raises:
        NotFound: There is none of this name.
    """
    with project.ledger.read() as connection:
        return the_model(connection, name)


def versions(project: Project, model: str, *, limit: int = 1000) -> list[ModelVersion]:
    """Return the versions of a model, newest first.

    Raises:
        NotFound: There is no such model.
    """
    with project.ledger.read() as connection:
        the_model(connection, model)
        return [version_of(row) for row in rows.list_versions(connection, model, limit=limit)]


def versions_of_run(project: Project, run_id: str) -> list[ModelVersion]:
    """Return the versions that a run registered, newest first."""
    with project.ledger.read() as connection:
        return [version_of(row) for row in rows.list_versions(connection, run_id=run_id)]


def get_version(project: Project, ref: str) -> ModelVersion:
    """Return the version that a reference names.

    Args:
        project: Where to look.
        ref: `name/3`, `name@prod`, `name@latest`, or `name` (the newest).

    Raises:
        NotFound: The model, version or alias doesn't exist; the error names those that do.
        InvalidUsage: The text is no reference.
    """
    with project.ledger.read() as connection:
        return find(connection, ref)


def find(connection: Connection, ref: str) -> ModelVersion:
    """Return the version that a reference names, read in a connection's transaction; see `get_version`."""
    name, mark, which = _split(ref)
    model = the_model(connection, name)
    if mark == "/":
        if not is_version(which):
            raise InvalidUsage(f"'{ref}' names no version.", fix=f"write {name}/{model.latest}, or {name}@<alias>")
        return _version(connection, model, int(which))
    if which in ("", "latest"):
        if not model.latest:
            raise NotFound(f"model '{name}' has no version.", fix="register one: mlwright.register_model(...)")
        return _version(connection, model, model.latest)
    return _aliased(connection, model, which)


def set_alias(project: Project, model: str, alias: str, version: int, *, actor: str, reason: str) -> ModelVersion:
    """Let an alias point at a version from now on; an environment of the same name has that version then.

    Returns:
        The version.

    Raises:
        NotFound: There is no such model or version.
        InvalidDefinition: The alias isn't a name that an alias can have.
        PermissionDenied: It stands for an environment that asks for gates or approvals.
    """
    with project.ledger.write(actor) as tx:
        check_open(tx.connection, model, alias)
        return move_alias(tx, model, alias, version, reason=reason)


def move_alias(tx: Transaction, model: str, alias: str, version: int, *, reason: str) -> ModelVersion:
    """Let an alias point at a version as a part of a larger change; see `set_alias`. Setting it again does nothing.

    Whoever calls this has asked whatever the environment of that name asks for.
    """
    check_alias(alias)
    found = _version(tx.connection, the_model(tx.connection, model), version)
    # Held until the end, so that two who move the alias at once do so one after the other.
    rows.claim_model(tx, model)
    before = rows.point_alias(tx, model, alias, version, reason=reason)
    if before != version:
        tx.emit("alias.set", found.subject, model=model, alias=alias, version=version, before=before, reason=reason)
    follow_alias(tx, model, alias, version, reason=reason)
    return found


def remove_alias(tx: Transaction, model: str, alias: str, *, reason: str = "") -> int | None:
    """Let an alias point at nothing from now on; return what it pointed at, None when it wasn't set.

    Raises:
        NotFound: There is no such model.
        PermissionDenied: It stands for an environment that asks for gates or approvals.
    """
    the_model(tx.connection, model)
    check_open(tx.connection, model, alias)
    rows.claim_model(tx, model)
    before = end_alias(tx, model, alias, reason=reason)
    if before is not None:
        assignments.end(tx, model, alias)
        facts = {"model": model, "alias": alias, "version": before, "reason": reason}
        tx.emit("alias.removed", f"model/{model}/{before}", **facts)
    return before


def alias_history(project: Project, model: str, alias: str | None = None) -> list[AliasRow]:
    """Return what a model's aliases (or one of them) ever pointed at, newest first.

    Raises:
        NotFound: There is no such model.
    """
    with project.ledger.read() as connection:
        the_model(connection, model)
        return rows.alias_rows(connection, model, alias)


def version_at(project: Project, model: str, alias: str, at: datetime) -> ModelVersion | None:
    """Return the version that an alias pointed at at a moment, None when it wasn't set then.

    Raises:
        NotFound: There is no such model.
    """
    with project.ledger.read() as connection:
        known = the_model(connection, model)
        held = rows.alias_rows(connection, model, alias, at=at)
        return _version(connection, known, held[0].version) if held else None


def _split(ref: str) -> tuple[str, str, str]:
    for mark in ("@", "/"):
        name, found, which = ref.partition(mark)
        if found:
            if not name or not which:
                raise InvalidUsage(f"'{ref}' names no version.", fix="write name/3, name@alias or name@latest")
            return name, mark, which
    return ref, "", ""


def the_model(connection: Connection, name: str) -> ModelRow:
    """Return one registered model, read in a connection's transaction; see `get_model`."""
    found = rows.list_models(connection, name)
    if found:
        return found[0]
    known = [row.name for row in rows.list_models(connection)]
    raise NotFound(
        f"there is no model '{name}'.",
        why="no model was registered yet" if not known else None,
        fix=did_you_mean(name, known) or "register one: mlwright.register_model(...)",
        known=known[:20],
    )


def _version(connection: Connection, model: ModelRow, version: int) -> ModelVersion:
    # A number beyond the newest need not be asked for, and may be beyond what the column can hold.
    row = rows.find_version(connection, model.name, version) if version <= model.latest else None
    if row is None:
        known = [entry.version for entry in rows.list_versions(connection, model.name, limit=10)]
        raise NotFound(
            f"model '{model.name}' has no version {version}.",
            why=f"versions: {_listed(sorted(known))}",
            fix=f"mlwright models show {model.name}",
            known=known,
        )
    return version_of(row)


def _aliased(connection: Connection, model: ModelRow, alias: str) -> ModelVersion:
    if alias in model.aliases:
        return _version(connection, model, model.aliases[alias])
    known = sorted(entry.version for entry in rows.list_versions(connection, model.name, limit=10))
    hint = did_you_mean(alias, list(model.aliases)) if model.aliases else ""
    raise NotFound(
        f"model '{model.name}' has no alias '{alias}'.",
        why=f"alias '{alias}' was never set (versions: {_listed(known)})",
        fix=hint or f"mlwright models alias {model.name} {alias} {model.latest}",
        known=list(model.aliases),
    )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers) or "none"
