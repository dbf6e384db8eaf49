"""Profiles: what a set of columns looked like, without any of its rows.

The profile of a version's training data is stored with the version; monitors compare windows of traffic with it. A
number's range is cut at quantiles of the training data, text is counted by category.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

FORMAT = 1
# More categories than this are counted together.
_MOST_CATEGORIES = 100


class NumberProfile(msgspec.Struct, frozen=True, kw_only=True, tag="number"):
    """A column of numbers.

    Attributes:
        edges: Where its range is cut, ascending; one fewer than counts.
        counts: Rows below the first edge, between edges (the lower one included), and from the last edge on.
        missing: Rows that are NaN.
        infinite: Rows that are infinite; they count in the outer bins too.
        mean: Mean of the finite values; None without any.
        std: Their standard deviation; None without any.
        low: The smallest; None without any.
        high: The largest; None without any.
    """

    edges: list[float]
    counts: list[int]
    missing: int
    infinite: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None

    @property
    def cells(self) -> list[int]:
        """Rows of each bin, the missing ones last."""
        return [*self.counts, self.missing]

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return the cell that each value falls in."""
        numbers = _numbers(values)
        places = np.searchsorted(np.asarray(self.edges, dtype=np.float64), numbers, side="right")
        return np.where(np.isnan(numbers), len(self.counts), places)


class TextProfile(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """A column of text.

    Attributes:
        categories: Category to rows, the most frequent first.
        other: Rows of all further categories together.
        others: How many further categories there are.
        missing: Rows without a value.
    """

    categories: dict[str, int]
    other: int
    others: int
    missing: int

    @property
    def cells(self) -> list[int]:
        """Rows of each category, then of all others, then the missing ones."""
        return [*self.categories.values(), self.other, self.missing]

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return the cell that each value falls in."""
        known = {name: cell for cell, name in enumerate(self.categories)}
        other, missing = len(known), len(known) + 1
        cells = [missing if value is None else known.get(value, other) for value in _texts(values)]
        return np.array(cells, dtype=np.int64)


ColumnProfile = NumberProfile | TextProfile


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What some columns, and the scores given to them, looked like.

    Attributes:
        rows: How many rows were looked at.
        columns: Each column by name.
        score: The scores, None when none were given.
        format: Version of this layout.
    """

    rows: int
    columns: dict[str, ColumnProfile]
    score: NumberProfile | None = None
    format: int = FORMAT


def build_profile(columns: Mapping[str, Any], scores: Any = None, *, bins: int = 10) -> Profile:
    """Return the profile of some columns; give it to `register_model(reference=...)`.

    Args:
        columns: Column name to values (NumPy arrays or sequences of one length). Missing numbers are NaN, missing text
            is None.
        scores: What the model says of the same rows.
        bins: Into how many equally filled parts the range of a number is cut.

    Example:
        >>> profile = build_profile({"age": [20.0, 30.0, 40.0], "city": ["rome", "rome", None]}, bins=2)
        >>> profile.columns["age"].counts, profile.columns["city"].categories
        ([1, 2], {'rome': 2})
    """
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    profiles: dict[str, ColumnProfile] = {
        name: _number_profile(values, bins) if _is_number(values) else _text_profile(values)
        for name, values in arrays.items()
    }
    score = None if scores is None else _number_profile(np.asarray(scores), bins)
    lengths = [len(values) for values in arrays.values()] + ([] if scores is None else [len(scores)])
    return Profile(rows=max(lengths, default=0), columns=profiles, score=score)


def read_profile(plain: Any) -> Profile | None:
    """Return a profile from the plain data that the registry keeps, None when it isn't one of this format."""
    try:
        profile = msgspec.convert(plain, Profile)
    except msgspec.ValidationError:
        return None
    return profile if profile.format == FORMAT else None


def _number_profile(values: np.ndarray, bins: int) -> NumberProfile:
    numbers = _numbers(values)
    finite = numbers[np.isfinite(numbers)]
    edges: list[float] = []
    if len(finite):
        cuts = np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1]))
        # An edge at the smallest value would leave nothing below it.
        edges = [float(cut) for cut in cuts if cut > finite.min()]
    places = np.searchsorted(np.asarray(edges), numbers[~np.isnan(numbers)], side="right")
    return NumberProfile(
        edges=edges,
        counts=np.bincount(places, minlength=len(edges) + 1).tolist(),
        missing=int(np.isnan(numbers).sum()),
        infinite=int(np.isinf(numbers).sum()),
        mean=_plain(finite.mean()) if len(finite) else None,
        std=_plain(finite.std()) if len(finite) else None,
        low=float(finite.min()) if len(finite) else None,
        high=float(finite.max()) if len(finite) else None,
    )


def _text_profile(values: np.ndarray) -> TextProfile:
    counted = Counter(_texts(values))
    missing = counted.pop(None, 0)
    ranked = sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))
    kept, rest = ranked[:_MOST_CATEGORIES], ranked[_MOST_CATEGORIES:]
    return TextProfile(
        categories={str(name): count for name, count in kept},
        other=sum(count for _, count in rest),
        others=len(rest),
        missing=missing,
    )


def _is_number(values: np.ndarray) -> bool:
    if values.dtype.kind in "iuf":
        return True
    if values.dtype.kind != "O":
        return False
    known = [value for value in values.tolist() if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _numbers(values: np.ndarray) -> np.ndarray:
    """Return values as float64; what is no number is missing."""
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    return np.array([_number(value) for value in values.tolist()], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _texts(values: np.ndarray) -> list[str | None]:
    """Return values as text; None and NaN are missing."""
    return [
        value if isinstance(value, str) else None if value is None or value != value else str(value)
        for value in values.tolist()
    ]


def _plain(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
