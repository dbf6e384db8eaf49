"""Frames of whatever library as columns by name: dictionaries, Arrow tables, pandas and polars frames, NumPy matrices.

No library is imported for it: a frame is known by what it can do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlwright.errors import InvalidInput

if TYPE_CHECKING:
    from mlwright.registry.values import Column


def columns_of(frame: Any, named: Sequence[Column] = ()) -> dict[str, Any]:
    """Return a frame as columns by name; each is a NumPy array, or a sequence as it was given.

    Args:
        frame: A mapping, an Arrow table or batch, a pandas or polars frame, or a matrix of shape [rows, columns].
        named: Names of a matrix's columns, in their order; `x0`, `x1`, ... by default.

    Raises:
        InvalidInput: It is none of these, or a matrix of another width.
    """
    if isinstance(frame, Mapping):
        return dict(frame)
    names = getattr(frame, "column_names", None)
    if names is not None:
        return {str(name): frame.column(place).to_numpy(zero_copy_only=False) for place, name in enumerate(names)}
    names = getattr(frame, "columns", None)
    if names is not None:
        return {str(name): frame[name].to_numpy() for name in names}
    fields = getattr(getattr(frame, "dtype", None), "names", None)
    if fields:
        return {name: frame[name] for name in fields}
    if getattr(frame, "ndim", 0) == 2:
        return _matrix(frame, [column.name for column in named])
    raise InvalidInput(
        f"a {type(frame).__name__} has no columns.",
        fix="give a dictionary of columns, an Arrow table, a pandas or polars frame, or a matrix",
    )


def _matrix(frame: Any, names: list[str]) -> dict[str, Any]:
    width = frame.shape[1]
    if names and len(names) != width:
        raise InvalidInput(f"the matrix has {width} columns, and {len(names)} are wanted.", why=", ".join(names))
    return {name: frame[:, place] for place, name in enumerate(names or [f"x{place}" for place in range(width)])}
