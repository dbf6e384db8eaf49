"""Picking and ordering rows in memory by MLflow's filters, for nouns of which there are few."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mlwright.core.filters import (
    And,
    Comparison,
    Constant,
    Expression,
    Field,
    Moment,
    Not,
    Or,
    Order,
    comparisons,
    parse,
    parse_orders,
)
from mlwright.core.filters.literals import matches_like
from mlwright.ledger.schema.types import to_microseconds

if TYPE_CHECKING:
    from mlwright.core.filters import FieldTable

_T = TypeVar("_T")
#: The values that a row has of a field; a condition holds when it holds for one of them.
Values = Callable[[_T, Field], Sequence[Any]]
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda found, wanted: bool(found == wanted),
    "!=": lambda found, wanted: bool(found != wanted),
    ">": lambda found, wanted: bool(found > wanted),
    ">=": lambda found, wanted: bool(found >= wanted),
    "<": lambda found, wanted: bool(found < wanted),
    "<=": lambda found, wanted: bool(found <= wanted),
}


def picked(rows: list[_T], text: str, fields: FieldTable, values: Values[_T]) -> list[_T]:
    """Return the rows that fit a filter.

    Raises:
        InvalidInput: The filter can't be read.
    """
    expression = parse(text, fields, dialect="mlflow")
    return rows if expression is None else [row for row in rows if fits(expression, partial(values, row))]


def ordered(rows: list[_T], orders: list[Order], values: Values[_T]) -> list[_T]:
    """Return rows in an order, the most important term first; what has no value comes last."""
    for order in reversed(orders):
        known = [(found[0], row) for row in rows if (found := _sortable(values(row, order.field)))]
        known.sort(key=lambda pair: pair[0], reverse=order.descending)
        rows = [row for _, row in known] + [row for row in rows if not _sortable(values(row, order.field))]
    return rows


def orders_of(texts: Sequence[str], fields: FieldTable) -> list[Order]:
    """Return the terms of a sort order.

    Raises:
        InvalidInput: One can't be read, or a field comes twice.
    """
    return parse_orders(texts, fields, mlflow=True)


def only(text: str, fields: FieldTable, field: str) -> str | None:
    """Return the one value that a filter wants a field to have, None when it leaves it open."""
    expression = parse(text, fields, dialect="mlflow")
    if expression is None or isinstance(expression, Or | Not):
        return None
    for found in comparisons(expression):
        if found.field == Field("attribute", field) and found.operator == "=":
            return str(found.values[0])
    return None


def fits(expression: Expression, values_of: Callable[[Field], Sequence[Any]]) -> bool:
    """Tell whether an expression holds, given a function that returns the values of a field."""
    if isinstance(expression, Constant):
        return expression.value
    if isinstance(expression, Comparison):
        return _holds(expression, values_of(expression.field))
    if isinstance(expression, Not):
        return not fits(expression.part, values_of)
    if isinstance(expression, And):
        return all(fits(part, values_of) for part in expression.parts)
    return any(fits(part, values_of) for part in expression.parts)


def _holds(found: Comparison, values: Sequence[Any]) -> bool:
    if found.operator == "IS NULL":
        return not values
    if found.operator == "IS NOT NULL":
        return bool(values)
    return any(_compares(found, value) for value in values)


def _compares(found: Comparison, value: Any) -> bool:
    operator, wanted = found.operator, found.values
    if operator in ("LIKE", "ILIKE"):
        return matches_like(str(value), str(wanted[0]), ignore_case=operator == "ILIKE")
    if operator in ("IN", "NOT IN"):
        return (value in wanted) == (operator == "IN")
    first = wanted[0]
    if isinstance(first, Moment) and isinstance(value, datetime):
        return _COMPARE[operator](to_microseconds(value) // first.unit_us, first.us // first.unit_us)
    return _COMPARE[operator](value, first)


def _sortable(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if not (isinstance(value, float) and math.isnan(value))]
