"""Endpoints about runs: what was run, how it went, what it logged and made."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Limit, Page

if TYPE_CHECKING:
    from mlwright.project import Project


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
        created_at: When it began.
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


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A run with everything that belongs to it.

    Attributes:
        run: The run.
        arguments: The pipeline's parameters as bound.
        error: What it failed with.
        params: As logged.
        metrics: The newest value of each; None for what isn't a number.
        tags: As set.
        steps: Every attempt, in the order in which they began.
        outputs: What its steps gave.
        artifacts: What was logged as artifact.
        versions: Model versions that it registered, as `name/3`.
    """

    run: Run
    arguments: dict[str, Any]
    error: dict[str, Any] | None
    params: dict[str, Any]
    metrics: dict[str, float | None]
    tags: dict[str, str]
    steps: list[StepRun]
    outputs: list[Output]
    artifacts: list[Output]
    versions: list[str]


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


def list_runs(project: Project, given: ListRuns) -> Page[Run]:
    """Return one page of runs, newest first."""
    from mlwright.ledger import runs

    with project.ledger.read() as connection:
        rows = runs.list_runs(
            connection,
            experiment=given.experiment,
            pipeline=given.pipeline,
            status=given.status,
            before=given.cursor,
            limit=given.limit + 1,
        )
    items = [_run(row) for row in rows[: given.limit]]
    return Page(items=items, next=items[-1].id if len(rows) > given.limit else None)


def show_run(project: Project, given: ShowRun) -> RunDetail:
    """Return one run with everything that belongs to it."""
    from mlwright.ledger import registry, runs

    with project.ledger.read() as connection:
        row = runs.find_run(connection, given.run)
        return RunDetail(
            run=_run(row),
            arguments=row.arguments,
            error=row.error,
            params=runs.params_of(connection, row.id),
            metrics={key: _number(value) for key, value in runs.last_metrics(connection, row.id).items()},
            tags=runs.tags_of(connection, row.id),
            steps=[_as(step, StepRun) for step in runs.step_runs_of(connection, row.id)],
            outputs=[_as(output, Output) for output in runs.outputs_of(connection, row.id)],
            artifacts=[_as(artifact, Output) for artifact in runs.artifacts_of(connection, row.id)],
            versions=[f"{version.model}/{version.version}" for version in registry.list_versions(connection, run_id=row.id)],
        )


def _run(row: Any) -> Run:
    return msgspec.convert(row, Run, from_attributes=True)


def _as(row: Any, shape: type[Any]) -> Any:
    return msgspec.convert(row, shape, from_attributes=True)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


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
)
