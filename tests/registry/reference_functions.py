"""Functions that tests register by their names."""

from __future__ import annotations

import numpy as np


def double(columns: dict[str, np.ndarray]) -> np.ndarray:
    return columns["x"] * 2


NOTHING = 3
