"""The judge of rollouts: evidence in, a decision with its numbers and one sentence out. It keeps no state.

Three questions are asked at every look, each by a method that bears looking at any moment (`sequential.py`):

1. Does the candidate fail for more rows than the stable version? An e-value against "no more often". Rolls back.
2. Is the candidate's loss worse by more than the margin? Both versions score the candidate's rows, so the differences
   are paired. An e-value with the day as its unit, because one stormy day would otherwise condemn a model that is as
   good on average. Rolls back. A loss that is certain and huge on the rows so far rolls back without waiting for days.
3. Was the candidate no worse on the traffic that it really answered? A confidence sequence on the same differences,
   clustered by hour. Before the last step its middle must lie below the margin, at the last step its upper end.

When neither harm nor safety is shown by the deadline, the stable version keeps the traffic.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np

from mlwright.delivery.evidence import Evidence
from mlwright.delivery.sequential import Interval, failure_log_e_value, mean_sequence, worse_log_e_value
from mlwright.delivery.values import Rollout, Step

DecisionName = Literal["continue", "advance", "promote", "roll-back", "keep-stable"]

# Fewer clusters than this make an asymptotic interval a guess.
_FEWEST_HOURS = 8
_LARGEST_LOG = 690.0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rollout stands.

    Attributes:
        stable: Version that serves now.
        candidate: Version on trial.
        steps: As planned; the last is the promotion.
        step: Index of the present one.
        step_hours: Hours since it began.
        hours: Hours since the rollout began.
    """

    stable: int
    candidate: int
    steps: tuple[Step, ...]
    step: int
    step_hours: float
    hours: float


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge decided, with its numbers (JSON-able) and one sentence for people."""

    decision: DecisionName
    sentence: str
    numbers: dict[str, Any]


class _Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The answers to the three questions."""

    evidence: Evidence
    interval: Interval
    error_log_e: float
    loss_log_e: float
    log_limit: float
    margin: float
    confidence: float

    @property
    def rows(self) -> int:
        return int(self.evidence.counts.sum())

    @property
    def is_telling(self) -> bool:
        return len(self.evidence.counts) >= _FEWEST_HOURS


def judge(evidence: Evidence, rollout: Rollout, progress: Progress) -> Decision:
    """Decide what a rollout does next.

    Args:
        evidence: What it has shown so far.
        rollout: Its rules.
        progress: Where it stands.
    """
    alpha = 1 - rollout.confidence
    found = _Findings(
        evidence=evidence,
        interval=mean_sequence(evidence.sums, evidence.counts, alpha=alpha),
        error_log_e=failure_log_e_value(
            evidence.candidate_rows,
            evidence.candidate_failed,
            evidence.stable_rows,
            evidence.stable_failed,
            ratio=rollout.max_error_ratio,
        ),
        loss_log_e=worse_log_e_value(evidence.days, rollout.margin),
        # Half of the allowed error for each of the two ways to be rolled back.
        log_limit=math.log(2 / alpha),
        margin=rollout.margin,
        confidence=rollout.confidence,
    )
    decision, sentence = _harm(found, rollout, progress) or _safety(found, rollout, progress)
    return Decision(decision=decision, sentence=sentence, numbers=_numbers(found, progress))


def _harm(found: _Findings, rollout: Rollout, progress: Progress) -> tuple[DecisionName, str] | None:
    new, old = progress.candidate, progress.stable
    if found.error_log_e >= found.log_limit:
        sentence = f"rolled back: {_failures(found, progress)}, which is no accident ({_e(found, found.error_log_e)})"
        return "roll-back", sentence
    if found.loss_log_e >= found.log_limit:
        worse = float(np.mean(found.evidence.days))
        sentence = (
            f"rolled back: over {len(found.evidence.days)} days version {new}'s log loss was {worse:.3f} above version "
            f"{old}'s on the same rows, more than the margin {rollout.margin:g} ({_e(found, found.loss_log_e)})"
        )
        return "roll-back", sentence
    if found.is_telling and found.interval.low > rollout.max_loss_excess:
        sentence = f"rolled back: {_losses(found, progress)}, beyond the limit of {rollout.max_loss_excess:g}"
        return "roll-back", sentence
    return None


def _safety(found: _Findings, rollout: Rollout, progress: Progress) -> tuple[DecisionName, str]:
    present = progress.steps[progress.step]
    is_last = progress.step >= len(progress.steps) - 2
    waits = _waits(found, present, progress)
    if not waits:
        if is_last and found.interval.high < rollout.margin:
            return "promote", f"promoted: {_losses(found, progress)}; {_failures(found, progress)}"
        if not is_last and found.interval.mean <= rollout.margin:
            share = progress.steps[progress.step + 1].weight
            return "advance", f"advanced to {share:.0%}: {_losses(found, progress)}; {_failures(found, progress)}"
        end, name = (found.interval.high, "upper end of the interval") if is_last else (found.interval.mean, "mean")
        waits = [f"the {name}, {end:+.3f}, to come below the margin {rollout.margin:g}"]
    if progress.hours >= rollout.deadline_hours:
        sentence = (
            f"inconclusive after {progress.hours:.0f} hours, version {progress.stable} keeps the traffic: "
            f"{_losses(found, progress)}; was waiting for {' and '.join(waits)}"
        )
        return "keep-stable", sentence
    return "continue", f"at {present.weight:.0%}, waiting for {' and '.join(waits)}"


def _waits(found: _Findings, present: Step, progress: Progress) -> list[str]:
    waits = []
    hours_left = present.min_hours - progress.step_hours
    if hours_left > 0:
        waits.append(f"{hours_left:.0f} more hours" if hours_left >= 1 else "less than an hour more")
    rows_left = present.min_rows - found.evidence.step_rows
    if rows_left > 0:
        waits.append(f"{rows_left:,} more labelled rows")
    if not waits and not found.is_telling:
        waits.append(f"labelled rows of {_FEWEST_HOURS - len(found.evidence.counts)} more hours")
    return waits


def _losses(found: _Findings, progress: Progress) -> str:
    if not found.rows:
        return "no labelled rows yet"
    difference = found.interval.mean
    side = "above" if difference >= 0 else "below"
    interval = ""
    if math.isfinite(found.interval.low):
        interval = f" ({found.confidence:.0%} interval {found.interval.low:+.3f} to {found.interval.high:+.3f})"
    return (
        f"version {progress.candidate}'s log loss lies {abs(difference):.3f} {side} version {progress.stable}'s "
        f"on the same {found.rows:,} rows{interval}"
    )


def _failures(found: _Findings, progress: Progress) -> str:
    evidence = found.evidence
    return (
        f"version {progress.candidate} failed for {int(evidence.candidate_failed.sum()):,} of "
        f"{int(evidence.candidate_rows.sum()):,} rows, version {progress.stable} for "
        f"{int(evidence.stable_failed.sum()):,} of {int(evidence.stable_rows.sum()):,}"
    )


def _e(found: _Findings, log_e: float) -> str:
    return f"e-value {_number(log_e):.3g}, {_number(found.log_limit):.3g} is enough"


def _number(log_e: float) -> float:
    return math.exp(min(log_e, _LARGEST_LOG))


def _numbers(found: _Findings, progress: Progress) -> dict[str, Any]:
    evidence, interval = found.evidence, found.interval
    return {
        "hours": progress.hours,
        "step": {"hours": progress.step_hours, "labelled_rows": evidence.step_rows},
        "errors": {
            "candidate_rows": int(evidence.candidate_rows.sum()),
            "candidate_failed": int(evidence.candidate_failed.sum()),
            "stable_rows": int(evidence.stable_rows.sum()),
            "stable_failed": int(evidence.stable_failed.sum()),
            "e_value": _number(found.error_log_e),
            "e_value_needed": _number(found.log_limit),
        },
        "loss": {
            "rows": found.rows,
            "candidate": _plain(evidence.candidate_loss),
            "stable": _plain(evidence.stable_loss),
            "difference": _plain(interval.mean),
            "low": _plain(interval.low),
            "high": _plain(interval.high),
            "confidence": found.confidence,
            "margin": found.margin,
            "hours": len(evidence.counts),
            "days": [float(day) for day in evidence.days],
            "e_value_worse": _number(found.loss_log_e),
            "e_value_needed": _number(found.log_limit),
        },
    }


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
