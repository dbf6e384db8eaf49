"""One language to search with: filters and sort orders over runs, experiments, models, versions and logged models.

It is a superset of MLflow's filter grammar. Comparisons (`= != > >= < <= LIKE ILIKE IN BETWEEN IS NULL`, and NOT before
the last five) of fields are joined by AND, OR, NOT and brackets. A field is a fixed one (`status`, `started`), or
`metrics.KEY`, `params.KEY`, `tags.KEY`, `dataset.name`, `model.name`; a key with spaces or signs stands in double
quotes or backticks. A metric is its last value; `min(metrics.loss)`, `max(...)`, `count(...)` and `step(...)` are the
others, written as functions because a metric's own name may hold dots.

A moment is a date (`2026-03-01`: its first instant, or the whole day after `=`), a date with a time, `now() - 7d`, or
MLflow's milliseconds since 1970.

What has no value fits no comparison, not even `!=`; only `IS NULL` and NOT before a comparison find it.
"""

from __future__ import annotations

from typing import Literal

from mlwright.core.filters.dialect import parse_mlflow
from mlwright.core.filters.expression import (
    And,
    Comparison,
    Constant,
    Expression,
    Field,
    Moment,
    Not,
    Or,
    Order,
    all_of,
    any_of,
    comparisons,
)
from mlwright.core.filters.fields import EXPERIMENTS, LOGGED_MODELS, MODELS, RUNS, VERSIONS, FieldTable
from mlwright.core.filters.grammar import parse_native
from mlwright.core.filters.orders import parse_columns, parse_orders
from mlwright.core.filters.printing import name_of, text_of

Dialect = Literal["mlwright", "mlflow"]

__all__ = [
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODELS",
    "RUNS",
    "VERSIONS",
    "And",
    "Comparison",
    "Constant",
    "Dialect",
    "Expression",
    "Field",
    "FieldTable",
    "Moment",
    "Not",
    "Or",
    "Order",
    "all_of",
    "any_of",
    "comparisons",
    "name_of",
    "parse",
    "parse_columns",
    "parse_orders",
    "text_of",
]


def parse(text: str, fields: FieldTable = RUNS, *, dialect: Dialect = "mlwright") -> Expression | None:
    """Read a filter.

    Args:
        text: The filter; empty for all.
        fields: Of the noun that is searched.
        dialect: `mlflow` accepts what MLflow's server accepts, and nothing else.

    Returns:
        What it says; None when it is empty.

    Raises:
        InvalidInput: It can't be read: names the place, the reason and what to write instead.

    Example:
        >>> text_of(parse("metrics.auc > 0.9 and (params.lr < 0.01 or not status = 'failed')"))
        "metrics.auc > 0.9 AND (params.lr < 0.01 OR NOT status = 'failed')"
    """
    return parse_mlflow(text, fields) if dialect == "mlflow" else parse_native(text, fields)
