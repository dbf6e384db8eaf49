"""Letting the arms answer: each its rows, the stable arm wherever another one fails, and nobody's failure hidden.

A row has failed when the model raises for it, or gives something that is no finite number. When a batch raises, it is
halved until the rows that raise are found, so that their neighbours aren't counted with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import structlog

from mlwright.errors import InvalidInput

if TYPE_CHECKING:
    from mlwright.registry.predictor import Columns, Predictor
    from mlwright.serving.arms import LoadedArm, Route

log = structlog.get_logger(__name__)

# How often a failing arm is asked again within one request to find the rows that fail; those left over count as failed.
_ASKS = 64
_ERROR_LENGTH = 200


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch was answered; arrays of shape [rows].

    Attributes:
        score: The answers; NaN where nobody could answer.
        baseline: What the stable arm would have answered, NaN where it wasn't asked; None when it never was.
        arm: Index of the arm that each row was assigned to (uint8).
        answered_by: Index of the arm that answered (uint8).
        failed: Whether the assigned arm failed.
        error: What the first failing arm said; empty when none failed.
    """

    score: np.ndarray
    baseline: np.ndarray | None
    arm: np.ndarray
    answered_by: np.ndarray
    failed: np.ndarray
    error: str

    @property
    def is_answered(self) -> bool:
        """Whether every row has an answer."""
        return not bool(np.isnan(self.score).any())


def score(route: Route, columns: Columns, arm: np.ndarray) -> Scored:
    """Let each arm answer its rows; while a rollout runs, the stable arm scores all of them, for comparison.

    Args:
        route: Who answers.
        columns: The rows.
        arm: Index of the arm of each row.

    Raises:
        InvalidInput: The stable arm refuses a value of the rows.
    """
    rows = len(arm)
    answers = np.full(rows, np.nan)
    error = ""
    for index, candidate in enumerate(route.arms[1:], start=1):
        mine = np.flatnonzero(arm == index)
        if len(mine):
            answers[mine], said = _ask(candidate, columns, mine)
            error = error or said
    failed = np.isnan(answers) & (arm != 0)
    compared = route.rollout_id is not None and bool((arm != 0).any())
    wanted = np.arange(rows) if compared else np.flatnonzero((arm == 0) | failed)
    baseline = np.full(rows, np.nan)
    if len(wanted):
        baseline[wanted], said = _ask(route.stable, columns, wanted, is_last=True)
        error = error or said
    by_stable = (arm == 0) | failed
    return Scored(
        score=np.where(by_stable, baseline, answers),
        baseline=baseline if compared else None,
        arm=arm,
        answered_by=np.where(by_stable, np.uint8(0), arm).astype(np.uint8),
        failed=failed | ((arm == 0) & np.isnan(baseline)),
        error=error,
    )


def _ask(arm: LoadedArm, columns: Columns, rows: np.ndarray, *, is_last: bool = False) -> tuple[np.ndarray, str]:
    """Return an arm's answers to some rows, NaN where it failed, and what it said then."""
    answers = np.full(len(rows), np.nan)
    if arm.predictor is None:
        return answers, _said(arm, arm.error)
    picked = columns if _is_all(columns, rows) else {name: values[rows] for name, values in columns.items()}
    pending, asks, error = [(0, len(rows))], 0, ""
    while pending and asks < _ASKS:
        start, end = pending.pop()
        asks += 1
        part = picked if end - start == len(rows) else {name: values[start:end] for name, values in picked.items()}
        try:
            answers[start:end] = _predict(arm.predictor, part)
        except InvalidInput as refused:
            if is_last:
                raise
            error = error or _said(arm, refused)
        except Exception as raised:  # noqa: BLE001  # boundary: user code, the model
            error = error or _said(arm, raised)
        else:
            continue
        if end - start > 1:
            middle = (start + end) // 2
            pending += [(middle, end), (start, middle)]
    answers[~np.isfinite(answers)] = np.nan
    if not error and np.isnan(answers).any():
        error = _said(arm, ValueError("the model's output is not a finite number"))
    return answers, error


def _predict(predictor: Predictor, columns: Columns) -> np.ndarray:
    return next(iter(predictor.predict(columns).values()))


def _is_all(columns: Columns, rows: np.ndarray) -> bool:
    return len(rows) == len(next(iter(columns.values())))


def _said(arm: LoadedArm, error: Exception | None) -> str:
    text = f"{type(error).__name__}: {error}".splitlines()[0][:_ERROR_LENGTH]
    log.debug("arm failed", arm=arm.name, version=arm.version.ref, error=text)
    return f"{arm.name} {arm.version.ref}: {text}"
