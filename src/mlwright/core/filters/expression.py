"""What a filter says, as values: comparisons of fields, joined by AND, OR and NOT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

#: How a comparison may compare.
OPERATORS = (
    *("=", "!=", ">", ">=", "<", "<=", "LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE", "IN", "NOT IN"),
    *("BETWEEN", "NOT BETWEEN", "IS NULL", "IS NOT NULL", "IS NAN", "IS NOT NAN"),
)


class Field(msgspec.Struct, frozen=True, tag=True):
    """What a comparison looks at.

    Attributes:
        entity: `attribute`, `metric`, `param`, `tag`, `dataset`, `model`, `alias`: see the noun's table of fields.
        key: Its name within that.
        part: Of a metric: `last`, `min`, `max`, `count` or `step`; empty for everything else.
    """

    entity: str
    key: str
    part: str = ""


class Moment(msgspec.Struct, frozen=True, tag=True):
    """A point in time.

    Attributes:
        us: Microseconds since 1970 in UTC; counted from the moment of the search when `relative`.
        unit_us: How exactly it was given: a day for `2026-03-01`, a millisecond for MLflow's numbers, else 1.
        relative: Whether `us` is counted from now.
    """

    us: int
    unit_us: int = 1
    relative: bool = False


Scalar = str | float | bool | Moment


class Comparison(msgspec.Struct, frozen=True, tag=True):
    """One condition.

    Attributes:
        field: What is looked at.
        operator: One of `OPERATORS`.
        values: One value; two of BETWEEN, some of IN, none of IS NULL.
    """

    field: Field
    operator: str
    values: tuple[Scalar, ...] = ()


class And(msgspec.Struct, frozen=True, tag=True):
    """True when all its parts are; made by `all_of`."""

    parts: tuple[Expression, ...]


class Or(msgspec.Struct, frozen=True, tag=True):
    """True when one of its parts is; made by `any_of`."""

    parts: tuple[Expression, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """True when its part isn't."""

    part: Expression


class Constant(msgspec.Struct, frozen=True, tag=True):
    """The words `true` and `false` as conditions."""

    value: bool


Expression = Comparison | And | Or | Not | Constant


class Order(msgspec.Struct, frozen=True):
    """One term of a sort order.

    Attributes:
        field: What to sort by.
        descending: Largest first; what has no value comes last either way.
        as_text: Compare params by their text, as MLflow does, instead of numbers by their size and then texts.
    """

    field: Field
    descending: bool = False
    as_text: bool = False


def all_of(parts: Iterable[Expression]) -> Expression:
    """Join conditions by AND: one stays itself, nested ones become one."""
    flat = tuple(inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,)))
    return flat[0] if len(flat) == 1 else And(flat) if flat else Constant(True)


def any_of(parts: Iterable[Expression]) -> Expression:
    """Join conditions by OR: one stays itself, nested ones become one."""
    flat = tuple(inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,)))
    return flat[0] if len(flat) == 1 else Or(flat) if flat else Constant(False)


def comparisons(expression: Expression) -> Iterator[Comparison]:
    """Yield every comparison of an expression, from left to right."""
    waiting = [expression]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Comparison):
            yield found
        elif isinstance(found, And | Or):
            waiting += reversed(found.parts)
        elif isinstance(found, Not):
            waiting.append(found.part)
