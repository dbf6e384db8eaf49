"""Deleting and renaming models and versions, and moving aliases by whatever name: only where nobody relies on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.errors import Conflict
from mlwright.ledger import delivery
from mlwright.ledger import registry as rows
from mlwright.ledger import registry_edits as edits
from mlwright.ledger.assignments import assigned
from mlwright.registry.environments import check_open, environments_of, follow_alias

if TYPE_CHECKING:
    from mlwright.ledger import Transaction


def rename_model(tx: Transaction, name: str, new: str) -> None:
    """Give a model another name; its versions and its history go with it.

    Raises:
        NotFound: There is none of this name.
        AlreadyExists: There is one of the new name.
        Conflict: A deployment names it.
    """
    edits.hold_model(tx, name)
    serving = [row.name for row in delivery.current_arms(tx.connection).values() if row.model == name]
    if serving:
        raise Conflict(f"model '{name}' can't be renamed.", why=f"it is served by the deployment '{serving[0]}'")
    edits.rename_model(tx, name, new)


def delete_model(tx: Transaction, name: str) -> None:
    """Delete a model with all its versions; what happened to it stays known.

    Raises:
        NotFound: There is none of this name.
        Conflict: A deployment serves it, or a guarded environment has one of its versions.
    """
    edits.hold_model(tx, name)
    _check_unused(tx, name, None)
    edits.delete_model(tx, name)


def delete_version(tx: Transaction, name: str, version: int) -> None:
    """Delete a version; its number is never given again.

    Raises:
        NotFound: There is none.
        Conflict: A deployment serves it, or a guarded environment has it.
    """
    edits.hold_model(tx, name)
    _check_unused(tx, name, version)
    edits.delete_version(tx, name, version)


def point_alias(tx: Transaction, name: str, alias: str, version: int, *, reason: str = "") -> None:
    """Let an alias of any name point at a version from now on; an environment of that name follows.

    Raises:
        NotFound: There is no such model or version.
        PermissionDenied: It stands for an environment that asks for gates or approvals.
    """
    edits.hold_model(tx, name)
    edits.the_version(tx.connection, name, version)
    check_open(tx.connection, name, alias)
    before = rows.point_alias(tx, name, alias, version, reason=reason)
    if before != version:
        facts = {"model": name, "alias": alias, "version": version, "before": before, "reason": reason}
        tx.emit("alias.set", f"model/{name}/{version}", **facts)
    follow_alias(tx, name, alias, version, reason=reason)


def _check_unused(tx: Transaction, name: str, version: int | None) -> None:
    what = f"model '{name}'" if version is None else f"version {version} of model '{name}'"
    for deployment in delivery.current_arms(tx.connection).values():
        arms = [arm.version for arm in deployment.arms] if deployment.model == name else []
        if arms and (version is None or version in arms):
            raise Conflict(
                f"{what} can't be deleted.",
                why=f"the deployment '{deployment.name}' serves it",
                fix="deploy another version first",
            )
    held = assigned(tx.connection, name)
    for environment in environments_of(tx.connection, name):
        has = held.get(environment.name)
        if environment.asks and has is not None and version in (None, has):
            raise Conflict(
                f"{what} can't be deleted.",
                why=f"the environment {environment.name} has version {has}",
                fix="promote another version first",
            )
