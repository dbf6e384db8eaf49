"""Environments: the places that versions of a model go to, and what each asks before.

A model has `dev`, `staging` and `prod`, which ask for nothing, until others are declared. The alias of an environment's
name points at the version that it has: whoever reads `churn@prod`, an MLflow client for example, sees assignments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import InvalidDefinition, NotFound, PermissionDenied, did_you_mean
from mlwright.ledger import Connection, Transaction, approvals, assignments
from mlwright.ledger import registry as rows
from mlwright.ledger.registry_changes import put_settings, settings_of
from mlwright.registry.gate_kinds import Gate
from mlwright.registry.values import check_alias

if TYPE_CHECKING:
    from mlwright.project import Project

_ROLE = re.compile(r"[a-z][a-z0-9-]{0,63}")
_KEY = "environments"
_MOST_DAYS = 3650


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A place that versions of a model go to.

    Attributes:
        name: Its name; also the alias that points at its version.
        gates: What a version must show.
        approvals: Role to how many people of it must approve.
        approval_days: Days after which an approval that wasn't used counts no more; 0 for never.
    """

    name: str
    gates: list[Gate] = []
    approvals: dict[str, int] = {}
    approval_days: int = 14

    @property
    def asks(self) -> bool:
        """Whether it asks for anything at all."""
        return bool(self.gates or self.approvals)


DEFAULTS = (Environment(name="dev"), Environment(name="staging"), Environment(name="prod"))


def environments(project: Project, model: str) -> list[Environment]:
    """Return the environments of a model in their order.

    Raises:
        NotFound: There is no such model.
    """
    from mlwright.registry.versions import the_model

    with project.ledger.read() as connection:
        the_model(connection, model)
        return environments_of(connection, model)


def is_guarded(project: Project, model: str, alias: str) -> bool:
    """Tell whether an alias stands for an environment that asks for gates or approvals."""
    with project.ledger.read() as connection:
        known = environments_of(connection, model)
    return any(environment.name == alias and environment.asks for environment in known)


def environments_of(connection: Connection, model: str) -> list[Environment]:
    """Return the environments of a model, read in a connection's transaction."""
    declared = settings_of(connection, model).get(_KEY)
    return list(DEFAULTS) if declared is None else msgspec.convert(declared, list[Environment])


def environment_named(connection: Connection, model: str, name: str) -> Environment:
    """Return one environment of a model.

    Raises:
        NotFound: The model has none of this name.
    """
    known = {environment.name: environment for environment in environments_of(connection, model)}
    if name not in known:
        raise NotFound(f"model '{model}' has no environment '{name}'.", fix=did_you_mean(name, list(known)))
    return known[name]


def declare_environments(
    project: Project, model: str, declared: Sequence[Environment], *, actor: str | None = None, reason: str = ""
) -> list[Environment]:
    """Declare the environments of a model in their order, with the gates and approvals each asks for.

    A model that has no version yet is created. What was promoted before stays where it is; an approval that was asked
    for under other rules is withdrawn at the next promotion.

    Raises:
        InvalidDefinition: A name, role or count can't be, or an environment is there twice.
    """
    checked = check_environments(declared)
    with project.ledger.write(actor or project.actor) as tx:
        if rows.claim_model(tx, model):
            tx.emit("model.created", f"model/{model}", model=model)
        settings = settings_of(tx.connection, model) | {_KEY: msgspec.to_builtins(checked)}
        put_settings(tx, model, settings, reason=reason)
    return checked


def check_environments(declared: Sequence[Environment]) -> list[Environment]:
    """Return the environments if each can be one, and each name is there once.

    Raises:
        InvalidDefinition: Something is wrong with them; the message names it.
    """
    if not declared:
        raise InvalidDefinition("a model needs at least one environment.", fix="declare prod")
    names = [environment.name for environment in declared]
    for environment in declared:
        check_alias(environment.name)
        if names.count(environment.name) > 1:
            raise InvalidDefinition(f"the environment '{environment.name}' is there twice.")
        for role, count in environment.approvals.items():
            if not _ROLE.fullmatch(role) or count < 1:
                raise InvalidDefinition(
                    f"the environment '{environment.name}' asks for {count} of '{role}'.",
                    why="a role is lower-case letters, digits and '-'; at least one of it must approve",
                )
        if not 0 <= environment.approval_days <= _MOST_DAYS:
            raise InvalidDefinition(
                f"approvals of '{environment.name}' can't expire after {environment.approval_days} days.",
                fix=f"give 1 to {_MOST_DAYS} days, or 0 for never",
            )
    return list(declared)


def follow_alias(tx: Transaction, model: str, alias: str, version: int, *, reason: str) -> None:
    """Assign a version to the environment that an alias stands for, if it stands for one; uses up its approval."""
    if all(environment.name != alias for environment in environments_of(tx.connection, model)):
        return
    before = assignments.assigned(tx.connection, model).get(alias)
    if before == version:
        return
    approval = approvals.latest_approval(tx, model, version, alias)
    used = approval.id if approval is not None and approval.state == "approved" else None
    if used is not None:
        approvals.set_state(tx, used, "used")
    assignments.assign(tx, model, alias, version, approval_id=used, reason=reason)
    facts = {"model": model, "version": version, "environment": alias, "before": before, "reason": reason}
    tx.emit("environment.assigned", f"model/{model}/{version}", **facts, approval_id=used)


def check_open(connection: Connection, model: str, alias: str) -> None:
    """Refuse to move an alias by hand past the gates and approvals of the environment that it stands for.

    Raises:
        PermissionDenied: The environment asks for gates or approvals.
    """
    for environment in environments_of(connection, model):
        if environment.name == alias and environment.asks:
            raise PermissionDenied(
                f"the alias '{alias}' of model '{model}' isn't moved by hand.",
                why=f"it stands for the environment {alias}, which asks for gates or approvals",
                fix=f"mlwright models promote {model}/<version> --to {alias}",
            )
