"""Log loss row by row: the one definition that gates, the canary's judge and the monitors share."""

from __future__ import annotations

import numpy as np

#: Probabilities are kept this far from 0 and 1, so that one sure and wrong answer costs at most 13.8.
CLIP = 1e-6


def log_losses(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the log loss (natural logarithm) of each row; NaN where the label or the score is.

    Args:
        labels: 0, 1 or NaN; shape [rows].
        scores: Probabilities of 1; shape [rows].

    Example:
        >>> log_losses(np.array([1.0, 0.0]), np.array([0.5, 0.5])).round(3).tolist()
        [0.693, 0.693]
    """
    clipped = np.clip(np.asarray(scores, dtype=np.float64), CLIP, 1 - CLIP)
    outcomes = np.asarray(labels, dtype=np.float64)
    return np.asarray(-(outcomes * np.log(clipped) + (1 - outcomes) * np.log1p(-clipped)))
