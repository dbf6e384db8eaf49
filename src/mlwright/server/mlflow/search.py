"""Routes that search runs and experiments in MLflow's own language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.core import filters
from mlwright.ledger import experiments
from mlwright.ledger import search as ledger_search
from mlwright.ledger.search import RunQuery
from mlwright.server.mlflow import checks, mirrors
from mlwright.server.mlflow.route import AnyRoute, Route
from mlwright.server.mlflow.shapes import ExperimentOut, RunOut, experiment_out, logged_by, run_out, view_in
from mlwright.server.mlflow.values import Answer, Int64

if TYPE_CHECKING:
    from mlwright.project import Project

RUNS_OF_A_PAGE = 1000


class SearchRuns(msgspec.Struct, frozen=True):
    """Which runs are wanted."""

    experiment_ids: list[str] | None = None
    filter: str | None = None
    run_view_type: str | int | None = None
    max_results: Int64 | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


class SearchExperiments(msgspec.Struct, frozen=True):
    """Which experiments are wanted."""

    max_results: Int64 | None = None
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] | None = None
    view_type: str | int | None = None


class FoundRuns(Answer, frozen=True, kw_only=True):
    """A page of runs."""

    runs: list[RunOut] = []
    next_page_token: str | None = None


class FoundExperiments(Answer, frozen=True, kw_only=True):
    """A page of experiments."""

    experiments: list[ExperimentOut] = []
    next_page_token: str | None = None


def search_experiments(project: Project, given: SearchExperiments) -> FoundExperiments:
    """Return a page of experiments, the newest first unless another order is asked for."""
    limit = RUNS_OF_A_PAGE if given.max_results is None else given.max_results
    checks.check_results(limit)
    query = ledger_search.Query(
        where=filters.parse(given.filter or "", filters.EXPERIMENTS, dialect="mlflow"),
        order=filters.parse_orders(given.order_by or ["creation_time DESC"], filters.EXPERIMENTS, mlflow=True),
        view=view_in(given.view_type),
        limit=limit,
        after=given.page_token or None,
    )
    with project.ledger.read() as connection:
        page = ledger_search.search(connection, ledger_search.EXPERIMENTS, query)
        found = experiments.by_ids(connection, [id_ for (id_,) in page.keys])
    return FoundExperiments(experiments=[experiment_out(row) for row in found], next_page_token=page.cursor)


def search_runs(project: Project, given: SearchRuns) -> FoundRuns:
    """Return a page of runs."""
    limit = RUNS_OF_A_PAGE if given.max_results is None else given.max_results
    checks.check_results(limit)
    where = filters.parse(given.filter or "", dialect="mlflow")
    order = filters.parse_orders(given.order_by or [], filters.RUNS, mlflow=True)
    view = view_in(given.run_view_type)
    numbers = [checks.experiment_number(text) for text in given.experiment_ids or []]
    with project.ledger.read() as connection:
        query = RunQuery(
            where=mirrors.by_columns(where) if where is not None else None,
            experiments=experiments.ids_of(connection, numbers),
            view=view,
            order=order,
            limit=limit,
            after=given.page_token or None,
        )
        page = ledger_search.search_runs(connection, query)
        logged = logged_by(connection, [row.id for row in page.runs])
    return FoundRuns(runs=[run_out(row, logged) for row in page.runs], next_page_token=page.cursor)


ROUTES: tuple[AnyRoute, ...] = (
    Route("POST", "/mlflow/runs/search", SearchRuns, search_runs),
    Route("POST", "/mlflow/experiments/search", SearchExperiments, search_experiments),
    Route("GET", "/mlflow/experiments/search", SearchExperiments, search_experiments),
)
