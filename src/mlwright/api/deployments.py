"""Endpoints about deployments: who answers, since when, and how to go back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Act, Endpoint, Input, Instant, Limit, Page, acting
from mlwright.api.finding import not_found
from mlwright.errors import Conflict

if TYPE_CHECKING:
    from mlwright.project import Project


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """A share of a deployment's traffic.

    Attributes:
        arm: stable or candidate.
        version: Version that answers it.
        weight: Share, 0 to 1.
    """

    arm: str
    version: int
    weight: float


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment and who answers it now.

    Attributes:
        name: Its name.
        model: Model whose versions it serves.
        arms: Who answers; empty before the first version.
        rollout_id: Its running rollout, None outside one.
        spec: As declared.
    """

    name: str
    model: str
    arms: list[Arm]
    rollout_id: str | None
    spec: dict[str, Any]


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which a deployment's arms stayed the same.

    Attributes:
        deployment: Its name.
        arms: Who answered.
        rollout_id: Rollout that set them.
        reason: Why.
        actor: Who set them.
        from_at: Since when.
        to_at: Until when, None for the present one.
    """

    deployment: str
    arms: list[Arm]
    rollout_id: str | None
    reason: str
    actor: str
    from_at: datetime
    to_at: datetime | None


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some labels.

    Attributes:
        recorded: New ones.
        repeated: Known already with the same value.
        corrected: Known with another value, which is replaced.
        unknown: For predictions that this deployment never made; not kept.
    """

    recorded: int
    repeated: int
    corrected: int
    unknown: int


class ListDeployments(Input, frozen=True, kw_only=True):
    """Takes nothing."""


class ShowDeployment(Input, frozen=True, kw_only=True):
    """Which deployment.

    Attributes:
        deployment: Its name.
    """

    deployment: str


class ListTraffic(Input, frozen=True, kw_only=True):
    """Which stretches of traffic.

    Attributes:
        deployment: Of this deployment.
        since: Only those that reach beyond this moment.
        until: Only those that began before this moment.
        limit: How many at most.
    """

    deployment: str
    since: Instant | None = None
    until: Instant | None = None
    limit: Limit = DEFAULT_LIMIT


class ChangeDeployment(Act, frozen=True, kw_only=True):
    """Which deployment to change.

    Attributes:
        deployment: Its name.
    """

    deployment: str


class SendFeedback(Act, frozen=True, kw_only=True):
    """Outcomes that became known.

    Attributes:
        deployment: Whose predictions they belong to.
        labels: Prediction id to outcome.
        at: When they became known; the project's clock by default.
    """

    deployment: str
    labels: dict[str, float]
    at: Instant | None = None


def list_deployments(project: Project, _given: ListDeployments) -> Page[Deployment]:
    """Return all deployments, by name."""
    from mlwright.ledger import delivery

    with project.ledger.read() as connection:
        rows = delivery.current_arms(connection)
    return Page(items=[_deployment(rows[name]) for name in sorted(rows)])


def show_deployment(project: Project, given: ShowDeployment) -> Deployment:
    """Return one deployment."""
    from mlwright.ledger import delivery

    with project.ledger.read() as connection:
        row = delivery.find_deployment(connection, given.deployment)
        if row is None:
            raise not_found("deployment", given.deployment, sorted(delivery.current_arms(connection)))
    return _deployment(row)


def list_traffic(project: Project, given: ListTraffic) -> Page[Traffic]:
    """Return who answered a deployment and when, newest first."""
    from mlwright.ledger import delivery

    show_deployment(project, ShowDeployment(deployment=given.deployment))
    with project.ledger.read() as connection:
        rows = delivery.traffic_history(
            connection, given.deployment, since=given.since, until=given.until, limit=given.limit
        )
    return Page(items=[msgspec.convert(row, Traffic, from_attributes=True) for row in rows])


def roll_back(project: Project, given: ChangeDeployment) -> Deployment:
    """Give all traffic to the version that served before."""
    from mlwright import delivery

    show_deployment(project, ShowDeployment(deployment=given.deployment))
    delivery.rollback(
        project, given.deployment, reason=given.reason or "asked for by hand", actor=acting(project, given)
    )
    return show_deployment(project, ShowDeployment(deployment=given.deployment))


def abort_rollout(project: Project, given: ChangeDeployment) -> Deployment:
    """Stop the running rollout of a deployment; its stable version keeps all traffic."""
    from mlwright import delivery

    now = show_deployment(project, ShowDeployment(deployment=given.deployment))
    if now.rollout_id is None:
        raise Conflict(
            f"deployment '{given.deployment}' has no running rollout.",
            why="its traffic isn't moving",
            fix=f"mlwright deployments rollback {given.deployment} goes back to the version before",
        )
    delivery.abort(project, now.rollout_id, reason=given.reason or "asked for by hand", actor=acting(project, given))
    return show_deployment(project, ShowDeployment(deployment=given.deployment))


def send_feedback(project: Project, given: SendFeedback) -> Feedback:
    """Record outcomes; sending the same ones again changes nothing."""
    from mlwright import serving

    show_deployment(project, ShowDeployment(deployment=given.deployment))
    counts = serving.record_labels(project, given.deployment, given.labels, given.at, actor=acting(project, given))
    return msgspec.convert(counts, Feedback, from_attributes=True)


def _deployment(row: Any) -> Deployment:
    return msgspec.convert(row, Deployment, from_attributes=True)


ENDPOINTS = (
    Endpoint(
        name="deployments.list",
        method="GET",
        path="/deployments",
        summary="List deployments with the versions that answer them.",
        input=ListDeployments,
        output=Page[Deployment],
        function=list_deployments,
    ),
    Endpoint(
        name="deployments.show",
        method="GET",
        path="/deployments/{deployment}",
        summary="Show a deployment with the versions that answer it.",
        input=ShowDeployment,
        output=Deployment,
        function=show_deployment,
    ),
    Endpoint(
        name="deployments.traffic",
        method="GET",
        path="/deployments/{deployment}/traffic",
        summary="List who answered a deployment and when, newest first.",
        input=ListTraffic,
        output=Page[Traffic],
        function=list_traffic,
    ),
    Endpoint(
        name="deployments.rollback",
        method="POST",
        path="/deployments/{deployment}/rollback",
        summary="Give all traffic to the version that served before.",
        input=ChangeDeployment,
        output=Deployment,
        function=roll_back,
        scope="write",
        audit="deployment.rolled-back",
    ),
    Endpoint(
        name="deployments.abort",
        method="POST",
        path="/deployments/{deployment}/abort",
        summary="Stop the running rollout; the stable version keeps all traffic.",
        input=ChangeDeployment,
        output=Deployment,
        function=abort_rollout,
        scope="write",
        audit="rollout.aborted",
    ),
    Endpoint(
        name="deployments.feedback",
        method="POST",
        path="/deployments/{deployment}/feedback",
        summary="Record outcomes of predictions by prediction id; sending the same ones again changes nothing.",
        input=SendFeedback,
        output=Feedback,
        function=send_feedback,
        scope="write",
        audit="labels.recorded",
    ),
)
