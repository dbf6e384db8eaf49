"""Routes that search runs and experiments in MLflow's own language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import Connection, experiments, runs
from mlwright.server.mlflow import checks, tokens
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


class FoundRuns(Answer):
    """A page of runs."""

    runs: list[RunOut] = []
    next_page_token: str | None = None


class FoundExperiments(Answer):
    """A page of experiments."""

    experiments: list[ExperimentOut] = []
    next_page_token: str | None = None


def search_experiments(project: Project, given: SearchExperiments) -> FoundExperiments:
    """Return a page of experiments."""
    limit = RUNS_OF_A_PAGE if given.max_results is None else given.max_results
    checks.check_results(limit)
    view = view_in(given.view_type)
    offset = tokens.offset_of(given.page_token)
    with project.ledger.read() as connection:
        found = experiments.list_experiments(connection, view=view, limit=limit + 1, offset=offset)
    token = tokens.pack({"offset": offset + limit}) if len(found) > limit else None
    return FoundExperiments(experiments=[experiment_out(row) for row in found[:limit]], next_page_token=token)


def search_runs(project: Project, given: SearchRuns) -> FoundRuns:
    """Return a page of runs."""
    limit = RUNS_OF_A_PAGE if given.max_results is None else given.max_results
    checks.check_results(limit, 0)
    view = view_in(given.run_view_type)
    numbers = [checks.experiment_number(text) for text in given.experiment_ids or []]
    with project.ledger.read() as connection:
        found = runs.list_runs(connection, limit=limit)
        logged = logged_by(connection, [row.id for row in found])
    return FoundRuns(runs=[run_out(row, logged) for row in found])


ROUTES: tuple[AnyRoute, ...] = (
    Route("POST", "/mlflow/runs/search", SearchRuns, search_runs),
    Route("POST", "/mlflow/experiments/search", SearchExperiments, search_experiments),
    Route("GET", "/mlflow/experiments/search", SearchExperiments, search_experiments),
)
