"""Finding logged models of experiments by MLflow's filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.filters import LOGGED_MODELS, Field
from mlwright.errors import InvalidInput
from mlwright.ledger import experiments
from mlwright.ledger import logged_models as rows
from mlwright.ledger.logged_models import LoggedModelRow, ModelMetric
from mlwright.server.mlflow import sifting, tokens
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


class _Row(msgspec.Struct, frozen=True):
    """A model with its metrics, newest first."""

    row: LoggedModelRow
    metrics: list[ModelMetric]


def search(project: Project, given: SearchModels) -> ModelPage:
    """Find models of some experiments."""
    if given.experiment_ids is None:
        raise missing("experiment_ids")
    if any(not wanted.dataset_name for wanted in given.datasets):
        raise InvalidInput("`dataset_name` in the `datasets` clause must be specified.")
    size = given.max_results or SearchModels().max_results
    if not 1 <= size <= _MOST_RESULTS:
        raise invalid("max_results", size, f"it must be between 1 and {_MOST_RESULTS}.")
    asked = [given.experiment_ids, given.filter, msgspec.to_builtins(given.order_by)]
    offset = _offset(given.page_token, asked)
    numbers = [experiment_number(text) for text in given.experiment_ids]
    with project.ledger.read() as connection:
        found = rows.in_experiments(
            connection, [number for number in numbers if 0 <= number <= experiments.LAST_NUMBER]
        )
        metrics = rows.metrics_of(connection, [row.id for row in found])
    every = [_Row(row, sorted(metrics.get(row.id, []), key=_newest)) for row in found]
    every = [each for each in every if _measured(each, given.datasets)]
    fitting = sifting.picked(
        every, given.filter, LOGGED_MODELS, lambda each, field: _values(each, field, given.datasets)
    )
    for term in reversed(given.order_by):
        fitting = _in_order(fitting, term)
    page = fitting[offset : offset + size]
    token = tokens.pack({"offset": offset + size, "asked": asked}) if len(fitting) > offset + size else ""
    return ModelPage(models=[model_out(each.row, each.metrics) for each in page], next_page_token=token)


def _newest(metric: ModelMetric) -> tuple[float, int]:
    return -metric.at.timestamp(), -metric.step


def _is_on(metric: ModelMetric, wanted: list[DatasetWanted]) -> bool:
    return not wanted or any(
        metric.dataset_name == each.dataset_name and each.dataset_digest in (None, "", metric.dataset_digest)
        for each in wanted
    )


def _measured(each: _Row, wanted: list[DatasetWanted]) -> bool:
    return not wanted or any(_is_on(metric, wanted) for metric in each.metrics)


def _values(each: _Row, field: Field, wanted: list[DatasetWanted]) -> list[Any]:
    row = each.row
    if field.entity == "metric":
        return [metric.value for metric in each.metrics if metric.key == field.key and _is_on(metric, wanted)]
    if field.entity in ("param", "tag"):
        kept = row.params if field.entity == "param" else row.tags
        found: Any = kept.get(field.key)
    else:
        found = {
            "name": row.name,
            "model_id": row.id,
            "model_type": row.model_type or None,
            "status": row.status,
            "source_run_id": row.run_id,
            "experiment_id": str(row.experiment_number),
            "created": row.created_at,
            "changed": row.changed_at,
        }.get(field.key)
    return [] if found is None else [found]


def _in_order(every: list[_Row], term: OrderWanted) -> list[_Row]:
    name, _, key = term.field_name.partition(".")
    if key and name != "metrics":
        raise InvalidInput(
            f"Invalid order by field name: {term.field_name}.", why="of the rest only metrics are sorted by"
        )
    direction = "ASC" if term.ascending else "DESC"
    quoted = f"metrics.`{key}`" if key else term.field_name
    wanted = [DatasetWanted(term.dataset_name, term.dataset_digest or None)] if term.dataset_name else []
    orders = sifting.orders_of([f"{quoted} {direction}"], LOGGED_MODELS)
    return sifting.ordered(every, orders, lambda each, field: _values(each, field, wanted))


def _offset(token: str, asked: list[Any]) -> int:
    if not token:
        return 0
    found = tokens.unpack(token, dict[str, Any])
    offset = found.get("offset")
    if found.get("asked") != asked or not isinstance(offset, int) or not 0 <= offset < 2**62:
        raise invalid("page_token", token, "it is no token of this search.")
    return offset


ROUTES = (Route("POST", "/mlflow/logged-models/search", SearchModels, search),)
