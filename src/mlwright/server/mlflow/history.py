"""Routes of curves: the points of one metric, of one run in pages or of several runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import curves
from mlwright.ledger.curves import Cursor, Point
from mlwright.server.mlflow import tokens
from mlwright.server.mlflow.errors import invalid, missing
from mlwright.server.mlflow.route import AnyRoute, Route
from mlwright.server.mlflow.shapes import MetricOut
from mlwright.server.mlflow.values import Answer, Int32, Required, ms_out, number_out

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project

MOST_RUNS = 100
MOST_POINTS = 25_000
MOST_POINTS_OF_A_RUN = 2500
#: Of curves with fewer points, the very points that MLflow would pick are answered; of longer ones, their course.
SAMPLED_EXACTLY = 30_000


class GetHistory(msgspec.Struct, frozen=True):
    """A metric of a run, or one page of it."""

    run_id: Required
    metric_key: Required
    max_results: Int32 | None = None
    page_token: str | None = None


class GetBulk(msgspec.Struct, frozen=True):
    """A metric of several runs."""

    metric_key: str | None = None
    run_id: list[str] | None = None
    max_results: Int32 | None = None


class GetInterval(msgspec.Struct, frozen=True):
    """A metric of several runs, thinned for a plot."""

    run_ids: list[str]
    metric_key: Required
    start_step: Int32 | None = None
    end_step: Int32 | None = None
    max_results: Int32 | None = None


class History(Answer, frozen=True, kw_only=True):
    """Points of a metric."""

    metrics: list[MetricOut] = []
    next_page_token: str | None = None


class Bulk(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """Points of a metric of several runs."""

    metrics: list[MetricOut]


def get(project: Project, given: GetHistory) -> History:
    """Return the points of a metric by time, step and value; of a run that doesn't exist none, as MLflow does."""
    limit = given.max_results
    if limit is not None and limit <= 0:
        raise invalid("max_results", limit, "it must be a positive integer.")
    after = _place(given.page_token) if given.page_token else None
    with project.ledger.read() as connection:
        if limit is None:
            points = curves.page(connection, given.run_id, given.metric_key, after=after, limit=2**40)
        else:
            points = curves.page(connection, given.run_id, given.metric_key, after=after, limit=limit + 1)
    if limit is None or len(points) <= limit:
        return History(metrics=_out(points))
    points = points[:limit]
    token = tokens.pack(curves.cursor_after(points, after))
    return History(metrics=_out(points), next_page_token=token)


def get_bulk(project: Project, given: GetBulk) -> Bulk:
    """Return the first points of a metric of several runs, run by run."""
    run_ids = given.run_id or []
    if not run_ids:
        raise InvalidInput("GetMetricHistoryBulk request must specify at least one run_id.")
    if len(run_ids) > MOST_RUNS:
        raise InvalidInput(
            f"GetMetricHistoryBulk request cannot specify more than {MOST_RUNS} run_ids, not {len(run_ids)}.",
            fix="ask several times",
        )
    if not given.metric_key:
        raise InvalidInput("GetMetricHistoryBulk request must specify a metric_key.")
    limit = min(MOST_POINTS if given.max_results is None else max(given.max_results, 0), MOST_POINTS)
    found: list[MetricOut] = []
    with project.ledger.read() as connection:
        for run_id in sorted(set(run_ids)):
            if len(found) < limit:
                points = curves.page(connection, run_id, given.metric_key, limit=limit - len(found))
                found += _out(points, run_id)
    return Bulk(metrics=found)


def get_interval(project: Project, given: GetInterval) -> History:
    """Return some points of a metric of several runs, which show its course."""
    if not given.run_ids:
        raise missing("run_ids")
    if len(given.run_ids) > MOST_RUNS:
        raise InvalidInput(
            f"GetMetricHistoryBulkInterval request must specify at most {MOST_RUNS} run_ids, not {len(given.run_ids)}.",
            fix="ask several times",
        )
    limit = MOST_POINTS_OF_A_RUN if given.max_results is None else given.max_results
    if not 1 <= limit <= MOST_POINTS_OF_A_RUN:
        raise InvalidInput(f"max_results must be between 1 and {MOST_POINTS_OF_A_RUN}.", why=f"it is {limit}")
    if (given.start_step is None) != (given.end_step is None):
        raise InvalidInput("If either start step or end step are specified, both must be specified.")
    if given.start_step is not None and given.end_step is not None and given.start_step > given.end_step:
        raise InvalidInput(
            "end_step must be greater than start_step.",
            why=f"start_step is {given.start_step}, end_step is {given.end_step}",
        )
    found: list[MetricOut] = []
    with project.ledger.read() as connection:
        for run_id in given.run_ids:
            points = _course(connection, run_id, given, SAMPLED_EXACTLY)
            if len(points) >= SAMPLED_EXACTLY:
                points = _course(connection, run_id, given, limit)
            found += _out(sampled(points, limit), run_id)
    return History(metrics=found)


def _course(connection: Connection, run_id: str, given: GetInterval, most: int) -> list[Point]:
    return curves.thinned(
        connection, run_id, given.metric_key, points=most, first_step=given.start_step, last_step=given.end_step
    )


def sampled(points: list[Point], limit: int) -> list[Point]:
    """Return at most so many points, as MLflow picks them: the first of each of so many stretches, and the last of all.

    Example:
        >>> sampled(list(range(10)), 5)
        [0, 2, 4, 6, 9]
    """
    if len(points) <= limit:
        return points
    length, longer = divmod(len(points), limit)
    firsts = [stretch * length + min(stretch, longer) for stretch in range(limit)]
    return [*(points[index] for index in firsts[:-1]), points[-1]]


def _out(points: list[Point], run_id: str | None = None) -> list[MetricOut]:
    """Return points as they are answered; one that a client sent twice, for it saw no answer, is shown once."""
    found: list[MetricOut] = []
    before: tuple[object, ...] | None = None
    for point in points:
        value = number_out(point.value)
        known = (point.at, point.step, value)
        if known != before:
            found.append(MetricOut(point.key, value, ms_out(point.at), point.step, run_id))
        before = known
    return found


def _place(token: str) -> Cursor:
    found: Cursor = tokens.unpack(token, Cursor)
    if found[0].tzinfo is None or not 0 <= found[2] < 2**40 or not -(2**63) <= found[1] < 2**63:
        raise tokens.refused(token)
    return found


ROUTES: tuple[AnyRoute, ...] = (
    Route("GET", "/mlflow/metrics/get-history", GetHistory, get),
    Route("GET", "/mlflow/metrics/get-history-bulk", GetBulk, get_bulk),
    Route("GET", "/mlflow/metrics/get-history-bulk-interval", GetInterval, get_interval),
)
