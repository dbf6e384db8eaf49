"""Finding out what a model takes, from a few rows of input or from the fitted estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlwright.errors import InvalidDefinition
from mlwright.registry.values import DATATYPES, Column

if TYPE_CHECKING:
    import numpy as np

_EXAMPLE_ROWS = 5


def infer_columns(model: Any, example: Mapping[str, Any] | None) -> list[Column]:
    """Return the input columns of a model: those of its example, else those that the estimator remembers.

    Raises:
        InvalidDefinition: Neither tells.
    """
    if example:
        return [_column(name, values) for name, values in example.items()]
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return [Column(str(name), "FP64") for name in names]
    width = getattr(model, "n_features_in_", None)
    if width is not None:
        return [Column(f"x{place}", "FP64") for place in range(width)]
    raise InvalidDefinition(
        f"the input columns of this {type(model).__name__} are not known.",
        fix="give columns=[Column(name, datatype), ...], or example={name: values, ...}",
    )


def example_of(columns: list[Column], given: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the first rows of an example as plain JSON values, missing ones as None.

    Raises:
        InvalidDefinition: It lacks a column, or its columns differ in length.
    """
    missing = [column.name for column in columns if column.name not in given]
    if missing:
        raise InvalidDefinition(f"the example lacks the column '{missing[0]}'.", why=f"it has: {', '.join(given)}")
    example = {column.name: _plain(given[column.name]) for column in columns}
    if len({len(values) for values in example.values()}) != 1:
        raise InvalidDefinition("the columns of the example have different lengths.")
    return example


def arrays_of(columns: list[Column], example: Mapping[str, list[Any]]) -> dict[str, np.ndarray]:
    """Return plain values as the arrays that a predictor takes."""
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    for column in columns:
        values = example[column.name]
        if column.datatype == "BYTES":
            arrays[column.name] = np.empty(len(values), dtype=object)
            arrays[column.name][:] = values
        else:
            missing = any(value is None for value in values)
            arrays[column.name] = np.array(values, dtype="float64" if missing else DATATYPES[column.datatype])
    return arrays


def _column(name: str, values: Any) -> Column:
    import numpy as np

    array = np.asarray(values)
    if array.dtype.kind in "OUST":
        return Column(name, "BYTES", nullable=any(value is None for value in array.tolist()))
    if array.dtype.kind == "f":
        return Column(name, "FP64", nullable=bool(np.isnan(array).any()))
    if array.dtype.kind in "iub":
        return Column(name, "BOOL" if array.dtype.kind == "b" else "INT64")
    raise InvalidDefinition(
        f"the example's column '{name}' is of type {array.dtype}, which no tensor has.",
        fix="use numbers, booleans or texts",
    )


def _plain(values: Any) -> list[Any]:
    plain = [value.item() if hasattr(value, "item") else value for value in list(values)[:_EXAMPLE_ROWS]]
    return [None if isinstance(value, float) and value != value else value for value in plain]
