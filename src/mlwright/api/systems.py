"""Endpoints about declared systems and what their triggers and schedules decided."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Act, Endpoint, Input, Limit, Page, acting
from mlwright.api.finding import not_found

if TYPE_CHECKING:
    from mlwright.project import Project


class SystemState(msgspec.Struct, frozen=True, kw_only=True):
    """A system as it was last applied.

    Attributes:
        name: Its name.
        target: `file.py:name` that declares it.
        digest: Digest of its manifest.
        manifest: The whole declaration.
        actor: Who applied it.
        at: When.
    """

    name: str
    target: str
    digest: str
    manifest: dict[str, Any]
    actor: str
    at: datetime


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of a trigger or schedule.

    Attributes:
        source: `trigger/<name>` or `schedule/<name>`.
        key: What it answered: an event's id, a due moment, or a caller's key.
        system: The system it belongs to.
        decision: fired, cooling-down, over-budget or busy.
        reason: Why.
        arguments: What the pipeline was given.
        outcome: How its run ended; None while it isn't over or when nothing was fired.
        run_id: Its run.
        at: When it decided.
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


class ListSystems(Input, frozen=True, kw_only=True):
    """Takes nothing."""


class ShowSystem(Input, frozen=True, kw_only=True):
    """Which system.

    Attributes:
        system: Its name.
    """

    system: str


class ListFirings(Input, frozen=True, kw_only=True):
    """Which decisions to list.

    Attributes:
        system: Of this system.
        limit: How many at most.
    """

    system: str
    limit: Limit = DEFAULT_LIMIT


class FireTrigger(Act, frozen=True, kw_only=True):
    """Which trigger to fire.

    Attributes:
        system: The system.
        trigger: Its name.
        key: Chosen by the caller; the same key again starts nothing.
        arguments: Arguments that win over the trigger's own.
    """

    system: str
    trigger: str
    key: str
    arguments: dict[str, Any] = {}


def list_systems(project: Project, _given: ListSystems) -> Page[SystemState]:
    """Return all systems, by name."""
    from mlwright.ledger import system as repository

    with project.ledger.read() as connection:
        return Page(items=[_system(row) for row in repository.current_systems(connection)])


def show_system(project: Project, given: ShowSystem) -> SystemState:
    """Return one system."""
    from mlwright.ledger import system as repository

    with project.ledger.read() as connection:
        row = repository.current_system(connection, given.system)
        if row is None:
            raise not_found("system", given.system, [known.name for known in repository.current_systems(connection)])
    return _system(row)


def list_firings(project: Project, given: ListFirings) -> Page[Firing]:
    """Return what a system's triggers and schedules decided, newest first."""
    from mlwright.ledger import system as repository

    show_system(project, ShowSystem(system=given.system))
    with project.ledger.read() as connection:
        rows = repository.list_firings(connection, system=given.system, limit=given.limit)
    return Page(items=[_firing(row) for row in rows])


def fire_trigger(project: Project, given: FireTrigger) -> Firing:
    """Fire a trigger by hand: its run is started by the server's controllers."""
    from mlwright import system

    declared = system.load_system(show_system(project, ShowSystem(system=given.system)).target)
    return fire_declared(project, declared, given)


def fire_declared(project: Project, declared: Any, given: FireTrigger) -> Firing:
    """Fire a trigger of a system that is loaded already.

    Args:
        project: Where it is applied.
        declared: The `mlwright.system.System`.
        given: Which trigger, and how.
    """
    from mlwright import system

    firing = system.fire(
        project,
        declared,
        given.trigger,
        key=given.key,
        arguments=given.arguments,
        actor=acting(project, given),
    )
    return _firing(firing)


def _system(row: Any) -> SystemState:
    return msgspec.convert(row, SystemState, from_attributes=True)


def _firing(row: Any) -> Firing:
    return msgspec.convert(row, Firing, from_attributes=True)


ENDPOINTS = (
    Endpoint(
        name="systems.list",
        method="GET",
        path="/systems",
        summary="List declared systems.",
        input=ListSystems,
        output=Page[SystemState],
        function=list_systems,
    ),
    Endpoint(
        name="systems.show",
        method="GET",
        path="/systems/{system}",
        summary="Show a system's declaration.",
        input=ShowSystem,
        output=SystemState,
        function=show_system,
    ),
    Endpoint(
        name="systems.firings",
        method="GET",
        path="/systems/{system}/firings",
        summary="List what a system's triggers and schedules decided, newest first.",
        input=ListFirings,
        output=Page[Firing],
        function=list_firings,
    ),
    Endpoint(
        name="systems.fire",
        method="POST",
        path="/systems/{system}/triggers/{trigger}/fire",
        summary="Fire a trigger by hand; the same key again starts nothing.",
        input=FireTrigger,
        output=Firing,
        function=fire_trigger,
        scope="write",
        audit="trigger.fired",
    ),
)
