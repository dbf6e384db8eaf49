"""Searches by tags of MLflow's that mlwright keeps in columns, so that native runs are found by them too."""

from __future__ import annotations

import re

import msgspec

from mlwright.core.filters import And, Comparison, Expression, Field, Not, Or
from mlwright.server.mlflow.shapes import NOTE, PARENT, RUN_NAME

_OUR_ID = re.compile(r"[0-9a-z]{26}")
_COLUMNS = {NOTE: "note", RUN_NAME: "name"}


def by_columns(where: Expression) -> Expression:
    """Return a filter in which tags that have a column are looked for there."""
    if isinstance(where, And):
        return And(tuple(by_columns(part) for part in where.parts))
    if isinstance(where, Or):
        return Or(tuple(by_columns(part) for part in where.parts))
    if isinstance(where, Not):
        return Not(by_columns(where.part))
    return _by_column(where) if isinstance(where, Comparison) and where.field.entity == "tag" else where


def _by_column(found: Comparison) -> Expression:
    key = found.field.key
    # A parent that can't be one of ours stays a tag only.
    if key == PARENT and found.operator == "=" and _OUR_ID.fullmatch(str(found.values[0])):
        return _of(found, "parent")
    if key not in _COLUMNS:
        return found
    moved = _of(found, _COLUMNS[key])
    if key == RUN_NAME:
        return moved
    # A run without a note has an empty one.
    if found.operator == "IS NULL":
        return Comparison(moved.field, "=", ("",))
    noted = Comparison(moved.field, "!=", ("",))
    return noted if found.operator == "IS NOT NULL" else And((noted, moved))


def _of(found: Comparison, column: str) -> Comparison:
    return msgspec.structs.replace(found, field=Field("attribute", column))
