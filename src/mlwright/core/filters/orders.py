"""Reading sort orders: `metrics.auc desc`, "params.`a b` ASC", `started`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlwright.core.filters.dialect import mlflow_field
from mlwright.core.filters.expression import Field, Order
from mlwright.core.filters.fields import METRIC_PARTS, Attribute, FieldTable
from mlwright.core.filters.grammar import native_field
from mlwright.core.filters.reading import Reader
from mlwright.errors import InvalidInput, did_you_mean

MAX_ORDERS = 10
_UNSORTABLE = ("dataset", "model")


def parse_orders(texts: Sequence[str], fields: FieldTable, *, mlflow: bool = False) -> list[Order]:
    """Read the terms of a sort order, the most important first.

    Args:
        texts: Such as `metrics.auc desc`; ascending when nothing is said.
        fields: Of the noun.
        mlflow: Read them as MLflow does.

    Raises:
        InvalidInput: One can't be read, or a field comes twice.
    """
    if len(texts) > MAX_ORDERS:
        raise InvalidInput(f"there are {len(texts)} terms to sort by.", why=f"at most {MAX_ORDERS} are taken")
    found: list[Order] = []
    for text in texts:
        order = _mlflow(text, fields) if mlflow else _native(text, fields)
        if any(order.field == other.field for other in found):
            raise InvalidInput(
                f"the sort order names the field '{order.field.key}' twice (order_by).", fix="leave one out"
            )
        found.append(order)
    return found


def parse_columns(texts: Sequence[str], fields: FieldTable) -> list[Field]:
    """Read names of fields, such as `params.lr` and `min(metrics.loss)`; one that is named twice counts once.

    Raises:
        InvalidInput: One can't be read.
    """
    return list(dict.fromkeys(_native(text, fields).field for text in texts))


def order_text(order: Order) -> str:
    """Return a term as text, unambiguous, for fingerprints and messages."""
    return f"{order.field!r} {'desc' if order.descending else 'asc'} {order.as_text}"


def _native(text: str, fields: FieldTable) -> Order:
    reader = Reader(text)
    part = ""
    if reader.token.kind == "word" and reader.following.says("("):
        token = reader.take()
        part = token.value.lower()
        if part not in METRIC_PARTS:
            raise reader.fail(
                token, f"there is no function '{part}' of a metric", did_you_mean(part, list(METRIC_PARTS))
            )
        reader.take()
    token = reader.token
    field, _ = native_field(reader.name(), reader, fields)
    if part:
        reader.expect(")", "a closing bracket was expected here")
        if field.entity != "metric" or fields.noun != "runs":
            raise reader.fail(token, f"{part}() is of metrics of runs")
        field = msgspec.structs.replace(field, part=part)
    if field.entity in _UNSORTABLE or field.key == "alias":
        raise reader.fail(token, f"{fields.noun} can't be sorted by this: one can have several")
    descending = reader.accept("DESC")
    if not descending:
        reader.accept("ASC")
    if not reader.at_end:
        raise reader.fail(reader.token, "ASC, DESC or the end was expected here")
    return Order(field, descending)


def _mlflow(text: str, fields: FieldTable) -> Order:
    reader = Reader(text)
    if reader.at_end or reader.token.kind not in ("word", "name"):
        raise _refused(text, "a field was expected, then ASC or DESC")
    field, kind = mlflow_field(reader.name(), fields, ordering=True)
    descending = reader.accept("DESC")
    if not descending:
        reader.accept("ASC")
    if reader.token.kind != "end":
        raise _refused(text, "after the field comes ASC, DESC or nothing")
    if field.entity in _UNSORTABLE or (
        not isinstance(kind, Attribute) and fields.noun not in ("runs", "logged models")
    ):
        raise _refused(text, f"{fields.noun} are not sorted by this")
    return Order(field, descending, as_text=True)


def _refused(text: str, why: str) -> InvalidInput:
    return InvalidInput(f"Invalid order_by clause '{text[:60]}'.", why=why)
