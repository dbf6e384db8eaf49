"""Endpoints that change runs: what is said of them, how far they go, and forks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from mlwright.api.endpoint import Act, Endpoint, TagName, acting

if TYPE_CHECKING:
    from mlwright.project import Project

Step = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class AmendRun(Act, frozen=True, kw_only=True):
    """What to change of a run, whether or not it has ended.

    Attributes:
        run: Its id, a part of it, or `@latest`.
        name: What people call it; None leaves it.
        note: What people should know of it; None leaves it.
        tags: To set.
        untag: Keys of tags to take off.
    """

    run: str
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=250)] | None = None
    note: str | None = None
    tags: dict[TagName, str] = {}
    untag: list[str] = []


class AmendedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What changed.

    Attributes:
        run_id: The run.
        old: What it was: name, note, tags.
        new: What it is.
    """

    run_id: str
    old: dict[str, Any]
    new: dict[str, Any]


class RewindRun(Act, frozen=True, kw_only=True):
    """Which run to take back, and how far.

    Attributes:
        run: Its id, a part of it, or `@latest`.
        to_step: The last step that stays.
    """

    run: str
    to_step: Step


class UnrewindRun(Act, frozen=True, kw_only=True):
    """Which run's newest rewinding to undo.

    Attributes:
        run: Its id, a part of it, or `@latest`.
    """

    run: str


class RewoundRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a rewinding, or undoing one, came to.

    Attributes:
        run_id: The run.
        to_step: The step that it was, or had been, taken back to.
        points: How many points left the curves, or came back.
        artifact: Where those that left are kept; empty when they came back.
    """

    run_id: str
    to_step: int
    points: int
    artifact: str


class ForkRun(Act, frozen=True, kw_only=True):
    """Which run to fork.

    Attributes:
        run: Its id, a part of it, or `@latest`.
        at_step: The last step whose points the fork has; None for all.
        name: What to call the fork; the run's name and `-fork` when empty.
    """

    run: str
    at_step: Step | None = None
    name: Annotated[str, msgspec.Meta(max_length=250)] = ""


class ForkedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was made from another one.

    Attributes:
        run_id: The new run.
        name: What people call it.
        forked_from: The run that it was made from.
        forked_step: The last step that it has of that one.
    """

    run_id: str
    name: str
    forked_from: str
    forked_step: int | None


def amend_run(project: Project, given: AmendRun) -> AmendedRun:
    """Change what is said of a run."""
    from mlwright.ledger import forks, runs
    from mlwright.tracking.checking import name_of

    for key in given.tags:
        name_of(key, "tag")
    with project.ledger.write(acting(project, given)) as tx:
        row = runs.find_run(tx.connection, given.run)
        amendment = forks.Amendment(name=given.name, note=given.note, tags=given.tags, untag=given.untag)
        changed = forks.amend(tx, row, amendment)
    return AmendedRun(run_id=row.id, old=changed.get("old", {}), new=changed.get("new", {}))


def rewind_run(project: Project, given: RewindRun) -> RewoundRun:
    """Take the points behind a step out of a run's curves."""
    from mlwright.tracking.rewinding import rewind

    found = rewind(project, given.run, to_step=given.to_step, actor=acting(project, given), reason=given.reason)
    return msgspec.convert(found, RewoundRun, from_attributes=True)


def unrewind_run(project: Project, given: UnrewindRun) -> RewoundRun:
    """Undo a run's newest rewinding."""
    from mlwright.tracking.rewinding import unrewind

    found = unrewind(project, given.run, actor=acting(project, given), reason=given.reason)
    return msgspec.convert(found, RewoundRun, from_attributes=True)


def fork_run(project: Project, given: ForkRun) -> ForkedRun:
    """Make a run that begins with what another one had."""
    from mlwright.ledger import forks, runs

    with project.ledger.write(acting(project, given)) as tx:
        row = runs.find_run(tx.connection, given.run)
        name = given.name or f"{row.name}-fork"
        run_id = forks.fork(tx, row, at_step=given.at_step, name=name)
    return ForkedRun(run_id=run_id, name=name, forked_from=row.id, forked_step=given.at_step)


ENDPOINTS = (
    Endpoint(
        name="runs.amend",
        method="POST",
        path="/runs/{run}/amend",
        summary="Change a run's name, note or tags, whether or not it has ended; the history keeps old and new.",
        input=AmendRun,
        output=AmendedRun,
        function=amend_run,
        scope="write",
        audit="runs.amended",
    ),
    Endpoint(
        name="runs.rewind",
        method="POST",
        path="/runs/{run}/rewind",
        summary="Take the points behind a step out of a run's curves; they are kept as an artifact.",
        input=RewindRun,
        output=RewoundRun,
        function=rewind_run,
        scope="write",
        audit="runs.rewound",
    ),
    Endpoint(
        name="runs.unrewind",
        method="POST",
        path="/runs/{run}/unrewind",
        summary="Undo a run's newest rewinding.",
        input=UnrewindRun,
        output=RewoundRun,
        function=unrewind_run,
        scope="write",
        audit="runs.unrewound",
    ),
    Endpoint(
        name="runs.fork",
        method="POST",
        path="/runs/{run}/fork",
        summary="Make a run that begins with the params, tags and points of another one.",
        input=ForkRun,
        output=ForkedRun,
        function=fork_run,
        scope="write",
        audit="runs.forked",
    ),
)
