"""Runs as a test made them, and what an expression says of them without a database."""

from __future__ import annotations

import math
import random
import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlwright.core.filters import And, Constant, Expression, Moment, Not, Or
from mlwright.core.filters.literals import DAY_US, matches_like
from mlwright.ledger import curves, runs, tracked

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


class Made:
    """A run as the test made it."""

    def __init__(self, index: int, chance: random.Random) -> None:
        self.id = f"{index:04d}" + "x" * 22
        self.name = chance.choice(("a", "A", "b%", "b_c", "wörter"))
        self.status = chance.choice(("running", "succeeded", "failed"))
        self.started = NOW - timedelta(hours=chance.randrange(0, 400), milliseconds=chance.choice((0, 0.25, 1)))
        self.experiment = chance.choice(("one", "two"))
        self.deleted = chance.random() < 0.1
        values = (0.0, 0.5, 1.0, 2.0, -1.0, math.nan, math.inf)
        keys = [key for key in ("auc", "loss", "a b") if chance.random() < 0.7]
        self.points = {key: [chance.choice(values) for _ in range(chance.randrange(1, 4))] for key in keys}
        options: tuple[Any, ...] = (1, 0.5, "0.5", "adam", "Adam", True, None, "x" * 300, "x" * 300 + "y", [1, 2])
        self.params = {key: chance.choice(options) for key in ("lr", "opt") if chance.random() < 0.7}
        texts = ("", "red", "RED", "re[d]", "r*d", "blu%", "x" * 260 + "z")
        self.tags = {key: chance.choice(texts) for key in ("team", "t.x") if chance.random() < 0.6}

    def write(self, tx: Any) -> None:
        """Write it to the ledger."""
        new = runs.NewRun(
            id=self.id, experiment=self.experiment, name=self.name, kind="script", started_at=self.started
        )
        runs.create_run(tx, new)
        if self.status != "running":
            runs.end_run(tx, self.id, self.status, duration_s=1.5)
        found = [
            curves.Point(key=key, step=step, value=value, at=NOW + timedelta(seconds=step))
            for key, values in self.points.items()
            for step, value in enumerate(values)
        ]
        curves.add_points(tx, self.id, found)
        tracked.put_params(tx, self.id, self.params)
        tracked.put_tags(tx, self.id, self.tags)
        if self.deleted:
            runs.delete_run(tx, self.id)

    def value(self, field: Any) -> Any:
        """Return what a field of it holds, None when nothing."""
        if field.entity == "metric":
            values = self.points.get(field.key)
            if values is None:
                return None
            numbers = [value for value in values if not math.isnan(value)]
            least, most = (min(numbers), max(numbers)) if numbers else (math.nan, math.nan)
            return {"last": values[-1], "min": least, "max": most, "count": len(values), "step": len(values) - 1}[
                field.part
            ]
        if field.entity == "param":
            return tracked.as_text(self.params[field.key]) if field.key in self.params else None
        if field.entity == "tag":
            return self.tags.get(field.key)
        return {"run_id": self.id, "name": self.name, "status": self.status, "started": self.started}[field.key]


def fits(made: Made, said: Expression) -> bool:
    """Tell whether a run fits an expression, without a database."""
    if isinstance(said, Constant):
        return said.value
    if isinstance(said, Not):
        return not fits(made, said.part)
    if isinstance(said, And | Or):
        return (all if isinstance(said, And) else any)(fits(made, part) for part in said.parts)
    value = made.value(said.field)
    if said.operator in ("IS NULL", "IS NOT NULL"):
        return (value is None) == (said.operator == "IS NULL")
    if value is None:
        return False
    if said.operator in ("IS NAN", "IS NOT NAN"):
        return math.isnan(value) == (said.operator == "IS NAN")
    if said.operator == "!=":
        return not holds(value, "=", said.values)
    if said.operator.startswith("NOT "):
        return not holds(value, said.operator.removeprefix("NOT "), said.values)
    return holds(value, said.operator, said.values)


def holds(value: Any, operator: str, wanted: tuple[Any, ...]) -> bool:
    """Compare what a run has with what is wanted."""
    if operator == "IN":
        return any(holds(value, "=", (one,)) for one in wanted)
    if operator == "BETWEEN":
        return holds(value, ">=", wanted[:1]) and holds(value, "<=", wanted[1:])
    one = wanted[0]
    if operator in ("LIKE", "ILIKE"):
        # The case of ASCII letters is ignored, on every database.
        return matches_like(*(text.translate(_SMALL) if operator == "ILIKE" else text for text in (value, one)))
    if isinstance(one, bool):
        return value in (str(one), str(one).lower())
    if isinstance(one, float) and isinstance(value, str):
        number = tracked.as_number(value)
        return number is not None and compare(number, operator, one)
    if isinstance(one, Moment):
        us = (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        at = one.us + ((NOW - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) if one.relative else 0)
        if one.unit_us == 1000 or (one.unit_us == DAY_US and operator == "="):
            us = us // one.unit_us * one.unit_us
        return compare(us, operator, at)
    return compare(value, operator, one)


def compare(value: Any, operator: str, wanted: Any) -> bool:
    """Compare two values of one kind."""
    return {
        "=": value == wanted,
        ">": value > wanted,
        ">=": value >= wanted,
        "<": value < wanted,
        "<=": value <= wanted,
    }[operator]
