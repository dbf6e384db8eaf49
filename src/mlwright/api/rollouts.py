"""Endpoints about rollouts: how a version came to serve, or why it didn't."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Limit, Page
from mlwright.api.finding import the_one

if TYPE_CHECKING:
    from mlwright.project import Project


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """The move of a deployment's traffic to another version.

    Attributes:
        id: Its id.
        deployment: Whose traffic.
        stable: Version that served before, None for the first.
        candidate: Version on trial.
        status: running, promoted, rolled-back, inconclusive or aborted.
        step: Which of `steps` it is in, from 0.
        steps: Shares of traffic and evidence asked for, as planned at its start.
        step_started_at: When it entered that step.
        started_at: When it began.
        ended_at: When it was over.
        verdict: Numbers and sentence of the look that ended it.
        cause: What asked for it.
        actor: Who started it.
    """

    id: str
    deployment: str
    stable: int | None
    candidate: int
    status: str
    step: int
    steps: list[dict[str, Any]]
    step_started_at: datetime
    started_at: datetime
    ended_at: datetime | None
    verdict: dict[str, Any] | None
    cause: dict[str, Any] | None
    actor: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge saw and decided at one moment.

    Attributes:
        at: When it looked.
        step: Step of the rollout.
        decision: continue, advance, promote, roll-back or keep-stable.
        sentence: Why, for people.
        numbers: Why, for machines.
    """

    at: datetime
    step: int
    decision: str
    sentence: str
    numbers: dict[str, Any]


class RolloutDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout with everything the judge saw.

    Attributes:
        rollout: The rollout.
        looks: In the order of time.
    """

    rollout: Rollout
    looks: list[Look]


class ListRollouts(Input, frozen=True, kw_only=True):
    """Which rollouts to list.

    Attributes:
        deployment: Only of this deployment.
        status: Only of this status.
        limit: How many at most.
    """

    deployment: str | None = None
    status: str | None = None
    limit: Limit = DEFAULT_LIMIT


class ShowRollout(Input, frozen=True, kw_only=True):
    """Which rollout.

    Attributes:
        rollout: Its id, or the end of it.
    """

    rollout: str


def list_rollouts(project: Project, given: ListRollouts) -> Page[Rollout]:
    """Return rollouts, newest first."""
    from mlwright.ledger import delivery

    with project.ledger.read() as connection:
        rows = delivery.list_rollouts(connection, deployment=given.deployment, status=given.status, limit=given.limit)
    return Page(items=[_rollout(row) for row in rows])


def show_rollout(project: Project, given: ShowRollout) -> RolloutDetail:
    """Return one rollout and its looks."""
    from mlwright.ledger import delivery

    with project.ledger.read() as connection:
        row = delivery.find_rollout(connection, given.rollout)
        if row is None:
            row = the_one("rollout", given.rollout, delivery.list_rollouts(connection, limit=10_000))
        looks = delivery.list_looks(connection, row.id)
    return RolloutDetail(
        rollout=_rollout(row), looks=[msgspec.convert(look, Look, from_attributes=True) for look in looks]
    )


def _rollout(row: Any) -> Rollout:
    return msgspec.convert(row, Rollout, from_attributes=True)


ENDPOINTS = (
    Endpoint(
        name="rollouts.list",
        method="GET",
        path="/rollouts",
        summary="List rollouts, newest first.",
        input=ListRollouts,
        output=Page[Rollout],
        function=list_rollouts,
    ),
    Endpoint(
        name="rollouts.show",
        method="GET",
        path="/rollouts/{rollout}",
        summary="Show a rollout with every look of its judge.",
        input=ShowRollout,
        output=RolloutDetail,
        function=show_rollout,
    ),
)
