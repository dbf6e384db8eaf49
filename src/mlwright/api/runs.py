"""Endpoints about runs: what was run, how it went, what it logged and made."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Limit, Page
from mlwright.api.finding import not_found
from mlwright.api.search import Value, sendable

if TYPE_CHECKING:
    from mlwright.project import Project

MOST_NESTED = 100


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a pipeline or of a script.

    Attributes:
        id: Its id.
        name: Its name.
        experiment: What it is filed under.
        kind: pipeline or script.
        status: running, succeeded, failed or cancelled.
        pipeline: Name of the pipeline; empty for scripts.
        cause: What started it.
        actor: Who started it.
        created_at: When the ledger heard of it.
        started_at: When it began.
        ended_at: When it was over.
        duration_s: How long it took, by the machine's clock.
    """

    id: str
    name: str
    experiment: str
    kind: str
    status: str
    pipeline: str
    cause: dict[str, Any] | None
    actor: str
    created_at: datetime
    started_at: datetime
    ended_at: datetime | None
    duration_s: float | None


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one step.

    Attributes:
        id: Its id.
        step: Key of the step.
        status: running, succeeded, cached, failed or cancelled.
        attempt: From 1.
        reason: Why it ran, or why it didn't have to.
        error: What it failed with.
        usage: CPU seconds and memory that it took.
        started_at: When it began.
        duration_s: How long it took, by the machine's clock.
    """

    id: str
    step: str
    status: str
    attempt: int
    reason: str
    error: dict[str, Any] | None
    usage: dict[str, Any] | None
    started_at: datetime
    duration_s: float | None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a run made.

    Attributes:
        step: Step that made it; empty when the run did.
        name: Its name.
        digest: Digest of its bytes.
        codec: How it is kept.
        size_bytes: Its size.
    """

    step: str
    name: str
    digest: str
    codec: str
    size_bytes: int


class UsedDataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as a run used it.

    Attributes:
        name: What people call it.
        digest: Digest of its content.
        context: What for: training, validation, test, ...
        source: Where it is from.
    """

    name: str
    digest: str
    context: str
    source: str


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A run with everything that belongs to it.

    Attributes:
        run: The run.
        note: What people wrote about it.
        parent_id: The run that it is part of.
        nested: Runs that are part of it, newest first; the first hundred.
        forked_from: The run that it began with a copy of.
        forked_step: Up to which step it was copied.
        deleted_at: Since when it is in the bin.
        source: Where its code is from: entry point, arguments, commit; empty when that wasn't captured.
        datasets: What it used.
        arguments: The pipeline's parameters as bound.
        error: What it failed with.
        params: As logged.
        metrics: The newest value of each; a word for what JSON has no number for.
        tags: As set.
        steps: Every attempt, in the order in which they began.
        outputs: What its steps gave.
        artifacts: What was logged as artifact.
        versions: Model versions that it registered, as `name/3`.
    """

    run: Run
    note: str
    parent_id: str | None
    nested: list[Run]
    forked_from: str | None
    forked_step: int | None
    deleted_at: datetime | None
    source: dict[str, Any]
    datasets: list[UsedDataset]
    arguments: dict[str, Any]
    error: dict[str, Any] | None
    params: dict[str, Any]
    metrics: dict[str, Value]
    tags: dict[str, str]
    steps: list[StepRun]
    outputs: list[Output]
    artifacts: list[Output]
    versions: list[str]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a metric.

    Attributes:
        step: Place on the metric's axis.
        value: The value; a word for what JSON has no number for.
        at: When it was logged.
    """

    step: int
    value: Value
    at: datetime


class ListRuns(Input, frozen=True, kw_only=True):
    """Which runs to list.

    Attributes:
        experiment: Only of this experiment.
        pipeline: Only of this pipeline.
        status: Only of this status.
        cursor: `next` of the page before.
        limit: How many at most.
    """

    experiment: str | None = None
    pipeline: str | None = None
    status: str | None = None
    cursor: str | None = None
    limit: Limit = DEFAULT_LIMIT


class ShowRun(Input, frozen=True, kw_only=True):
    """Which run.

    Attributes:
        run: Its id, a part of it, or `@latest`.
    """

    run: str


class ListPoints(Input, frozen=True, kw_only=True):
    """Which metric.

    Attributes:
        run: Id of the run, a part of it, or `@latest`.
        metric: Name of the metric.
    """

    run: str
    metric: str


def list_runs(project: Project, given: ListRuns) -> Page[Run]:
    """Return one page of runs, newest first."""
    from mlwright.ledger import runs

    with project.ledger.read() as connection:
        where = runs.RunFilter(experiment=given.experiment, pipeline=given.pipeline, status=given.status)
        rows = runs.list_runs(connection, where, before=given.cursor, limit=given.limit + 1)
    items = [_run(row) for row in rows[: given.limit]]
    return Page(items=items, next=items[-1].id if len(rows) > given.limit else None)


def show_run(project: Project, given: ShowRun) -> RunDetail:
    """Return one run with everything that belongs to it."""
    from mlwright.ledger import curves, datasets, registry, runs, steps, tracked

    with project.ledger.read() as connection:
        row = runs.find_run(connection, given.run)
        versions = registry.list_versions(connection, run_id=row.id)
        nested = runs.list_runs(connection, runs.RunFilter(parent_id=row.id), limit=MOST_NESTED)
        return RunDetail(
            run=_run(row),
            note=row.note,
            parent_id=row.parent_id,
            nested=[_run(part) for part in nested],
            forked_from=row.forked_from,
            forked_step=row.forked_step,
            deleted_at=row.deleted_at,
            source=row.source or {},
            datasets=[_dataset(used) for used in datasets.datasets_of_many(connection, [row.id])[row.id]],
            arguments=row.arguments,
            error=row.error,
            params=tracked.params_of(connection, row.id),
            metrics={key: sendable(value) for key, value in curves.last_metrics(connection, row.id).items()},
            tags=tracked.tags_of(connection, row.id),
            steps=[
                msgspec.convert(step, StepRun, from_attributes=True) for step in steps.step_runs_of(connection, row.id)
            ],
            outputs=[
                _output(step, output) for step, made in steps.outputs_of(connection, row.id).items() for output in made
            ],
            artifacts=[_output(artifact.step, artifact) for artifact in tracked.artifacts_of(connection, row.id)],
            versions=[f"{version.model}/{version.version}" for version in versions],
        )


def list_points(project: Project, given: ListPoints) -> Page[Point]:
    """Return every value of one metric of a run, along its axis."""
    from mlwright.ledger import curves, runs

    with project.ledger.read() as connection:
        run_id = runs.find_run(connection, given.run).id
        found = curves.history(connection, run_id, given.metric)
        if not found:
            raise not_found("metric", given.metric, list(curves.last_metrics(connection, run_id)))
    return Page(items=[Point(step=point.step, value=sendable(point.value), at=point.at) for point in found])


def _run(row: Any) -> Run:
    return msgspec.convert(row, Run, from_attributes=True)


def _output(step: str, made: Any) -> Output:
    return Output(step=step, name=made.name, digest=made.digest, codec=made.codec, size_bytes=made.size_bytes)


def _dataset(used: Any) -> UsedDataset:
    kept = used.dataset
    return UsedDataset(name=kept.name, digest=kept.digest, context=used.context, source=kept.source)


ENDPOINTS = (
    Endpoint(
        name="runs.list",
        method="GET",
        path="/runs",
        summary="List runs, newest first.",
        input=ListRuns,
        output=Page[Run],
        function=list_runs,
    ),
    Endpoint(
        name="runs.show",
        method="GET",
        path="/runs/{run}",
        summary="Show a run with its steps, what it logged and what it made.",
        input=ShowRun,
        output=RunDetail,
        function=show_run,
    ),
    Endpoint(
        name="runs.metric",
        method="GET",
        path="/runs/{run}/metrics/{metric}",
        summary="List every value of one metric of a run, along its axis.",
        input=ListPoints,
        output=Page[Point],
        function=list_points,
    ),
)
