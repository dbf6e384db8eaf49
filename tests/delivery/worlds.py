"""Simulated traffic whose truth is known, as rows of the inference log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from mlwright.serving.inference_log import Predictions

START = datetime(2026, 3, 1, tzinfo=UTC)


class World:
    """Binary outcomes whose rate differs from day to day, and two models of them.

    Args:
        seed: The same seed gives the same rows.
        rows_a_day: Requests a day, spread over its hours.
        harm: How far the candidate's log-odds are shrunk to 0: 0 is as good as stable, 1 knows nothing.
        noise: Spread of the differences between the two models' log-odds.
        luck: Spread of the days' log-odds that no model knows.
        fails: Share of the candidate's rows for which it fails.
        stable_fails: Share of all rows for which the arm that answers fails.
    """

    def __init__(
        self,
        seed: int,
        *,
        rows_a_day: int = 900,
        harm: float = 0.0,
        noise: float = 0.15,
        luck: float = 0.4,
        fails: float = 0.0,
        stable_fails: float = 0.0,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows_a_day, self.harm, self.noise, self.luck = rows_a_day, harm, noise, luck
        self.fails, self.stable_fails = fails, stable_fails

    def day(self, number: int, weight: float) -> Predictions:
        """Return the rows of one day after START, all labelled, the candidate answering this share."""
        rng, size = self.rng, self.rows_a_day
        hours = np.sort(rng.integers(5, 24, size))
        truth = rng.normal(-1.2, 1.0, size)
        shock = rng.normal(0, self.luck)
        label = (rng.random(size) < _sigmoid(truth + shock)).astype(float)
        stable = _sigmoid(0.9 * truth - 0.1 + rng.normal(0, self.noise, size))
        known = 0.9 * truth - 0.1 + rng.normal(0, self.noise, size)
        candidate = _sigmoid((1 - self.harm) * known + self.harm * -1.0)
        arm = np.where(rng.random(size) < weight, "candidate", "stable").astype(object)
        mine = arm == "candidate"
        failed = rng.random(size) < np.where(mine, self.fails + self.stable_fails, self.stable_fails)
        at = np.datetime64(START.replace(tzinfo=None), "us") + number * np.timedelta64(1, "D")
        return Predictions(
            prediction_id=np.array([f"{number}-{i}" for i in range(size)], dtype=object),
            at=at + hours.astype("timedelta64[h]"),
            version=np.where(mine, 2, 1),
            arm=arm,
            answered_by=np.where(mine & ~failed, 2, 1),
            failed=failed,
            score=np.where(mine & ~failed, candidate, stable),
            baseline_score=np.where(mine, stable, np.nan),
            latency_s=np.full(size, 0.002),
            features={},
            label=label,
            errors={},
        )


def joined(parts: list[Predictions], *, labelled_before: datetime) -> Predictions:
    """Put days one after the other; rows from this moment on have no label yet."""
    names = [name for name in Predictions.__struct_fields__ if name not in ("features", "errors")]
    rows = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    unknown = rows["at"] >= np.datetime64(labelled_before.replace(tzinfo=None), "us")
    rows["label"] = np.where(unknown, np.nan, rows["label"])
    return Predictions(**rows, features={}, errors={})


def after(days: float) -> datetime:
    """Return the moment so many days after START."""
    return START + timedelta(days=days)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))
