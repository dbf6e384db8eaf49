"""Drift: how far a window of traffic has moved from a profile, with an interval and a p-value for each column.

The effect is the population stability index, sum (q - p) log(q / p) over the cells of a column. Even without any drift
a sample's index is positive, about (cells - 1) (1 / n + 1 / m) for n and m rows (Yurdakul and Naranjo, "Statistical
properties of the population stability index", 2020); that much is taken off. Rows of one day resemble each other more
than rows of a year, so the interval comes from leaving out one day at a time (the delete-a-group jackknife, Kott 2001)
with Student's quantile. The p-value is that of the chi-square test of two samples, corrected over columns after
Benjamini and Hochberg (1995). A column has drifted when both speak: the lower end above the tolerance, and q < 0.05.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from mlwright.core.special import chi_square_sf, kolmogorov_sf, student_quantile
from mlwright.monitoring.profiles import ColumnProfile, NumberProfile, Profile, TextProfile

_FALSE_DISCOVERIES = 0.05
# Added to each cell, so that an empty one doesn't make the index infinite (Jeffreys' prior).
_PRIOR = 0.5
# Fewer days than this say nothing about how much days differ.
_FEW_DAYS = 3


class ColumnDrift(msgspec.Struct, frozen=True, kw_only=True):
    """How far one column moved.

    Attributes:
        column: Its name.
        psi: Stability index, de-biased; None when there was nothing to compare.
        low: Lower end of its interval.
        high: Upper end of its interval.
        p: Of the chi-square test.
        q: The same, corrected for all columns looked at.
        distance: Kolmogorov's distance between the binned distributions; None for text.
        distance_p: Its p-value; None for text.
        missing: Share of missing values in the window.
        missing_before: Share in the profile.
        findings: What else is to be said, one sentence each.
        has_drifted: The verdict on this column.
    """

    column: str
    psi: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None
    distance: float | None = None
    distance_p: float | None = None
    missing: float = 0.0
    missing_before: float = 0.0
    findings: list[str] = []
    has_drifted: bool = False


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as drift: the index that is still fine, and the confidence of its interval."""

    tolerance: float
    confidence: float


def compare(profile: Profile, columns: Mapping[str, np.ndarray], days: np.ndarray, rules: Rules) -> list[ColumnDrift]:
    """Compare the columns of a window with a profile, the most drifted first.

    Args:
        profile: What they looked like before.
        columns: The window's columns, arrays of shape [rows].
        days: The day that each row belongs to, of any integers; shape [rows].
        rules: What counts as drift.
    """
    found = [
        _compare_one(name, before, columns[name], days, rules)
        if name in columns
        else _vanished(name, "in none of the window's requests")
        for name, before in profile.columns.items()
    ]
    new = [name for name in columns if name not in profile.columns]
    found += [ColumnDrift(column=name, psi=None, findings=["not in the training data"]) for name in new]
    return sorted(corrected(found, rules), key=lambda one: (not one.has_drifted, -(one.psi or 0.0)))


def compare_scores(profile: Profile, scores: np.ndarray, days: np.ndarray, rules: Rules) -> ColumnDrift | None:
    """Compare a window's scores with those of the profile; None when the profile has none."""
    if profile.score is None:
        return None
    return corrected([_compare_one("score", profile.score, scores, days, rules)], rules)[0]


def corrected(columns: list[ColumnDrift], rules: Rules) -> list[ColumnDrift]:
    """Return the columns with q-values and verdicts, corrected for how many were looked at."""
    tested = [place for place, column in enumerate(columns) if column.p is not None]
    q_values = dict(zip(tested, false_discovery_rates([columns[place].p or 0.0 for place in tested]), strict=True))
    judged = []
    for place, column in enumerate(columns):
        q = q_values.get(place)
        beyond = column.low is not None and column.low > rules.tolerance
        drifted = column.has_drifted or (q is not None and q < _FALSE_DISCOVERIES and beyond)
        judged.append(msgspec.structs.replace(column, q=q, has_drifted=drifted))
    return judged


def false_discovery_rates(p_values: list[float]) -> list[float]:
    """Return the q-value of each p-value (Benjamini and Hochberg, 1995).

    Example:
        >>> false_discovery_rates([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.03]
    """
    size = len(p_values)
    order = sorted(range(size), key=lambda place: p_values[place])
    rates, lowest = [1.0] * size, 1.0
    for rank in range(size, 0, -1):
        place = order[rank - 1]
        lowest = min(lowest, p_values[place] * size / rank)
        rates[place] = lowest
    return rates


def stability_index(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Return the de-biased population stability index of counts against counts.

    Args:
        before: Rows of each cell in the reference; shape [cells].
        now: Rows of each cell; shape [..., cells], any number of samples at once.
    """
    used = (before > 0) | (now > 0).reshape(-1, now.shape[-1]).any(axis=0)
    before, now = before[used].astype(np.float64), now[..., used].astype(np.float64)
    cells = before.shape[-1]
    m, n = before.sum(), now.sum(axis=-1, keepdims=True)
    p = (before + _PRIOR) / (m + _PRIOR * cells)
    q = (now + _PRIOR) / (n + _PRIOR * cells)
    index = ((q - p) * np.log(q / p)).sum(axis=-1)
    bias = (cells - 1) * (1 / max(m, 1.0) + 1 / np.maximum(n[..., 0], 1.0))
    return np.asarray(index - bias)


def _compare_one(name: str, before: ColumnProfile, values: np.ndarray, days: np.ndarray, rules: Rules) -> ColumnDrift:
    reference = np.array(before.cells, dtype=np.int64)
    places = before.place(values)
    _, day = np.unique(days, return_inverse=True)
    table = np.zeros((int(day.max()) + 1 if len(day) else 1, len(reference)), dtype=np.int64)
    np.add.at(table, (day, places), 1)
    now = table.sum(axis=0)
    if not now.sum() or not reference.sum():
        return ColumnDrift(column=name, psi=None, findings=["no rows to compare"])
    missing, missing_before = now[-1] / now.sum(), reference[-1] / reference.sum()
    findings = _findings(before, now, values)
    if missing == 1 and missing_before < 1:
        return msgspec.structs.replace(
            _vanished(name, "without a value in all rows"), missing=1.0, missing_before=float(missing_before)
        )
    psi = float(stability_index(reference, now))
    low, high = _interval(reference, table, psi, rules.confidence)
    distance, distance_p = _kolmogorov(before, reference, now)
    return ColumnDrift(
        column=name,
        psi=psi,
        low=low,
        high=high,
        p=_chi_square(reference, now),
        distance=distance,
        distance_p=distance_p,
        missing=float(missing),
        missing_before=float(missing_before),
        findings=findings,
    )


def _interval(reference: np.ndarray, table: np.ndarray, psi: float, confidence: float) -> tuple[float, float]:
    """Return the jackknife interval over days; with few days, over nothing: it stays open downwards."""
    days = len(table)
    if days < _FEW_DAYS:
        return -math.inf, math.inf
    without = stability_index(reference, table.sum(axis=0) - table)
    error = math.sqrt((days - 1) / days * float(((without - without.mean()) ** 2).sum()))
    reach = student_quantile((1 + confidence) / 2, days - 1) * error
    return psi - reach, psi + reach


def _chi_square(reference: np.ndarray, now: np.ndarray) -> float:
    used = (reference + now) > 0
    before, after = reference[used].astype(np.float64), now[used].astype(np.float64)
    if len(before) < 2:
        return 1.0
    m, n = before.sum(), after.sum()
    statistic = ((math.sqrt(m / n) * after - math.sqrt(n / m) * before) ** 2 / (before + after)).sum()
    return chi_square_sf(float(statistic), len(before) - 1)


def _kolmogorov(before: ColumnProfile, reference: np.ndarray, now: np.ndarray) -> tuple[float | None, float | None]:
    if isinstance(before, TextProfile):
        return None, None
    old, new = reference[:-1].cumsum().astype(np.float64), now[:-1].cumsum().astype(np.float64)
    if not old[-1] or not new[-1]:
        return None, None
    distance = float(np.abs(new / new[-1] - old / old[-1]).max())
    size = old[-1] * new[-1] / (old[-1] + new[-1])
    return distance, kolmogorov_sf(math.sqrt(size) * distance)


def _findings(before: ColumnProfile, now: np.ndarray, values: np.ndarray) -> list[str]:
    rows = int(now.sum())
    if isinstance(before, NumberProfile):
        numeric = values.dtype.kind in "iufb"
        infinite = int(np.isinf(values).sum()) if values.dtype.kind == "f" else 0
        found = [f"{infinite:,} of {rows:,} values are infinite"] if infinite else []
        if not numeric and now[-1]:
            found.append(f"{int(now[-1]):,} of {rows:,} values are no numbers")
        if numeric and rows > 1 and before.std and (values == values[0]).all():
            found.append(f"the same value, {values[0]:g}, in all {rows:,} rows")
        return found
    seen = int((now[:-2] > 0).sum())
    found = []
    if now[-2] and not before.other:
        found.append(f"categories that training never saw in {now[-2] / rows:.1%} of the rows")
    if seen == 1 and len(before.categories) > 1 and now[-2] == 0:
        found.append(f"the same category in all {rows:,} rows")
    return found


def _vanished(name: str, how: str) -> ColumnDrift:
    return ColumnDrift(column=name, psi=None, findings=[f"vanished: {how}"], has_drifted=True, missing=1.0)


def as_numbers(columns: list[ColumnDrift]) -> list[dict[str, Any]]:
    """Return columns as JSON-able data: what is infinite becomes None."""
    return [
        {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in msgspec.to_builtins(column).items()
        }
        for column in columns
    ]
