"""Comparisons of a filter as SQL: of numbers, texts and moments, alike on SQLite and PostgreSQL.

Every value is bound as a parameter; no text of a filter ever becomes part of a statement. Each condition is true or
false, never NULL, so that NOT means what it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.sql.operators import custom_op

from mlwright.core.filters import And, Comparison, Constant, Expression, Moment, Not
from mlwright.core.filters.literals import DAY_US, bounded
from mlwright.errors import InvalidInput
from mlwright.ledger.schema.types import to_microseconds
from mlwright.ledger.tracked import COMPARED

Sql = sa.ColumnElement[Any]
#: Longest pattern of LIKE: databases refuse longer ones.
MAX_PATTERN = 10_000
_LARGEST = 2**62
_PLUS: custom_op[Any] = custom_op("+")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    "=": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
}


class Context(msgspec.Struct, frozen=True):
    """What compiling needs to know.

    Attributes:
        sqlite: Whether the database is SQLite.
        now: The moment of the search.
    """

    sqlite: bool
    now: datetime


class Text(msgspec.Struct, frozen=True):
    """A text as the database has it.

    Attributes:
        short: What indexes have: maybe only its beginning.
        full: All of it.
    """

    short: Sql
    full: Sql


def compiled(expression: Expression, compare: Callable[[Comparison], Sql]) -> Sql:
    """Return an expression as SQL, its comparisons made by a function."""
    if isinstance(expression, Constant):
        return sa.true() if expression.value else sa.false()
    if isinstance(expression, Comparison):
        return compare(expression)
    if isinstance(expression, Not):
        return sa.not_(compiled(expression.part, compare))
    join = sa.and_ if isinstance(expression, And) else sa.or_
    return join(*(compiled(part, compare).self_group() for part in expression.parts))


def context_of(connection: sa.Connection, now: datetime) -> Context:
    """Return what compiling needs to know of a connection."""
    return Context(connection.dialect.name == "sqlite", now)


def on_number(column: Sql, found: Comparison, *, nan: bool = False) -> Sql:
    """Compare a number.

    Args:
        column: May be NULL.
        found: The comparison.
        nan: NULL is NaN, which differs from every number and is nothing else; otherwise NULL is nothing at all.
    """
    operator, values = found.operator, found.values
    if operator in ("IS NAN", "IS NOT NAN"):
        return column.is_(None) if operator == "IS NAN" else column.is_not(None)
    if operator in ("IN", "NOT IN"):
        inner = column.in_(values)
    elif operator.endswith("BETWEEN"):
        inner = column.between(values[0], values[1])
    else:
        inner = _COMPARE["=" if operator == "!=" else operator](column, values[0])
    there = column.is_not(None) & inner
    if operator == "!=" or operator.startswith("NOT "):
        different = sa.not_(there)
        return different if nan else column.is_not(None) & different
    return there


def on_text(text: Text, found: Comparison, context: Context) -> Sql:
    """Compare a text, which may be NULL: then nothing fits."""
    operator = found.operator
    values = [str(value) for value in found.values]
    negated = operator == "!=" or operator.startswith("NOT ")
    plain = "=" if operator == "!=" else operator.removeprefix("NOT ")
    long = plain in ("LIKE", "ILIKE") or any(len(value) >= COMPARED for value in values)
    column = text.full if long else text.short
    inner: Sql
    if long and plain.endswith("LIKE") and len(values[0]) > MAX_PATTERN:
        raise InvalidInput(
            f"the pattern of {plain} is too long.",
            why=f"it has {len(values[0])} characters; at most {MAX_PATTERN} are taken",
        )
    if plain == "LIKE":
        inner = column.bool_op("GLOB")(_glob(values[0])) if context.sqlite else column.like(_escaped(values[0]))
    elif plain == "ILIKE":
        # The case of ASCII letters is ignored, on PostgreSQL too, whatever its locale.
        folded = bytewise(column, context)
        inner = column.bool_op("LIKE")(values[0]) if context.sqlite else folded.ilike(_escaped(values[0]))
    elif plain == "IN":
        inner = column.in_(values)
    elif plain == "BETWEEN":
        compared = bytewise(column, context)
        inner = (compared >= values[0]) & (compared <= values[1])
    else:
        inner = _COMPARE[plain](column if plain == "=" else bytewise(column, context), values[0])
    there = column.is_not(None)
    return there & sa.not_(inner) if negated else there & inner


def on_moment(column: Sql, found: Comparison, context: Context) -> Sql:
    """Compare a moment, which may be NULL: then nothing fits."""
    us = sa.type_coerce(column, sa.BigInteger)
    values = [value for value in found.values if isinstance(value, Moment)]
    operator = found.operator
    negated = operator == "!=" or operator.startswith("NOT ")
    inner: Sql
    if operator.endswith("BETWEEN"):
        inner = _moment(us, ">=", values[0], context) & _moment(us, "<=", values[1], context)
    elif operator in ("IN", "NOT IN"):
        inner = sa.or_(*(_moment(us, "=", value, context) for value in values))
    else:
        inner = _moment(us, "=" if negated else operator, values[0], context)
    return us.is_not(None) & (sa.not_(inner) if negated else inner)


def plain(column: Sql) -> Sql:
    """Return a column as a value, so that SQLite looks for no index on it: a better one is known."""
    return sa.UnaryExpression(column, operator=_PLUS, type_=column.type)


def bytewise(column: Sql, context: Context) -> Sql:
    """Return a text that compares by its bytes, as SQLite does by itself."""
    return column if context.sqlite else sa.collate(column, "C")


def _moment(us: Sql, operator: str, value: Moment, context: Context) -> Sql:
    """Compare a moment with one that was given to a day or to a millisecond.

    A day is its first instant, but for `=`. A number of milliseconds is compared with what MLflow's clients see of a
    moment, which is cut to whole milliseconds.
    """
    at = bounded(value.us + to_microseconds(context.now)) if value.relative else value.us
    unit = 1 if value.unit_us == DAY_US and operator != "=" else value.unit_us
    lower, upper = at // unit, -(-at // unit)
    if operator == "=":
        return us.between(at, at + unit - 1) if lower == upper else sa.false()
    if operator in (">", "<="):
        edge = min((lower + 1) * unit, _LARGEST)
        return us >= edge if operator == ">" else us < edge
    return us >= upper * unit if operator == ">=" else us < upper * unit


def _glob(pattern: str) -> str:
    """Return a pattern of LIKE as one of GLOB, which minds the case of letters."""
    return re.sub(r"[*?\[]", r"[\g<0>]", pattern).replace("%", "*").translate({ord("_"): "?"})


def _escaped(pattern: str) -> str:
    """Return a pattern for PostgreSQL, where a backslash would mean something."""
    return pattern.replace("\\", "\\\\")
