"""Small models for the tests of registry and serving. They are pickled, so they live in a module of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np


class Slope(msgspec.Struct):
    """Answers 0.1 + 0.2 * x, as a probability; raises where x is one of `bad`, gives NaN where it is `empty`."""

    bad: list[float] = []
    empty: list[float] = []
    shift: float = 0.0

    def predict(self, columns: Mapping[str, Any]) -> Any:
        x = np.asarray(columns["x"], dtype=float)
        if np.isin(x, self.bad).any():
            raise RuntimeError("this model does not like x")
        answers = np.clip(0.1 + 0.2 * x + self.shift, 0.0, 1.0)
        answers[np.isin(x, self.empty)] = np.nan
        return answers


class Doubler:
    """Answers 2 * x. No codec but pickle can hold it."""

    def predict(self, columns: Mapping[str, Any]) -> Any:
        return columns["x"] * 2
