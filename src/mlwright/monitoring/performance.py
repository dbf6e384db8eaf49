"""Performance with labels: how well scores fit the outcomes, judged by day, because a day's rows share its luck.

The log loss alone says little: a stormy week is harder to predict than a calm one, whoever predicts. The excess is what
matters: the log loss less the entropy that the scores themselves promise, -(p log p + (1 - p) log(1 - p)). For scores
that are right its expectation is 0 in every season.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from mlwright.core.special import normal_cdf, student_quantile
from mlwright.registry.losses import CLIP, log_losses

_BINS = 10
_FEWEST_DAYS = 3


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over all rows with its interval; open ends where there are too few days to tell."""

    mean: float
    low: float
    high: float
    days: int


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """How the scores of some labelled rows did.

    Attributes:
        rows: How many rows.
        log_loss: Mean log loss.
        promised: The mean that the scores themselves promise.
        excess: What it is above that, with its interval.
        naive: Log loss of always saying the share of positive outcomes of these very rows.
        positive: That share.
    """

    rows: int
    log_loss: float
    promised: float
    excess: Interval
    naive: float
    positive: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether events happen as often as the scores say.

    Attributes:
        rows: How many rows.
        bias: Mean score less the share of positive outcomes, with its interval.
        error: Expected calibration error over ten equally filled bins of the score.
        error_by_chance: What that error would be for scores that are right, with so many independent rows.
        spiegelhalter_z: Spiegelhalter's statistic (1986); standard normal for right scores and independent rows.
        spiegelhalter_p: Its two-sided p-value.
        bins: Rows, mean score and share of positive outcomes of each bin.
    """

    rows: int
    bias: Interval
    error: float
    error_by_chance: float
    spiegelhalter_z: float
    spiegelhalter_p: float
    bins: list[dict[str, float]]


def mean_by_day(values: np.ndarray, days: np.ndarray, *, confidence: float) -> Interval:
    """Return the mean of all rows with an interval for which whole days are the independent units.

    The mean is a ratio (sum over rows): its error is that of the days' linearised sums (Cochran, Sampling Techniques,
    1977, section 6.4), with Student's quantile for one fewer degrees of freedom than days.

    Args:
        values: Shape [rows].
        days: The day of each row; shape [rows].
        confidence: Of the two-sided interval.
    """
    if not len(values):
        return Interval(mean=math.nan, low=-math.inf, high=math.inf, days=0)
    _, place = np.unique(days, return_inverse=True)
    counts = np.bincount(place).astype(np.float64)
    sums = np.bincount(place, weights=values)
    size, mean = len(counts), float(values.mean())
    if size < _FEWEST_DAYS:
        return Interval(mean=mean, low=-math.inf, high=math.inf, days=size)
    squares = float(((sums - mean * counts) ** 2).sum())
    error = math.sqrt(size / (size - 1) * squares) / len(values)
    reach = student_quantile((1 + confidence) / 2, size - 1) * error
    return Interval(mean=mean, low=mean - reach, high=mean + reach, days=size)


def measure_loss(labels: np.ndarray, scores: np.ndarray, days: np.ndarray, *, confidence: float) -> Loss:
    """Return how scores did on labelled rows; all arrays have shape [rows] and no missing values."""
    losses = log_losses(labels, scores)
    clipped = np.clip(scores, CLIP, 1 - CLIP)
    promised = -(clipped * np.log(clipped) + (1 - clipped) * np.log1p(-clipped))
    rate = float(labels.mean())
    return Loss(
        rows=len(labels),
        log_loss=float(losses.mean()),
        promised=float(promised.mean()),
        excess=mean_by_day(losses - promised, days, confidence=confidence),
        naive=float(log_losses(labels, np.full(len(labels), rate)).mean()),
        positive=rate,
    )


def measure_calibration(labels: np.ndarray, scores: np.ndarray, days: np.ndarray, *, confidence: float) -> Calibration:
    """Return whether scores fit outcomes; all arrays have shape [rows] and no missing values."""
    clipped = np.clip(scores, CLIP, 1 - CLIP)
    spread = clipped * (1 - clipped)
    slope = 1 - 2 * clipped
    # Spiegelhalter, "Probabilistic prediction in patient management and clinical trials" (1986).
    variance = float((slope**2 * spread).sum())
    z = float(((labels - clipped) * slope).sum()) / math.sqrt(variance) if variance > 0 else 0.0
    bins = _bins(labels, clipped, spread)
    return Calibration(
        rows=len(labels),
        bias=mean_by_day(scores - labels, days, confidence=confidence),
        error=sum(one["rows"] * abs(one["score"] - one["positive"]) for one in bins) / len(labels),
        # A bin's mean of right scores misses by a normal error, whose absolute value has mean sqrt(2 / pi) sigma.
        error_by_chance=sum(math.sqrt(2 / math.pi) * one.pop("sigma") for one in bins) / len(labels),
        spiegelhalter_z=z,
        spiegelhalter_p=2 * (1 - normal_cdf(abs(z))),
        bins=bins,
    )


def _bins(labels: np.ndarray, scores: np.ndarray, spread: np.ndarray) -> list[dict[str, float]]:
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _BINS + 1)[1:-1]))
    place = np.searchsorted(edges, scores, side="right")
    found = []
    for number in np.unique(place):
        mine = place == number
        found.append(
            {
                "rows": float(mine.sum()),
                "score": float(scores[mine].mean()),
                "positive": float(labels[mine].mean()),
                "sigma": math.sqrt(float(spread[mine].sum())),
            }
        )
    return found


def plain(interval: Interval) -> dict[str, Any]:
    """Return an interval as JSON-able data: an open end is None."""
    ends = {name: getattr(interval, name) for name in ("mean", "low", "high")}
    return {name: value if math.isfinite(value) else None for name, value in ends.items()} | {"days": interval.days}
