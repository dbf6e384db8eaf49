"""Writing an expression as text that reads back as the same expression."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from mlwright.core.filters.expression import And, Comparison, Constant, Expression, Field, Moment, Not, Or, Scalar
from mlwright.core.filters.literals import DAY_US, MILLISECOND_US, UNITS_US

_BARE = re.compile(r"\w(?:[\w./@:#$+-]*[\w.])?")
_WORDS = {
    "metric": "metrics",
    "param": "params",
    "tag": "tags",
    "dataset": "dataset",
    "model": "model",
}


def text_of(expression: Expression | None) -> str:
    """Return the text of an expression; of None, an empty one."""
    if expression is None:
        return ""
    if isinstance(expression, Constant):
        return "true" if expression.value else "false"
    if isinstance(expression, Comparison):
        return _comparison(expression)
    if isinstance(expression, Not):
        return f"NOT {_within(expression.part, And, Or)}"
    if isinstance(expression, And):
        return " AND ".join(_within(part, And, Or) for part in expression.parts)
    return " OR ".join(_within(part, Or) for part in expression.parts)


def name_of(field: Field) -> str:
    """Return a field as a filter names it."""
    key = field.key if _BARE.fullmatch(field.key) else '"' + field.key.replace('"', '""') + '"'
    if field.entity == "attribute":
        return key
    name = f"{_WORDS[field.entity]}.{key}"
    return f"{field.part}({name})" if field.part not in ("", "last") else name


def _within(part: Expression, *wrapped: type) -> str:
    text = text_of(part)
    return f"({text})" if isinstance(part, wrapped) else text


def _comparison(found: Comparison) -> str:
    values = [_value(value) for value in found.values]
    start = f"{name_of(found.field)} {found.operator}"
    if found.operator.endswith("BETWEEN"):
        return f"{start} {values[0]} AND {values[1]}"
    if found.operator in ("IN", "NOT IN"):
        return f"{start} ({', '.join(values)})"
    return " ".join([start, *values])


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, Moment):
        return _moment(value)
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value)) if value or math.copysign(1, value) > 0 else "-0"
    return repr(value)


def _moment(value: Moment) -> str:
    if value.relative:
        return f"now() - {_span(-value.us)}" if value.us else "now()"
    if value.unit_us == MILLISECOND_US:
        return _value(value.us / 1000)
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value.us)
    if value.unit_us == DAY_US:
        return at.date().isoformat()
    return at.replace(tzinfo=None).isoformat() + "Z"


def _span(us: int) -> str:
    for unit in ("w", "d", "h", "m", "s"):
        if us % UNITS_US[unit] == 0:
            return f"{us // UNITS_US[unit]}{unit}"
    return f"{us // 1000}.{us % 1000:03}ms" if us % 1000 else f"{us // 1000}ms"
