"""Finding registered models and their versions by MLflow's filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.filters import MODELS, VERSIONS, Field, comparisons, parse
from mlwright.ledger import registry_edits
from mlwright.ledger.registry_edits import Registered, RegisteredModel
from mlwright.server.mlflow import sifting, tokens
from mlwright.server.mlflow.errors import invalid
from mlwright.server.mlflow.registry import IS_PROMPT
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
    offset = tokens.offset_of(given.page_token)
    orders = sifting.orders_of(given.order_by, MODELS)
    name = sifting.only(given.filter, MODELS, "name")
    with project.ledger.read() as connection:
        found = registry_edits.registered_models(connection, None if name is None else [name])
    fitting = sifting.ordered(sifting.picked(found, given.filter, MODELS, _of_model), orders, _of_model)
    page = fitting[offset : offset + given.max_results]
    token = _next(offset, given.max_results, len(fitting))
    return Models(registered_models=[model_out(each) for each in page], next_page_token=token)


def search_versions(project: Project, given: SearchVersions) -> Versions:
    """Find versions; those that changed last first, unless another order is asked for."""
    _check_size(given.max_results, MOST_VERSIONS)
    offset = tokens.offset_of(given.page_token)
    orders = sifting.orders_of(given.order_by or ["last_updated_timestamp DESC"], VERSIONS)
    _check_numbers(given.filter)
    name = sifting.only(given.filter, VERSIONS, "name")
    with project.ledger.read() as connection:
        found = registry_edits.registered(connection, name)
    found.sort(key=lambda each: (each.row.model, -each.row.version))
    fitting = sifting.ordered(sifting.picked(found, given.filter, VERSIONS, _of_version), orders, _of_version)
    page = fitting[offset : offset + given.max_results]
    token = _next(offset, given.max_results, len(fitting))
    return Versions(model_versions=[version_out(each) for each in page], next_page_token=token)


def _of_model(found: RegisteredModel, field: Field) -> list[Any]:
    if field.entity == "tag":
        return _tag(found.tags, field.key)
    known = {"name": found.name, "created": found.created_at, "changed": found.changed_at}
    return [known[field.key]] if field.key in known else []


def _of_version(found: Registered, field: Field) -> list[Any]:
    if field.entity == "tag":
        return _tag(found.tags, field.key)
    row = found.row
    known: dict[str, Any] = {
        "name": row.model,
        "version": float(row.version),
        "run_id": found.run_id,
        "source": version_out(found).source,
        "created": row.created_at,
        "changed": found.changed_at,
    }
    return [known[field.key]] if field.key in known else []


def _tag(tags: dict[str, str], key: str) -> list[str]:
    # Clients ask for what is no prompt, and nothing here is one.
    if key == IS_PROMPT:
        return [tags.get(key, "false")]
    return [tags[key]] if key in tags else []


def _check_size(size: int, most: int) -> None:
    if not 1 <= size <= most:
        raise invalid("max_results", size, f"it must be a positive integer, at most {most}.")


def _check_numbers(filter_: str) -> None:
    expression = parse(filter_, VERSIONS, dialect="mlflow")
    for found in comparisons(expression) if expression is not None else ():
        if found.field == Field("attribute", "version") and float(str(found.values[0])) % 1:
            raise invalid("version_number", found.values[0], "a version is a whole number.")


def _next(offset: int, size: int, count: int) -> str:
    return tokens.pack({"offset": offset + size}) if count > offset + size else ""


ROUTES = (
    Route("GET", "/mlflow/registered-models/search", SearchModels, search_models),
    Route("GET", "/mlflow/model-versions/search", SearchVersions, search_versions),
)
