"""Routes of curves: the points of one metric, of one run in pages or of several runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import curves
from mlwright.ledger.curves import Cursor, Point
from mlwright.server.mlflow import checks, tokens
from mlwright.server.mlflow.errors import invalid
from mlwright.server.mlflow.route import AnyRoute, Route
from mlwright.server.mlflow.shapes import MetricOut
from mlwright.server.mlflow.values import Answer, Int32, Required, ms_out, number_out

if TYPE_CHECKING:
    from mlwright.project import Project

MOST_RUNS = 100
MOST_POINTS = 25_000
MOST_POINTS_OF_A_RUN = 2500


class GetHistory(msgspec.Struct, frozen=True):
    """A metric of a run, or one page of it."""

    run_id: Required
    metric_key: Required
    max_results: Int32 | None = None
    page_token: str | None = None


class GetBulk(msgspec.Struct, frozen=True):
    """A metric of several runs."""

    metric_key: Required
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
        raise InvalidInput("Missing value for required parameter 'run_id'.", fix="name at least one run")
    _check_runs(run_ids)
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
        raise InvalidInput("Missing value for required parameter 'run_ids'.")
    _check_runs(given.run_ids)
    limit = MOST_POINTS_OF_A_RUN if given.max_results is None else given.max_results
    if not 1 <= limit <= MOST_POINTS_OF_A_RUN:
        raise invalid("max_results", limit, f"it must be between 1 and {MOST_POINTS_OF_A_RUN}.")
    if (given.start_step is None) != (given.end_step is None):
        raise InvalidInput("start_step and end_step belong together.", fix="give both of them, or none")
    if given.start_step is not None and given.end_step is not None and given.start_step > given.end_step:
        raise invalid("end_step", given.end_step, "it must not be less than start_step.")
    found: list[MetricOut] = []
    with project.ledger.read() as connection:
        for run_id in given.run_ids:
            points = curves.thinned(
                connection,
                run_id,
                given.metric_key,
                points=limit,
                first_step=given.start_step,
                last_step=given.end_step,
            )
            found += _out(_spread(points, limit), run_id)
    return History(metrics=found)


def _spread(points: list[Point], limit: int) -> list[Point]:
    """Return at most so many points, evenly spread, the first and the last among them; of one, the last."""
    if len(points) <= limit:
        return points
    if limit == 1:
        return points[-1:]
    return [points[index * (len(points) - 1) // (limit - 1)] for index in range(limit)]


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
        raise invalid("page_token", token, "it is no token of this search.")
    return found


def _check_runs(run_ids: list[str]) -> None:
    if len(run_ids) > MOST_RUNS:
        raise InvalidInput(
            f"A request can name at most {MOST_RUNS} runs; this one has {len(run_ids)}.", fix="ask several times"
        )
    for run_id in run_ids:
        checks.check_run_id(run_id)


ROUTES: tuple[AnyRoute, ...] = (
    Route("GET", "/mlflow/metrics/get-history", GetHistory, get),
    Route("GET", "/mlflow/metrics/get-history-bulk", GetBulk, get_bulk),
    Route("GET", "/mlflow/metrics/get-history-bulk-interval", GetInterval, get_interval),
)
