"""Sorting by several keys and going on after the last row of a page, whatever the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger.search.conditions import Sql


class Key(msgspec.Struct, frozen=True):
    """One thing to sort by; never NULL.

    Attributes:
        expression: What to sort by.
        descending: Largest first.
        type: What Python has it as.
    """

    expression: Sql
    descending: bool = False
    type: type = str


def ordered(query: sa.Select[Any], keys: Sequence[Key]) -> sa.Select[Any]:
    """Return a query sorted by keys."""
    return query.order_by(*(key.expression.desc() if key.descending else key.expression for key in keys))


def after(keys: Sequence[Key], values: Sequence[Any]) -> Sql:
    """Return the condition of rows that follow a row in the order of the keys.

    Args:
        keys: In order.
        values: Of that row.
    """
    found: Sql = sa.false()
    for key, value in reversed(list(zip(keys, values, strict=True))):
        bound = sa.literal(value, sa.Double()) if key.type is float else sa.literal(value)
        beyond = key.expression < bound if key.descending else key.expression > bound
        found = sa.or_(beyond, sa.and_(key.expression == bound, found))
    return found
