"""A cluster bootstrap for means: rows of one group (a day, a customer) are drawn together, because they move together.

Percentile interval of Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, with whole clusters as
the units (Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8).
"""

from __future__ import annotations

import msgspec
import numpy as np

# More units than this add time and memory and no precision: clusters beyond it share a unit, which keeps them whole.
_UNITS = 400


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A mean and its interval.

    Attributes:
        mean: Mean over all rows.
        low: Lower end.
        high: Upper end.
        rows: How many rows.
        clusters: How many groups they form.
    """

    mean: float
    low: float
    high: float
    rows: int
    clusters: int


def mean_interval(
    values: np.ndarray, groups: np.ndarray, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the mean of some values with a two-sided percentile interval, resampling whole groups.

    Args:
        values: Shape [rows]; finite, at least one.
        groups: The group of each row, of any type that sorts; shape [rows].
        confidence: Probability that the interval covers the mean, between 0 and 1.
        resamples: How many samples are drawn.
        seed: The same seed gives the same interval.
    """
    names, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place % _UNITS, weights=values)
    counts = np.bincount(place % _UNITS).astype(np.float64)
    # How often each cluster is drawn is all that a mean needs: no row is touched again.
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    means = (drawn @ sums) / (drawn @ counts)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high), rows=len(values), clusters=len(names))
