"""Endpoints about approvals: who is asked, who agreed and who didn't."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Act, Endpoint, Input, Limit, Page, Selector, VersionNumber, acting

if TYPE_CHECKING:
    from mlwright.project import Project


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """What one person said.

    Attributes:
        actor: Who.
        role: In which role.
        approves: False for a refusal.
        comment: Why.
        at: When.
    """

    actor: str
    role: str
    approves: bool
    comment: str
    at: datetime


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A request for approval of one version for one environment.

    Attributes:
        id: Its id.
        model: Name of the model.
        version: The version.
        environment: Where it is to go.
        needs: Role to how many people of it must approve.
        state: `open`, `approved`, `refused`, `expired`, `withdrawn`, or `used` once the version went there.
        actor: Who asked.
        reason: Why.
        created_at: When it was asked for.
        expires_at: From when on it counts no more.
        decided_at: When it left the state `open`.
        votes: What people said.
    """

    id: str
    model: str
    version: int
    environment: str
    needs: dict[str, int]
    state: str
    actor: str
    reason: str
    created_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    votes: list[Vote]


class ListApprovals(Input, frozen=True, kw_only=True):
    """Which requests to list.

    Attributes:
        model: About this model.
        version: About this version.
        environment: For this environment.
        state: In this state.
        limit: How many at most.
    """

    model: str | None = None
    version: VersionNumber | None = None
    environment: str | None = None
    state: Literal["open", "approved", "refused", "expired", "withdrawn", "used"] | None = None
    limit: Limit = DEFAULT_LIMIT


class SayOfVersion(Act, frozen=True, kw_only=True):
    """What is said about which version.

    Attributes:
        model: Name of the model.
        version: A number, an alias, or `latest`.
        environment: Where it is to go.
        comment: Why; a refusal needs one.
        role: In which role; empty for the first of the actor's that still lacks somebody.
    """

    model: str
    version: Selector
    environment: str
    comment: str = ""
    role: str = ""


class WithdrawRequest(Act, frozen=True, kw_only=True):
    """Which request is taken back.

    Attributes:
        model: Name of the model.
        version: A number, an alias, or `latest`.
        environment: Where it was to go.
    """

    model: str
    version: Selector
    environment: str


def list_approvals(project: Project, given: ListApprovals) -> Page[Approval]:
    """Return requests with their votes, newest first."""
    from mlwright import registry
    from mlwright.ledger.approvals import Wanted

    states = [given.state] if given.state is not None else None
    wanted = Wanted(model=given.model, version=given.version, environment=given.environment, states=states)
    return Page(items=[_approval(row) for row in registry.approvals(project, wanted, limit=given.limit)])


def approve(project: Project, given: SayOfVersion) -> Approval:
    """Agree that a version goes to an environment."""
    from mlwright import registry

    said = {"actor": acting(project, given), "comment": given.comment or given.reason, "role": given.role}
    return _approval(registry.approve(project, _reference(given), given.environment, **said))


def refuse(project: Project, given: SayOfVersion) -> Approval:
    """Refuse that a version goes to an environment."""
    from mlwright import registry

    said = {"actor": acting(project, given), "comment": given.comment or given.reason, "role": given.role}
    return _approval(registry.refuse(project, _reference(given), given.environment, **said))


def withdraw(project: Project, given: WithdrawRequest) -> Approval:
    """Take back a request."""
    from mlwright import registry

    actor = acting(project, given)
    row = registry.withdraw(project, _reference(given), given.environment, actor=actor, reason=given.reason)
    return _approval(row)


def _reference(given: SayOfVersion | WithdrawRequest) -> str:
    return f"{given.model}{'/' if (given.version.isascii() and given.version.isdigit()) else '@'}{given.version}"


def _approval(row: Any) -> Approval:
    return msgspec.convert(row, Approval, from_attributes=True)


_PATH = "/models/{model}/versions/{version}/approvals/{environment}"

ENDPOINTS = (
    Endpoint(
        name="approvals.list",
        method="GET",
        path="/approvals",
        summary="List requests for approval with their votes, newest first.",
        input=ListApprovals,
        output=Page[Approval],
        function=list_approvals,
    ),
    Endpoint(
        name="approvals.approve",
        method="POST",
        path=f"{_PATH}/approve",
        summary="Agree that a version goes to an environment.",
        input=SayOfVersion,
        output=Approval,
        function=approve,
        scope="write",
        audit="approval.approve",
    ),
    Endpoint(
        name="approvals.refuse",
        method="POST",
        path=f"{_PATH}/refuse",
        summary="Refuse that a version goes to an environment; a comment is needed.",
        input=SayOfVersion,
        output=Approval,
        function=refuse,
        scope="write",
        audit="approval.refuse",
    ),
    Endpoint(
        name="approvals.withdraw",
        method="POST",
        path=f"{_PATH}/withdraw",
        summary="Take back a request for approval.",
        input=WithdrawRequest,
        output=Approval,
        function=withdraw,
        scope="write",
        audit="approval.withdraw",
    ),
)
