"""Endpoints about the bin: deleted runs are there, until they are restored or removed for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from mlwright.api.endpoint import Act, Endpoint, acting

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project

_SHOWN = 1000


class SomeRuns(Act, frozen=True, kw_only=True):
    """Some runs.

    Attributes:
        runs: Their ids, or parts of them.
    """

    runs: Annotated[list[str], msgspec.Meta(min_length=1, max_length=_SHOWN)]


class ChangedRuns(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that were changed.

    Attributes:
        runs: Their ids; one that was as wanted already is left out.
    """

    runs: list[str]


class PurgeRuns(Act, frozen=True, kw_only=True):
    """What to remove from the bin for good.

    Attributes:
        older_than_s: What has been in the bin for so many seconds; the setting of an experiment wins.
        dry_run: Only tell what would be removed.
    """

    older_than_s: Annotated[float, msgspec.Meta(ge=0, le=1e10)] = 30 * 86400.0
    dry_run: bool = False


class PurgedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was, or would be, removed for good.

    Attributes:
        id: Its id.
        name: What people called it.
        experiment: What it was filed under.
        points: How many points it had.
        artifacts: How many artifacts nothing else keeps.
        size_bytes: What these and the points take.
    """

    id: str
    name: str
    experiment: str
    points: int
    artifacts: int
    size_bytes: int


class KeptRun(msgspec.Struct, frozen=True, kw_only=True):
    """A deleted run that stays.

    Attributes:
        id: Its id.
        name: What people call it.
        reason: What depends on it.
    """

    id: str
    name: str
    reason: str


class PurgedRuns(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or would be, removed for good.

    Attributes:
        dry_run: True when nothing was removed.
        runs: How many runs.
        points: How many points these had.
        params: How many parameters.
        tags: How many tags.
        artifacts: How many artifacts nothing else keeps; they go with the next collection.
        size_bytes: What points and artifacts take.
        experiments: Names of the experiments.
        young: How many deleted runs aren't old enough.
        kept: Those that stay because something depends on them, at most 1000.
        largest: The largest of the removed ones, at most 1000.
        sentence: The same for people.
    """

    dry_run: bool
    runs: int
    points: int
    params: int
    tags: int
    artifacts: int
    size_bytes: int
    experiments: list[str]
    young: int
    kept: list[KeptRun]
    largest: list[PurgedRun]
    sentence: str


def delete_runs(project: Project, given: SomeRuns) -> ChangedRuns:
    """Put runs into the bin, with the runs that are parts of them."""
    from mlwright.ledger import runs

    with project.ledger.write(acting(project, given)) as tx:
        found = [run_id for text in given.runs for run_id in _with_parts(tx.connection, text)]
        changed = [run_id for run_id in dict.fromkeys(found) if not _is_deleted(tx.connection, run_id)]
        for run_id in changed:
            runs.delete_run(tx, run_id)
    return ChangedRuns(runs=changed)


def restore_runs(project: Project, given: SomeRuns) -> ChangedRuns:
    """Take runs out of the bin, with the runs that are parts of them."""
    from mlwright.ledger import runs

    with project.ledger.write(acting(project, given)) as tx:
        found = [run_id for text in given.runs for run_id in _with_parts(tx.connection, text)]
        changed = [run_id for run_id in dict.fromkeys(found) if _is_deleted(tx.connection, run_id)]
        for run_id in changed:
            runs.restore_run(tx, run_id)
    return ChangedRuns(runs=changed)


def purge_runs(project: Project, given: PurgeRuns) -> PurgedRuns:
    """Remove runs and experiments that have been in the bin for long, or tell which those are."""
    from datetime import timedelta

    from mlwright.ledger import purging

    older_than = timedelta(seconds=given.older_than_s)
    if given.dry_run:
        with project.ledger.read() as connection:
            plan = purging.plan_purge(connection, now=project.clock.now(), older_than=older_than)
    else:
        with project.ledger.write(acting(project, given)) as tx:
            plan = purging.plan_purge(tx.connection, now=tx.now, older_than=older_than)
            purging.purge(tx, plan)
    return _purged(plan, dry_run=given.dry_run)


def _purged(plan: Any, *, dry_run: bool) -> PurgedRuns:
    largest = sorted(plan.runs, key=lambda run: (-run.size_bytes, run.id))[:_SHOWN]
    points, size_bytes = (sum(getattr(run, name) for run in plan.runs) for name in ("points", "size_bytes"))
    verb = "would remove" if dry_run else "removed"
    return PurgedRuns(
        dry_run=dry_run,
        runs=len(plan.runs),
        points=points,
        params=sum(run.params for run in plan.runs),
        tags=sum(run.tags for run in plan.runs),
        artifacts=sum(run.artifacts for run in plan.runs),
        size_bytes=size_bytes,
        experiments=[name for _, name in plan.experiments],
        young=plan.young,
        kept=[msgspec.convert(row, KeptRun, from_attributes=True) for row in plan.kept[:_SHOWN]],
        largest=[msgspec.convert(run, PurgedRun, from_attributes=True) for run in largest],
        sentence=(
            f"{verb} {len(plan.runs)} runs with {points} points for good ({size_bytes} bytes with artifacts), and "
            f"{len(plan.experiments)} experiments; {len(plan.kept)} stay because something depends on them, "
            f"{plan.young} because they were deleted lately."
        ),
    )


def _with_parts(connection: Connection, text: str) -> list[str]:
    from mlwright.ledger import forks, runs

    return forks.with_parts(connection, runs.find_run(connection, text).id)


def _is_deleted(connection: Connection, run_id: str) -> bool:
    from mlwright.ledger import runs

    return runs.get_run(connection, run_id).deleted_at is not None


ENDPOINTS = (
    Endpoint(
        name="runs.delete",
        method="POST",
        path="/runs/delete",
        summary="Put runs into the bin, with the runs that are parts of them.",
        input=SomeRuns,
        output=ChangedRuns,
        function=delete_runs,
        scope="write",
        audit="runs.deleted",
    ),
    Endpoint(
        name="runs.restore",
        method="POST",
        path="/runs/restore",
        summary="Take runs out of the bin, with the runs that are parts of them.",
        input=SomeRuns,
        output=ChangedRuns,
        function=restore_runs,
        scope="write",
        audit="runs.restored",
    ),
    Endpoint(
        name="runs.purge",
        method="POST",
        path="/runs/purge",
        summary="Remove what has been in the bin for long, for good, or tell what that is and what keeps the rest.",
        input=PurgeRuns,
        output=PurgedRuns,
        function=purge_runs,
        scope="write",
        audit="runs.purged",
    ),
)
