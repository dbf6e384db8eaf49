"""Finding logged models of experiments by MLflow's filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.core.filters import LOGGED_MODELS, Order, parse, parse_orders
from mlwright.errors import InvalidInput
from mlwright.ledger import experiments
from mlwright.ledger import logged_models as rows
from mlwright.ledger import search as ledger_search
from mlwright.ledger.logged_models import ModelMetric
from mlwright.server.mlflow.checks import experiment_number
from mlwright.server.mlflow.errors import invalid, missing
from mlwright.server.mlflow.logged_models import ModelOut, model_out
from mlwright.server.mlflow.route import Route
from mlwright.server.mlflow.values import Answer, Int32

if TYPE_CHECKING:
    from mlwright.project import Project

_MOST_RESULTS = 50_000


class DatasetWanted(msgspec.Struct, frozen=True):
    """A dataset that a model has to have been measured on."""

    dataset_name: str = ""
    dataset_digest: str | None = None


class OrderWanted(msgspec.Struct, frozen=True):
    """A term of a sort order; a metric's values may be those on one dataset."""

    field_name: str = ""
    ascending: bool = True
    dataset_name: str = ""
    dataset_digest: str = ""


class SearchModels(msgspec.Struct, frozen=True):
    """Which models to find."""

    experiment_ids: list[str] | None = None
    filter: str = ""
    datasets: list[DatasetWanted] = []
    max_results: Int32 = 50
    order_by: list[OrderWanted] = []
    page_token: str = ""


class ModelPage(Answer, frozen=True, kw_only=True):
    """Some models, and where the next ones are."""

    models: list[ModelOut] = []
    next_page_token: str = ""


def search(project: Project, given: SearchModels) -> ModelPage:
    """Find models of some experiments, the newest first unless another order is asked for."""
    if given.experiment_ids is None:
        raise missing("experiment_ids")
    if any(not wanted.dataset_name for wanted in given.datasets):
        raise InvalidInput("`dataset_name` in the `datasets` clause must be specified.")
    size = given.max_results or SearchModels().max_results
    if not 1 <= size <= _MOST_RESULTS:
        raise invalid("max_results", size, f"it must be between 1 and {_MOST_RESULTS}.")
    numbers = [experiment_number(text) for text in given.experiment_ids]
    where = parse(given.filter, LOGGED_MODELS, dialect="mlflow")
    order = [_order(term) for term in given.order_by]
    with project.ledger.read() as connection:
        query = ledger_search.Query(
            where=where,
            order=order,
            order_datasets=[_dataset(term) for term in given.order_by],
            experiments=experiments.ids_of(connection, numbers),
            datasets=[(wanted.dataset_name, wanted.dataset_digest or "") for wanted in given.datasets],
            limit=size,
            after=given.page_token or None,
        )
        page = ledger_search.search(connection, ledger_search.LOGGED_MODELS, query)
        ids = [id_ for (id_,) in page.keys]
        found = {row.id: row for row in rows.find_many(connection, ids)}
        metrics = rows.metrics_of(connection, ids)
    models = [model_out(found[id_], sorted(metrics.get(id_, []), key=_newest)) for id_ in ids]
    return ModelPage(models=models, next_page_token=page.cursor or "")


def _newest(metric: ModelMetric) -> tuple[float, int]:
    return -metric.at.timestamp(), -metric.step


def _order(term: OrderWanted) -> Order:
    name, _, key = term.field_name.partition(".")
    if key and name != "metrics":
        raise InvalidInput(
            f"Invalid order by field name: {term.field_name}.", why="of the rest only metrics are sorted by"
        )
    direction = "ASC" if term.ascending else "DESC"
    quoted = f"metrics.`{key}`" if key else term.field_name
    return parse_orders([f"{quoted} {direction}"], LOGGED_MODELS, mlflow=True)[0]


def _dataset(term: OrderWanted) -> list[tuple[str, str]]:
    return [(term.dataset_name, term.dataset_digest)] if term.dataset_name else []


ROUTES = (Route("POST", "/mlflow/logged-models/search", SearchModels, search),)
