"""What a rollout has shown so far, condensed from the inference log into what the judge needs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mlwright.registry.losses import log_losses
from mlwright.serving.inference_log import Predictions
from mlwright.serving.labels import labelled

if TYPE_CHECKING:
    from mlwright.ledger.delivery import RolloutRow
    from mlwright.project import Project

_HOUR = np.timedelta64(1, "h")
_DAY = np.timedelta64(24, "h")
# A day of fewer rows says too little about its mean to count as one.
_FEWEST_ROWS_A_DAY = 10
# A day that is over counts as complete when this share of its rows has labels; some never get one.
_COMPLETE = 0.9


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and losses since the rollout began.

    Attributes:
        candidate_rows: Rows of the candidate in each closed hour; shape [hours].
        candidate_failed: How many of them failed; shape [hours].
        stable_rows: Rows of the stable version in each closed hour; shape [hours].
        stable_failed: How many of them failed; shape [hours].
        sums: Sum of the loss differences (candidate less stable, on the same rows) of each hour that has any.
        counts: Rows in each of those sums.
        days: Mean loss difference of each complete day since the start.
        candidate_loss: Mean loss of the candidate on those rows; NaN without any.
        stable_loss: Mean loss of the stable version on the same rows.
        step_rows: Labelled rows of the candidate since the present step began.
    """

    candidate_rows: np.ndarray
    candidate_failed: np.ndarray
    stable_rows: np.ndarray
    stable_failed: np.ndarray
    sums: np.ndarray
    counts: np.ndarray
    days: np.ndarray
    candidate_loss: float
    stable_loss: float
    step_rows: int


def gather(project: Project, rollout: RolloutRow, now: datetime) -> Evidence:
    """Return the evidence of a rollout as it was known at `now`."""
    rows = labelled(project, rollout.deployment, rollout.started_at, now, features=False, known_by=now)
    mine = (rows.arm == "candidate") & (rows.version == rollout.candidate)
    theirs = (rows.arm == "stable") & (rows.version == rollout.stable)
    return condense(rows.where(mine | theirs), rollout.started_at, rollout.step_started_at, now)


def condense(rows: Predictions, started_at: datetime, step_started_at: datetime, now: datetime) -> Evidence:
    """Return the evidence in some rows of the candidate and the stable arm."""
    start, end = _moment(started_at), _moment(now)
    candidate = np.asarray(rows.arm == "candidate", dtype=bool)
    hour = ((rows.at - start) // _HOUR).astype(np.int64)
    closed = hour < (end - start) // _HOUR
    bins = int((end - start) // _HOUR) if len(rows) else 0

    def by_hour(mask: np.ndarray) -> np.ndarray:
        return np.bincount(hour[mask & closed], minlength=bins)

    failed = np.asarray(rows.failed, dtype=bool)
    # A failed row was answered by the stable version: its score says nothing about the candidate.
    scored = candidate & ~failed & np.isfinite(rows.score) & np.isfinite(rows.baseline_score)
    paired = scored & ~np.isnan(rows.label)
    losses = log_losses(rows.label[paired], rows.score[paired])
    baseline = log_losses(rows.label[paired], rows.baseline_score[paired])
    difference = losses - baseline
    place = hour[paired]
    counts = np.bincount(place)
    sums = np.bincount(place, weights=difference, minlength=len(counts))
    return Evidence(
        candidate_rows=by_hour(candidate),
        candidate_failed=by_hour(candidate & failed),
        stable_rows=by_hour(~candidate),
        stable_failed=by_hour(~candidate & failed),
        sums=sums[counts > 0],
        counts=counts[counts > 0],
        days=_complete_days(rows, (scored, paired), difference, (start, end)),
        candidate_loss=float(losses.mean()) if len(losses) else np.nan,
        stable_loss=float(baseline.mean()) if len(losses) else np.nan,
        step_rows=int((paired & (rows.at >= _moment(step_started_at))).sum()),
    )


def _complete_days(
    rows: Predictions,
    masks: tuple[np.ndarray, np.ndarray],
    difference: np.ndarray,
    span: tuple[np.datetime64, np.datetime64],
) -> np.ndarray:
    """Return the mean difference of each day since the start whose labels have come, the newest left out until then."""
    scored, paired = masks
    start, end = span
    if not len(difference):
        return np.empty(0)
    day = ((rows.at - start) // _DAY).astype(np.int64)
    known = rows.at[~np.isnan(rows.label)].max()
    scored_rows = np.bincount(day[scored])
    counts = np.bincount(day[paired], minlength=len(scored_rows))
    sums = np.bincount(day[paired], weights=difference, minlength=len(scored_rows))
    ends = start + (np.arange(len(counts)) + 1) * _DAY
    complete = (ends <= known) | ((ends <= end) & (counts >= _COMPLETE * scored_rows))
    used = complete & (counts >= _FEWEST_ROWS_A_DAY)
    return np.asarray(sums[used] / counts[used])


def _moment(at: datetime) -> np.datetime64:
    return np.datetime64(at.replace(tzinfo=None), "us")
