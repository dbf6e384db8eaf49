"""What each kind of monitor makes of a window: one function for each kind, listed in `MEASURES`."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

import msgspec
import numpy as np

from mlwright.monitoring import drift, performance
from mlwright.monitoring.profiles import Profile
from mlwright.monitoring.values import Measurement, Monitor, Verdict
from mlwright.monitoring.windows import days_of
from mlwright.serving.inference_log import Predictions

_NAMED_COLUMNS = 3


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor looks at.

    Attributes:
        rows: Everything logged in the window, with labels where the kind needs them.
        until: End of the window.
        version: Version that served at the time of the evaluation.
        profile: Its reference profile, None when it has none.
        training_rows: How many rows it was trained on; 0 when nobody said.
        new_labels: Labelled rows that came after its training data; 0 when that isn't known.
        extra_columns: Columns that requests may carry although the version doesn't take them; nobody watches them.
    """

    rows: Predictions
    until: datetime
    version: int
    profile: Profile | None
    training_rows: int = 0
    new_labels: int = 0
    extra_columns: frozenset[str] = frozenset()

    @property
    def answered(self) -> Predictions:
        """The rows that this very version answered: it isn't blamed for another's."""
        return self.rows.where((self.rows.answered_by == self.version) & ~np.isnan(self.rows.score))


def measure(monitor: Monitor, window: Window) -> Measurement:
    """Return what a window shows to a monitor."""
    return MEASURES[monitor.kind](monitor, window)


def _input_drift(monitor: Monitor, window: Window) -> Measurement:
    if window.profile is None:
        return _no_profile(window)
    if len(window.rows) < monitor.min_rows:
        return _too_few(len(window.rows), monitor, "rows")
    rules = drift.Rules(tolerance=monitor.limit, confidence=monitor.confidence)
    features = {name: values for name, values in window.rows.features.items() if name not in window.extra_columns}
    columns = drift.compare(window.profile, features, days_of(window.rows, window.until), rules)
    drifted = [column for column in columns if column.has_drifted]
    compared = [column for column in columns if column.psi is not None]
    value = max((column.psi or 0.0 for column in compared), default=0.0)
    against = f"version {window.version}'s training data"
    if drifted:
        named = ", ".join(_column(column) for column in drifted[:_NAMED_COLUMNS])
        more = f" and {len(drifted) - _NAMED_COLUMNS} more" if len(drifted) > _NAMED_COLUMNS else ""
        sentence = f"{len(drifted)} of {len(columns)} columns moved away from {against}: {named}{more}"
    else:
        sentence = (
            f"all {len(columns)} columns are like {against} (largest stability index {value:.2f}, "
            f"tolerance {monitor.limit:g})"
        )
    noted = [f"{column.column}: {text}" for column in columns for text in column.findings if not column.has_drifted]
    if noted:
        sentence += f"; noticed: {'; '.join(noted[:_NAMED_COLUMNS])}"
    numbers = {"rows": len(window.rows), "tolerance": monitor.limit, "columns": drift.as_numbers(columns)}
    return Measurement(verdict="degraded" if drifted else "ok", value=value, sentence=sentence, numbers=numbers)


def _score_drift(monitor: Monitor, window: Window) -> Measurement:
    rows = window.answered
    if window.profile is None or window.profile.score is None:
        return _no_profile(window)
    if len(rows) < monitor.min_rows:
        return _too_few(len(rows), monitor, f"rows answered by version {window.version}")
    rules = drift.Rules(tolerance=monitor.limit, confidence=monitor.confidence)
    found = drift.compare_scores(window.profile, rows.score, days_of(rows, window.until), rules)
    if found is None or found.psi is None:
        return _no_profile(window)
    before = window.profile.score.mean
    sentence = (
        f"the scores' stability index against version {window.version}'s training data is {found.psi:.2f}"
        f"{_between(found.low, found.high, monitor, 2)}; mean score {rows.score.mean():.3f}, "
        f"{'unknown' if before is None else f'{before:.3f}'} in training"
    )
    numbers = {"rows": len(rows), "tolerance": monitor.limit, "score": drift.as_numbers([found])[0]}
    verdict: Verdict = "degraded" if found.has_drifted else "ok"
    return Measurement(verdict=verdict, value=found.psi, sentence=sentence, numbers=numbers)


def _log_loss(monitor: Monitor, window: Window) -> Measurement:
    rows, coverage = _labelled(window)
    if len(rows) < monitor.min_rows:
        return _too_few(len(rows), monitor, f"labelled rows answered by version {window.version}")
    found = performance.measure_loss(rows.label, rows.score, days_of(rows, window.until), confidence=monitor.confidence)
    excess = found.excess
    side = "above" if excess.mean >= 0 else "below"
    sentence = (
        f"log loss {found.log_loss:.3f}; {abs(excess.mean):.3f} {side} what the scores promise"
        f"{_between(excess.low, excess.high, monitor, 3)}"
    )
    numbers = {
        "log_loss": found.log_loss,
        "promised": found.promised,
        "excess": performance.plain(excess),
        "naive_log_loss": found.naive,
        "positive": found.positive,
        **_shared(monitor, rows, coverage),
    }
    return _judged(monitor, excess, excess.low, sentence, numbers)


def _calibration(monitor: Monitor, window: Window) -> Measurement:
    rows, coverage = _labelled(window)
    if len(rows) < monitor.min_rows:
        return _too_few(len(rows), monitor, f"labelled rows answered by version {window.version}")
    found = performance.measure_calibration(
        rows.label, rows.score, days_of(rows, window.until), confidence=monitor.confidence
    )
    bias = found.bias
    side = "above" if bias.mean >= 0 else "below"
    sentence = (
        f"the mean score lies {abs(bias.mean):.3f} {side} the share of positive outcomes"
        f"{_between(bias.low, bias.high, monitor, 3)}; calibration error {found.error:.3f}, "
        f"{found.error_by_chance:.3f} by chance alone"
    )
    numbers = {
        "bias": performance.plain(bias),
        "calibration_error": found.error,
        "calibration_error_by_chance": found.error_by_chance,
        "spiegelhalter_z": found.spiegelhalter_z,
        "spiegelhalter_p": found.spiegelhalter_p,
        "bins": found.bins,
        **_shared(monitor, rows, coverage),
    }
    # Too high and too low scores are equally wrong: what counts is how far 0 lies outside of the interval.
    return _judged(monitor, bias, max(bias.low, -bias.high), sentence, numbers)


def _staleness(monitor: Monitor, window: Window) -> Measurement:
    if not window.training_rows:
        return Measurement(
            verdict="too-few",
            value=None,
            sentence=f"version {window.version} doesn't say how many rows it was trained on",
            numbers={"new_labels": window.new_labels},
        )
    value = window.new_labels / window.training_rows
    sentence = (
        f"{window.new_labels:,} labelled rows came since version {window.version}'s training, {value:.0%} of the "
        f"{window.training_rows:,} that it knows (tolerance {monitor.limit:.0%})"
    )
    numbers = {"new_labels": window.new_labels, "training_rows": window.training_rows, "tolerance": monitor.limit}
    return Measurement(
        verdict="degraded" if value > monitor.limit else "ok", value=value, sentence=sentence, numbers=numbers
    )


def _labelled(window: Window) -> tuple[Predictions, float]:
    """Return the labelled rows of the serving version and which share of its rows they are."""
    answered = window.answered
    known = answered.where(~np.isnan(answered.label))
    return known, len(known) / len(answered) if len(answered) else 0.0


def _judged(
    monitor: Monitor, found: performance.Interval, lower: float, sentence: str, numbers: dict[str, object]
) -> Measurement:
    if not math.isfinite(lower):
        few = f"{sentence}; {found.days} days are too few for an interval"
        return Measurement(verdict="too-few", value=found.mean, sentence=few, numbers=numbers)
    verdict: Verdict = "degraded" if lower > monitor.limit else "ok"
    return Measurement(verdict=verdict, value=found.mean, sentence=sentence, numbers=numbers)


def _shared(monitor: Monitor, rows: Predictions, coverage: float) -> dict[str, object]:
    return {
        "rows": len(rows),
        "label_coverage": coverage,
        "confidence": monitor.confidence,
        "tolerance": monitor.limit,
    }


def _between(low: float | None, high: float | None, monitor: Monitor, digits: int) -> str:
    if low is None or high is None or not math.isfinite(low):
        return ""
    return f" ({monitor.confidence:.0%} interval {low:.{digits}f} to {high:.{digits}f}; tolerance {monitor.limit:g})"


def _column(column: drift.ColumnDrift) -> str:
    return f"{column.column} ({column.findings[0] if column.psi is None else f'{column.psi:.2f}'})"


def _no_profile(window: Window) -> Measurement:
    return Measurement(
        verdict="too-few",
        value=None,
        sentence=f"version {window.version} was registered without a reference profile to compare with",
        numbers={"rows": len(window.rows)},
    )


def _too_few(rows: int, monitor: Monitor, what: str) -> Measurement:
    return Measurement(
        verdict="too-few",
        value=None,
        sentence=f"{rows:,} {what} are too few to judge by (wanted {monitor.min_rows:,})",
        numbers={"rows": rows, "min_rows": monitor.min_rows},
    )


MEASURES: dict[str, Callable[[Monitor, Window], Measurement]] = {
    "input-drift": _input_drift,
    "score-drift": _score_drift,
    "calibration": _calibration,
    "log-loss": _log_loss,
    "staleness": _staleness,
}
