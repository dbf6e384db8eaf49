"""Data frames of polars."""

from __future__ import annotations

from typing import Any


def frame_of(columns: dict[str, list[Any]]) -> Any:
    """Return a `polars.DataFrame` of columns, each of values of one type or None."""
    import polars

    return polars.DataFrame(columns, strict=False)
