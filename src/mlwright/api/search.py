"""Searching runs: one expression language, any order, everything that the runs of a page logged."""

from __future__ import annotations

import fnmatch
import math
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Limit, Page
from mlwright.api.finding import not_found

if TYPE_CHECKING:
    from mlwright.core.filters import Field
    from mlwright.ledger import Connection
    from mlwright.ledger.curves import Summary
    from mlwright.ledger.search import Wanted
    from mlwright.project import Project

#: What JSON has no number for is a word.
Value = float | Literal["nan", "inf", "-inf"]


class MetricSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a metric of a run without reading its curve.

    Attributes:
        last: Its last value.
        min: The smallest; nan when all are.
        max: The largest; nan when all are.
        count: How many there are.
        step: Place of the last one on its axis.
    """

    last: Value
    min: Value
    max: Value
    count: int
    step: int


class FoundRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what it logged.

    Attributes:
        id: Its id.
        name: Its name.
        experiment: What it is filed under.
        kind: pipeline or script.
        status: scheduled, running, succeeded, failed or cancelled.
        pipeline: Name of the pipeline; empty for scripts.
        actor: Who started it.
        parent_id: The run that it is part of.
        note: What people wrote about it.
        started_at: When it began.
        ended_at: When it was over.
        deleted_at: Since when it is in the bin.
        duration_s: How long it took, by the machine's clock.
        params: As logged.
        metrics: As summaries.
        tags: As set.
    """

    id: str
    name: str
    experiment: str
    kind: str
    status: str
    pipeline: str
    actor: str
    parent_id: str | None
    note: str
    started_at: datetime
    ended_at: datetime | None
    deleted_at: datetime | None
    duration_s: float | None
    params: dict[str, Any]
    metrics: dict[str, MetricSummary]
    tags: dict[str, str]


class SearchRuns(Input, frozen=True, kw_only=True):
    """Which runs to find, and in which order.

    Attributes:
        where: Such as `metrics.auc > 0.9 AND (params.lr < 0.01 OR NOT status = 'failed')`; empty for all.
        order_by: Such as `metrics.auc desc`; the newest first by default.
        experiments: Names, or patterns such as `vision/*`; all by default.
        view: Those that aren't in the bin, those that are, or both.
        columns: Params, metrics and tags to read, such as `params.lr`; all by default.
        cursor: `next` of the page before.
        limit: How many at most.
    """

    where: str = ""
    order_by: list[str] = []
    experiments: list[str] = []
    view: Literal["active", "deleted", "all"] = "active"
    columns: list[str] = []
    cursor: Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1})] | None = None
    limit: Limit = DEFAULT_LIMIT


def search_runs(project: Project, given: SearchRuns) -> Page[FoundRun]:
    """Return one page of the runs that fit an expression."""
    from mlwright.core.filters import Field as Named
    from mlwright.core.filters import Order, parse, parse_columns, parse_orders
    from mlwright.core.filters.fields import RUNS
    from mlwright.ledger import search

    where = parse(given.where)
    order = parse_orders(given.order_by, RUNS) or [Order(Named("attribute", "run_id"), descending=True)]
    wanted = _wanted(parse_columns(given.columns, RUNS)) if given.columns else None
    with project.ledger.read() as connection:
        search.check_keys(connection, where, order)
        query = search.RunQuery(
            where=where,
            order=order,
            experiments=_experiments(connection, given.experiments),
            view=given.view,
            limit=given.limit,
            after=given.cursor,
            now=project.clock.now(),
        )
        page = search.search_runs(connection, query)
        logged = search.logged_by(connection, [row.id for row in page.runs], wanted)
    return Page(items=[_found(row, logged[row.id]) for row in page.runs], next=page.cursor)


def _wanted(fields: list[Field]) -> Wanted:
    from mlwright.ledger.search import Wanted

    def keys(entity: str) -> list[str]:
        return [field.key for field in fields if field.entity == entity]

    return Wanted(params=keys("param"), metrics=keys("metric"), tags=keys("tag"))


def _experiments(connection: Connection, patterns: list[str]) -> list[str] | None:
    """Return the ids of the experiments that names and patterns mean; None for all."""
    from mlwright.ledger.search import experiment_ids

    if not patterns:
        return None
    ids = experiment_ids(connection)
    found: dict[str, None] = {}
    for pattern in patterns:
        names = [pattern] if pattern in ids else fnmatch.filter(ids, pattern)
        if not names:
            raise not_found("experiment", pattern, list(ids))
        found |= dict.fromkeys(ids[name] for name in names)
    return list(found)


def _found(row: Any, logged: Any) -> FoundRun:
    own = {name: getattr(row, name) for name in FoundRun.__struct_fields__ if name not in ("params", "metrics", "tags")}
    metrics = {key: _summary(summary) for key, summary in logged.metrics.items()}
    return FoundRun(**own, params=logged.params, metrics=metrics, tags=logged.tags)


def _summary(summary: Summary) -> MetricSummary:
    return MetricSummary(
        last=sendable(summary.last),
        min=sendable(math.nan if summary.min is None else summary.min),
        max=sendable(math.nan if summary.max is None else summary.max),
        count=summary.count,
        step=summary.last_step,
    )


def sendable(value: float) -> Value:
    """Return a number, or the word for what JSON has no number for."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def field_value(name: str, run: FoundRun) -> Any:
    """Return what a field of a found run holds, by its name in the language; None when nothing.

    Raises:
        InvalidInput: There is no such field.
    """
    from mlwright.core.filters import parse_columns
    from mlwright.core.filters.fields import RUNS

    return value_at(parse_columns([name], RUNS)[0], run)


def value_at(field: Field, run: FoundRun) -> Any:
    """Return what a field of a found run holds; None when nothing."""
    if field.entity == "metric":
        metric = run.metrics.get(field.key)
        if metric is None:
            return None
        value = getattr(metric, field.part)
        return float(value) if isinstance(value, str) else value
    if field.entity in ("param", "tag"):
        return (run.params if field.entity == "param" else run.tags).get(field.key)
    named = {
        "run_id": "id",
        "started": "started_at",
        "ended": "ended_at",
        "duration": "duration_s",
        "parent": "parent_id",
    }
    if field.key == "user":
        return run.actor.removeprefix("user:")
    return getattr(run, named.get(field.key, field.key), None)


ENDPOINTS = (
    Endpoint(
        name="runs.search",
        method="GET",
        path="/search/runs",
        summary="Find runs by an expression over what they logged, sorted by anything.",
        input=SearchRuns,
        output=Page[FoundRun],
        function=search_runs,
    ),
)
