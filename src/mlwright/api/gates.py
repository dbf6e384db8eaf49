"""Endpoints about gates: what they said about each version, with their numbers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import Endpoint, Input, Page, VersionNumber

if TYPE_CHECKING:
    from mlwright.project import Project


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate said about one version.

    Attributes:
        id: Its id.
        model: Name of the model.
        version: The version.
        gate: Name of the gate.
        passed: Whether it agreed.
        reason: Why, for people.
        numbers: Why, for machines.
        actor: Who asked it.
        at: When.
    """

    id: str
    model: str
    version: int
    gate: str
    passed: bool
    reason: str
    numbers: dict[str, Any]
    actor: str
    at: datetime


class ListGates(Input, frozen=True, kw_only=True):
    """Which verdicts to list.

    Attributes:
        model: On versions of this model.
        version: Only on this version.
    """

    model: str
    version: VersionNumber | None = None


def list_gates(project: Project, given: ListGates) -> Page[GateResult]:
    """Return verdicts, oldest first."""
    from mlwright.ledger import registry

    with project.ledger.read() as connection:
        rows = registry.gate_rows(connection, given.model, given.version)
    return Page(items=[gate_result(row) for row in rows])


def gate_result(row: Any) -> GateResult:
    """Return a row of the ledger as it travels."""
    return msgspec.convert(row, GateResult, from_attributes=True)


ENDPOINTS = (
    Endpoint(
        name="gates.list",
        method="GET",
        path="/gates",
        summary="List what the gates said about a model's versions, oldest first.",
        input=ListGates,
        output=Page[GateResult],
        function=list_gates,
    ),
)
