"""A loaded model: columns in, columns out. Needs NumPy; imported only where a model is really used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from mlwright.errors import InvalidInput
from mlwright.registry.frames import columns_of
from mlwright.registry.values import Column, Output, Unknown

#: Columns of one batch by name: one-dimensional arrays of equal length; text is an object array of str and None.
Columns = Mapping[str, np.ndarray]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the estimator in a model's files: how columns become what it was trained on.

    Attributes:
        format: Version of this layout.
        flavour: `sklearn` (a matrix goes in) or `python` (the columns themselves go in).
        codec: Codec of the file `estimator`.
        columns: Input columns in the order of training.
        categories: For a text column, its categories; a value becomes its place in this list.
        unknown: What a category that was never seen becomes: a missing value or an error.
        output: `probability` of the second class, or the predicted `value`.
    """

    flavour: str
    codec: str
    columns: list[Column]
    categories: dict[str, list[str]]
    unknown: Unknown
    output: Output
    format: int = 1


class Predictor:
    """A model that is ready to answer. Safe to share between threads as far as its estimator is.

    Args:
        estimator: The loaded estimator, or the user's own object.
        recipe: How columns become its input.
        name: What it is called in errors, for example `churn/3`.
    """

    def __init__(self, estimator: Any, recipe: Recipe, *, name: str = "the model") -> None:
        self.recipe = recipe
        self.name = name
        self.estimator = estimator
        self._codes = {
            column: {category: float(place) for place, category in enumerate(categories)}
            for column, categories in recipe.categories.items()
        }
        self._as_objects = any(c.datatype == "BYTES" and c.name not in self._codes for c in recipe.columns)
        self._ask = _asking(estimator, recipe)

    def __repr__(self) -> str:
        return f"Predictor({self.name!r}, {len(self.recipe.columns)} columns -> {self.recipe.output})"

    def predict(self, columns: Columns) -> dict[str, np.ndarray]:
        """Answer a batch.

        Args:
            columns: The input columns by name, or a frame or matrix of them; further ones are ignored.

        Returns:
            The output column by name: float64 of shape [rows].

        Raises:
            InvalidInput: A column is missing, or holds a category that was never seen and may not be missing.
        """
        given = self._given(columns)
        answered = self._ask(given if self.recipe.flavour == "python" else self._matrix(given))
        rows = len(next(iter(given.values())))
        values = np.asarray(answered, dtype=np.float64)
        if values.shape != (rows,):
            raise ValueError(f"{self.name} gave an output of shape {values.shape} for {rows} rows")
        return {self.recipe.output: values}

    def matrix(self, columns: Columns) -> np.ndarray:
        """Return the matrix that the estimator sees: shape [rows, columns], in the order of training."""
        return self._matrix(self._given(columns))

    def _given(self, columns: Columns) -> dict[str, np.ndarray]:
        """Return the input columns, each of the type and length that the signature says.

        Raises:
            InvalidInput: A column is missing, holds text where numbers belong, or has another length.
        """
        taken = columns if isinstance(columns, dict) else columns_of(columns, self.recipe.columns)
        given = {column.name: self._column(taken, column) for column in self.recipe.columns}
        lengths = {name: len(values) for name, values in given.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name}: {length}" for name, length in lengths.items())
            raise InvalidInput(f"the columns given to {self.name} differ in length.", why=listed)
        return given

    def _column(self, columns: Columns, column: Column) -> np.ndarray:
        try:
            values: Any = columns[column.name]
        except KeyError:
            raise InvalidInput(
                f"{self.name} needs the column '{column.name}', which is not there.",
                why=f"columns given: {', '.join(columns) or 'none'}",
                column=column.name,
            ) from None
        if not isinstance(values, np.ndarray):
            values = np.asarray(values)
        if column.datatype != "BYTES" and values.dtype.kind in "US":
            raise InvalidInput(
                f"column '{column.name}' of {self.name} holds text, and is declared as {column.datatype}.",
                column=column.name,
            )
        return np.asarray(values)

    def _matrix(self, given: dict[str, np.ndarray]) -> np.ndarray:
        rows = len(next(iter(given.values())))
        matrix = np.empty((rows, len(given)), dtype=object if self._as_objects else np.float64)
        for place, (name, values) in enumerate(given.items()):
            codes = self._codes.get(name)
            matrix[:, place] = values if codes is None else self._encode(name, values, codes)
        return matrix

    def _encode(self, name: str, values: np.ndarray, codes: dict[str, float]) -> list[float]:
        encoded = [codes.get(value, np.nan) for value in values.tolist()]
        if self.recipe.unknown == "error":
            for value, code in zip(values.tolist(), encoded, strict=True):
                if code != code and isinstance(value, str):
                    raise InvalidInput(
                        f"column '{name}' of {self.name} holds the unknown category '{value}'.",
                        why=f"it was trained with {len(codes)} categories: {', '.join(list(codes)[:10])}",
                        column=name,
                    )
        return encoded


def _asking(estimator: Any, recipe: Recipe) -> Callable[[Any], Any]:
    from mlwright.registry.flavours import library_named

    if recipe.flavour == "python":
        return _ask_python(estimator)
    library = library_named(recipe.flavour)
    return _ask_sklearn(estimator, recipe.output) if library is None else library.answerer(estimator, recipe.output)


def _ask_sklearn(estimator: Any, output: Output) -> Callable[[Any], Any]:
    if output == "probability":
        return lambda matrix: estimator.predict_proba(matrix)[:, 1]
    answer: Callable[[Any], Any] = estimator.predict
    return answer


def _ask_python(model: Any) -> Callable[[Any], Any]:
    answer: Callable[[Any], Any] = model.predict if hasattr(model, "predict") else model
    return answer
