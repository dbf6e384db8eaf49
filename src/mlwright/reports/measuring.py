"""What was answered, against what one version would have answered: every number of a report that comes from rows.

Rows are read a week at a time, so features of no more than a week are in memory at once. The counterfactual is exact:
the baseline version's own model is asked with the very features that were logged, unless its answer to a row is in the
log already, because it served or was compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from mlwright import serving
from mlwright.ledger.inference import Logged
from mlwright.registry.bootstrap import mean_interval
from mlwright.registry.losses import log_losses
from mlwright.reports.values import CONFIDENCE, FEWEST_DAYS, Bin, Day, Losses, Period, Volume

if TYPE_CHECKING:
    from mlwright.project import Project
    from mlwright.registry.predictor import Predictor
    from mlwright.serving import Predictions

_CHUNK = timedelta(days=7)
_BINS = 20
_DTYPES = {
    "day": np.int64,
    "version": np.int64,
    "score": np.float64,
    "label": np.float64,
    "baseline": np.float64,
    "assigned": np.int64,
    "failed": np.bool_,
}


class Rows(msgspec.Struct, kw_only=True):
    """Every answered row as columns of shape [rows]; `asked` holds the assigned version and whether it failed.

    Attributes:
        day: Days since 1970, in the report's time zone.
        version: Version that answered.
        score: What was answered.
        label: 0 or 1, NaN where the outcome isn't known.
        baseline: What the baseline version answers; NaN where there is no label or no answer.
        assigned: Version of the arm that the row was assigned to.
        failed: Whether that arm failed.
    """

    day: np.ndarray
    version: np.ndarray
    score: np.ndarray
    label: np.ndarray
    baseline: np.ndarray
    assigned: np.ndarray
    failed: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """Rows whose losses are compared: labelled, and answered by the baseline where it answers at all."""
        known = ~np.isnan(self.label)
        answered = known & ~np.isnan(self.baseline)
        return np.asarray(answered if answered.any() else known)


class Baseline(msgspec.Struct, kw_only=True):
    """The version that what was served is compared with.

    Attributes:
        version: Its number.
        predictor: Its model; None when it can't be loaded.
        refused_rows: Labelled rows that it could not answer, counted while rows are read.
        refusal: What it said then.
    """

    version: int
    predictor: Predictor | None
    refused_rows: int = 0
    refusal: str = ""


class Reading(msgspec.Struct, kw_only=True):
    """The rows of a report and what was counted while they were read."""

    rows: Rows
    failed_requests: int
    odd_labels: int
    errors: Counter[str]
    latencies: np.ndarray


def read(
    project: Project, deployment: str, since: datetime, until: datetime, baseline: Baseline, zone: ZoneInfo
) -> Reading:
    """Read all rows answered in [since, until), and let the baseline version answer the labelled ones.

    Args:
        project: Where to look.
        deployment: Whose rows.
        since: Beginning, in event time.
        until: End, excluded.
        baseline: What is compared with; rows that it refuses are counted in it.
        zone: Time zone that decides which day a row belongs to.
    """
    parts: dict[str, list[np.ndarray]] = {name: [np.empty(0, dtype)] for name, dtype in _DTYPES.items()}
    errors: Counter[str] = Counter()
    latencies, failed_requests, odd_labels = [np.empty(0)], 0, 0
    names = [] if baseline.predictor is None else [column.name for column in baseline.predictor.recipe.columns]
    for start, end in _chunks(since, until):
        found = serving.labelled(project, deployment, start, end, features=names or False)
        errors.update(found.errors)
        answered, failed = _answered(found)
        failed_requests += failed
        found = found if answered.all() else found.where(answered)
        latencies.append(np.unique(found.latency_s))
        odd = ~np.isnan(found.label) & (found.label != 0) & (found.label != 1)
        odd_labels += int(odd.sum())
        label = np.where(odd, np.nan, found.label)
        for name, values in {
            "day": _day_numbers(found.at, zone),
            "version": found.answered_by,
            "score": found.score,
            "label": label,
            "baseline": _baseline_scores(found, label, baseline),
            "assigned": found.version,
            "failed": found.failed,
        }.items():
            parts[name].append(values)
    rows = Rows(**{name: np.concatenate(values) for name, values in parts.items()})
    return Reading(
        rows=rows,
        failed_requests=failed_requests,
        odd_labels=odd_labels,
        errors=errors,
        latencies=np.concatenate(latencies),
    )


def volume(reading: Reading, logged: Logged) -> Volume:
    """Return what was asked and answered.

    Args:
        reading: The rows.
        logged: Counts of the same stretch of the log, failed attempts included.
    """
    rows, latencies = reading.rows, reading.latencies
    return Volume(
        requests=logged.requests - reading.failed_requests,
        rows=len(rows.day),
        labelled=int((~np.isnan(rows.label)).sum()),
        failed_requests=reading.failed_requests,
        rescued_rows=int(rows.failed.sum()),
        errors=dict(reading.errors.most_common()),
        latency_median_s=float(np.median(latencies)) if len(latencies) else None,
        latency_p99_s=float(np.quantile(latencies, 0.99)) if len(latencies) else None,
    )


def losses(rows: Rows, chosen: np.ndarray | None = None, *, with_interval: bool = True) -> Losses:
    """Return the log losses of the labelled rows.

    Args:
        rows: All rows.
        chosen: Which of them, a boolean array of shape [rows]; all by default.
        with_interval: Whether the difference gets an interval, which draws whole days.
    """
    mask = rows.judged if chosen is None else rows.judged & chosen
    label, day = rows.label[mask], rows.day[mask]
    count, days = len(label), len(np.unique(day))
    if not count:
        return _no_losses()
    served, base = log_losses(label, rows.score[mask]), log_losses(label, rows.baseline[mask])
    compared = bool(np.isfinite(base).all())
    drawn = compared and with_interval and days >= FEWEST_DAYS
    interval = mean_interval(served - base, day, confidence=CONFIDENCE) if drawn else None
    return Losses(
        rows=count,
        positives=int(label.sum()),
        served=float(served.mean()),
        baseline=float(base.mean()) if compared else None,
        base_rate=float(log_losses(label, np.full(count, label.mean())).mean()),
        difference=float((served - base).mean()) if compared else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        days=days,
        confidence=CONFIDENCE,
    )


def days_of(rows: Rows, since: datetime, until: datetime) -> list[Day]:
    """Return every day of [since, until), also those without rows."""
    found = []
    for day in _days(since, until):
        here = rows.day == _number(day)
        label, versions = rows.label[here], rows.version[here]
        numbers, counts = np.unique(versions, return_counts=True)
        found.append(
            Day(
                day=day,
                rows=int(here.sum()),
                labelled=int((~np.isnan(label)).sum()),
                positives=int(np.nansum(label)),
                by_version={int(v): int(n) for v, n in zip(numbers, counts, strict=True)},
            )
        )
    return found


def weeks_of(rows: Rows, since: datetime, until: datetime) -> list[Period]:
    """Return the weeks that touch [since, until), each from its Monday."""
    if since >= until:
        return []
    starts = [since.date() - timedelta(days=since.weekday())]
    while starts[-1] <= _last_day(until):
        starts.append(starts[-1] + timedelta(days=7))
    return _periods(rows, starts, with_interval=False)


def months_of(rows: Rows, since: datetime, until: datetime) -> list[Period]:
    """Return the months that touch [since, until)."""
    if since >= until:
        return []
    starts = [since.date().replace(day=1)]
    while starts[-1] <= _last_day(until):
        starts.append((starts[-1] + timedelta(days=32)).replace(day=1))
    return _periods(rows, starts, with_interval=True)


def calibration(label: np.ndarray, score: np.ndarray) -> list[Bin]:
    """Return a reliability diagram: rows by their answer, in 20 bins of equal width; empty bins are left out.

    Args:
        label: 0 or 1; shape [rows].
        score: Probabilities; shape [rows].
    """
    place = np.clip((score * _BINS).astype(np.int64), 0, _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    answers = np.bincount(place, weights=score, minlength=_BINS)
    ones = np.bincount(place, weights=label, minlength=_BINS)
    return [
        Bin(
            low=bin_ / _BINS,
            high=(bin_ + 1) / _BINS,
            rows=int(counts[bin_]),
            answer=float(answers[bin_] / counts[bin_]),
            share=float(ones[bin_] / counts[bin_]),
        )
        for bin_ in range(_BINS)
        if counts[bin_]
    ]


def _answered(found: Predictions) -> tuple[np.ndarray, int]:
    """Return which rows belong to an answered request, and how many requests were not answered."""
    broken = np.isnan(found.score)
    if not broken.any():
        return ~broken, 0
    # The rows of one request share moment and latency; where one of them has no answer, the caller got none at all.
    requests = list(zip(found.at.tolist(), found.latency_s.tolist(), strict=True))
    failed = {request for request, is_broken in zip(requests, broken.tolist(), strict=True) if is_broken}
    return np.array([request not in failed for request in requests]), len(failed)


def _baseline_scores(found: Predictions, label: np.ndarray, baseline: Baseline) -> np.ndarray:
    scores = np.where(found.answered_by == baseline.version, found.score, np.nan)
    if baseline.predictor is None:
        return np.full(len(scores), np.nan)
    wanted = np.isnan(scores) & ~np.isnan(label)
    if not wanted.any():
        return scores
    columns = {name: values[wanted] for name, values in found.features.items()}
    try:
        with _one_thread():
            answers = next(iter(baseline.predictor.predict(columns).values()))
        scores[wanted] = np.where(np.isfinite(answers), answers, np.nan)
    except Exception as error:  # noqa: BLE001  # boundary: the user's model
        baseline.refusal = baseline.refusal or f"{type(error).__name__}: {error}".splitlines()[0]
    baseline.refused_rows += int(np.isnan(scores[wanted]).sum())
    return scores


def _one_thread() -> AbstractContextManager[object]:
    """Return a context in which estimators use one thread: on a busy machine more would wait for each other."""
    if find_spec("threadpoolctl") is None:
        return nullcontext()
    limits: AbstractContextManager[object] = import_module("threadpoolctl").threadpool_limits(1, user_api="openmp")
    return limits


def _no_losses() -> Losses:
    return Losses(
        rows=0,
        positives=0,
        served=None,
        baseline=None,
        base_rate=None,
        difference=None,
        low=None,
        high=None,
        days=0,
        confidence=CONFIDENCE,
    )


def _periods(rows: Rows, bounds: list[date], *, with_interval: bool) -> list[Period]:
    found = []
    for start, end in pairwise(bounds):
        inside = (rows.day >= _number(start)) & (rows.day < _number(end))
        told = losses(rows, inside, with_interval=with_interval)
        found.append(Period(start=start, end=end, rows=int(inside.sum()), losses=told))
    return found


def _chunks(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    start = since
    while start < until:
        end = min(start + _CHUNK, until)
        yield start, end
        start = end


def _days(since: datetime, until: datetime) -> Iterator[date]:
    day = since.date()
    while since < until and day <= _last_day(until):
        yield day
        day += timedelta(days=1)


def _last_day(until: datetime) -> date:
    """Return the day of the last moment before `until`."""
    return (until - timedelta(microseconds=1)).date()


def _day_numbers(at: np.ndarray, zone: ZoneInfo) -> np.ndarray:
    # The rows of a request share their moment, so few moments are converted.
    moments, place = np.unique(at, return_inverse=True)
    days = [_number(moment.replace(tzinfo=UTC).astimezone(zone).date()) for moment in moments.tolist()]
    return np.array(days, dtype=np.int64)[place]


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
