"""Finding registered models and their versions by MLflow's filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.core.filters import MODELS, VERSIONS, Expression, Field, comparisons, parse, parse_orders
from mlwright.ledger import registry_edits, search
from mlwright.ledger.search import Query
from mlwright.server.mlflow.errors import invalid
from mlwright.server.mlflow.registry_shapes import Models, Versions, model_out, version_out
from mlwright.server.mlflow.route import Route
from mlwright.server.mlflow.values import Int64

if TYPE_CHECKING:
    from mlwright.project import Project

MOST_MODELS = 1000
MOST_VERSIONS = 200_000


class SearchModels(msgspec.Struct, frozen=True):
    """Which models to find."""

    filter: str = ""
    max_results: Int64 = 100
    order_by: list[str] = []
    page_token: str = ""


class SearchVersions(msgspec.Struct, frozen=True):
    """Which versions to find."""

    filter: str = ""
    max_results: Int64 = MOST_VERSIONS
    order_by: list[str] = []
    page_token: str = ""


def search_models(project: Project, given: SearchModels) -> Models:
    """Find models; by name, unless another order is asked for."""
    _check_size(given.max_results, MOST_MODELS)
    query = Query(
        where=parse(given.filter, MODELS, dialect="mlflow"),
        order=parse_orders(given.order_by, MODELS, mlflow=True),
        limit=given.max_results,
        after=given.page_token or None,
    )
    with project.ledger.read() as connection:
        page = search.search(connection, search.MODELS, query)
        found = {
            each.name: each for each in registry_edits.registered_models(connection, [name for (name,) in page.keys])
        }
    shown = [model_out(found[name]) for (name,) in page.keys]
    return Models(registered_models=shown, next_page_token=page.cursor or "")


def search_versions(project: Project, given: SearchVersions) -> Versions:
    """Find versions; those that changed last first, unless another order is asked for."""
    _check_size(given.max_results, MOST_VERSIONS)
    where = parse(given.filter, VERSIONS, dialect="mlflow")
    _check_numbers(where)
    query = Query(
        where=where,
        order=parse_orders(given.order_by or ["last_updated_timestamp DESC"], VERSIONS, mlflow=True),
        limit=given.max_results,
        after=given.page_token or None,
    )
    with project.ledger.read() as connection:
        page = search.search(connection, search.VERSIONS, query)
        found = registry_edits.registered_by_keys(connection, [(name, version) for name, version in page.keys])
    return Versions(model_versions=[version_out(each) for each in found], next_page_token=page.cursor or "")


def _check_size(size: int, most: int) -> None:
    if not 1 <= size <= most:
        raise invalid("max_results", size, f"it must be a positive integer, at most {most}.")


def _check_numbers(where: Expression | None) -> None:
    for found in comparisons(where) if where is not None else ():
        if found.field == Field("attribute", "version") and float(str(found.values[0])) % 1:
            raise invalid("version_number", found.values[0], "a version is a whole number.")


ROUTES = (
    Route("GET", "/mlflow/registered-models/search", SearchModels, search_models),
    Route("GET", "/mlflow/model-versions/search", SearchVersions, search_versions),
)
