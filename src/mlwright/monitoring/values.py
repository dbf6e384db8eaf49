"""What a user declares about monitors, and what one measurement says."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mlwright.errors import InvalidDefinition

Kind = Literal["input-drift", "score-drift", "calibration", "log-loss", "staleness"]
Verdict = Literal["ok", "degraded", "too-few"]
Severity = Literal["info", "warning", "critical"]

#: Tolerance of each kind when none is declared: two stability indices, a bias, an excess loss, a share of new rows.
TOLERANCES: dict[str, float] = {
    "input-drift": 0.1,
    "score-drift": 0.1,
    "calibration": 0.02,
    "log-loss": 0.01,
    "staleness": 0.25,
}

#: Kinds that need labels; their windows close `label_delay_days` before they are evaluated.
LABELLED = frozenset({"calibration", "log-loss"})


class Monitor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Watches one thing about a deployment, window after window.

    A window is bad when the lower end of the interval around what was measured lies above the tolerance; an alert opens
    after several bad windows in a row and resolves after several good ones, or when another version serves.

    What to expect of a healthy model, counted over simulated years of daily windows of 7 days at confidence 0.95: with
    tolerance 0, 1 to 2 of 100 windows of the log loss are bad and one or two false alerts open in a year, because
    neighbouring windows share six days; with tolerance 0.01 half as many where days have luck of their own, and next to
    none where they don't.

    Attributes:
        name: Unique name in the project.
        deployment: Name of the deployment.
        kind: What is measured.
            `input-drift`: the stability index (PSI) of each input column against the version's training data.
            `score-drift`: the same of the scores.
            `calibration`: how far the mean score lies from the share of positive outcomes.
            `log-loss`: how much more the log loss is than the scores themselves promise.
            `staleness`: labelled rows that came since the version's training, as a share of what it was trained on.
        window_days: Length of a window.
        every_days: A window ends each time so many days have passed, counted from 1970-01-01 UTC.
        tolerance: What is still fine; each kind has a default of its own.
        severity: What its alerts are marked with.
        min_rows: Fewer (labelled) rows than this give the verdict `too-few`.
        label_delay_days: Outcomes of this last stretch are still coming; labelled kinds look at the window before it.
        confidence: Of the intervals.
        open_after: Bad windows in a row that open an alert.
        resolve_after: Good windows in a row that resolve it.

    Example:
        >>> Monitor("loss", "churn", kind="log-loss").limit
        0.01
    """

    name: str
    deployment: str
    kind: Kind
    window_days: float = 7.0
    every_days: float = 1.0
    tolerance: float | None = None
    severity: Severity = "warning"
    min_rows: int = 200
    label_delay_days: float = 1.0
    confidence: float = 0.95
    open_after: int = 2
    resolve_after: int = 2

    def __post_init__(self) -> None:
        if self.kind not in TOLERANCES:
            from mlwright.errors import did_you_mean

            raise InvalidDefinition(
                f"monitor '{self.name}' is of the unknown kind '{self.kind}'.",
                fix=did_you_mean(self.kind, list(TOLERANCES)),
            )
        for name in ("window_days", "every_days", "min_rows", "open_after", "resolve_after"):
            if not getattr(self, name) > 0:
                raise InvalidDefinition(
                    f"monitor '{self.name}' has {name} {getattr(self, name):g}.", fix="give a number above 0"
                )
        if self.label_delay_days < 0 or (self.tolerance is not None and not self.tolerance >= 0):
            raise InvalidDefinition(f"monitor '{self.name}' has a negative delay or tolerance.", fix="give 0 or more")
        if not 0.5 < self.confidence < 1:
            raise InvalidDefinition(
                f"monitor '{self.name}' has confidence {self.confidence:g}.",
                fix="give a share between 0.5 and 1, for example 0.95",
            )

    @property
    def limit(self) -> float:
        """The tolerance that holds: the declared one, or that of the kind."""
        return TOLERANCES[self.kind] if self.tolerance is None else self.tolerance

    @property
    def delay_days(self) -> float:
        """How long before its evaluation a window closes."""
        return self.label_delay_days if self.kind in LABELLED else 0.0


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What one window shows.

    Attributes:
        verdict: ok, degraded or too-few.
        value: The headline number, None when there were too few rows.
        sentence: What it means, for people; says nothing of the window, which the caller knows.
        numbers: The same for machines, JSON-able.
    """

    verdict: Verdict
    value: float | None
    sentence: str
    numbers: dict[str, Any]


def monitor_of(spec: dict[str, Any]) -> Monitor:
    """Return the monitor that a row of the ledger declares."""
    return msgspec.convert(spec, Monitor)
