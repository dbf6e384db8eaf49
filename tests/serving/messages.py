"""Messages of the protocol that the tests send, and the columns that their model takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from mlwright.registry import Column

START = datetime(2026, 4, 1, tzinfo=UTC)
COLUMNS = [
    Column("x", "FP64"),
    Column("gap", "FP64", nullable=True),
    Column("count", "INT64"),
    Column("home", "BOOL"),
    Column("carrier", "BYTES", nullable=True),
]


def tensors(x: list[float], units: list[str] | None = None) -> list[dict[str, Any]]:
    """Inputs of the protocol that fit `COLUMNS`."""
    rows = len(x)
    found: list[dict[str, Any]] = [
        {"name": "x", "datatype": "FP64", "shape": [rows], "data": x},
        {"name": "gap", "datatype": "FP64", "shape": [rows], "data": [None] * rows},
        {"name": "count", "datatype": "INT64", "shape": [rows, 1], "data": [[1]] * rows},
        {"name": "home", "datatype": "BOOL", "shape": [rows], "data": [True] * rows},
        {"name": "carrier", "datatype": "BYTES", "shape": [rows], "data": ["UA"] * rows},
    ]
    if units is not None:
        found.append({"name": "unit", "datatype": "BYTES", "shape": [rows], "data": units})
    return found


def request(x: list[float], units: list[str] | None = None, **members: Any) -> bytes:
    """The JSON of an inference request."""
    return msgspec.json.encode({"inputs": tensors(x, units), **members})


def answer(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(body)
    return found
