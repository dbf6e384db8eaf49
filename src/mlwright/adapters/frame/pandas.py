"""Data frames of pandas."""

from __future__ import annotations

from typing import Any


def frame_of(columns: dict[str, list[Any]]) -> Any:
    """Return a `pandas.DataFrame` of columns, each of values of one type or None."""
    import pandas

    return pandas.DataFrame(columns)
