"""What `search` and `search_mlflow` ask, and of which runs: the same data set for both sides, from nothing but Python.

8 metrics a run, of 400 points a run on average: half of the points are in curves of a few dozen, the other half in
curves of thousands that each 40th run has, as trainings and short tries lie side by side in real projects.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

METRICS = ("auc", "loss", "accuracy", "f1", "val/auc", "val/loss", "rmse", "epoch_s")
EXPERIMENTS = 20
OPTIMIZERS = ("adam", "sgd", "lamb", "rmsprop")
#: Microseconds since 1970 of the first run; each begins a minute after the one before.
BEGUN_US = 1_767_225_600_000_000
MINUTE_US = 60_000_000
POINTS = 400
ORDER = "metrics.auc DESC"
PAGE = 100
_LONG = 40

#: Questions that both languages can say. HALF is a number that differs each time, so that nothing remembers answers.
SHARED = {
    "half": "metrics.auc > HALF AND params.optimizer != 'lamb'",
    "1 of 8": "metrics.auc > HALF AND params.optimizer = 'adam'",
    "1 of 40": "metrics.loss < 0.1 AND params.optimizer = 'sgd'",
    "1 of 1,000": "metrics.loss < HALF AND params.seed = '7'",
    "few": "metrics.auc > 0.9995 AND params.optimizer = 'adam'",
    "none, by the metric": "metrics.auc > 2 AND params.optimizer = 'adam'",
    "none, by the param": "metrics.auc > HALF AND params.optimizer = 'nadam'",
    "all": "",
}
#: And those of ours alone, or that would only make the other side slower.
OWN = {
    "none, by both": "metrics.loss < 0.499 AND params.late = 'no' AND metrics.auc > HALF",
    "numbers": "params.lr BETWEEN 0.001 AND 0.01 AND metrics.auc > HALF",
    "either": "(params.optimizer = 'adam' OR metrics.f1 > 0.9) AND NOT tags.team = 'vision'",
}


class Made(NamedTuple):
    """One run of the data set."""

    place: int
    started_us: int
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


def runs(count: int) -> Iterator[Made]:
    """Yield the runs; the first ones are the same whatever the count."""
    chance = random.Random(3)
    for index in range(count):
        metrics = {key: chance.random() for key in METRICS}
        params = {
            "optimizer": chance.choice(OPTIMIZERS),
            "lr": repr(10 ** chance.uniform(-4, -1)),
            "seed": str(chance.randrange(1000)),
            "batch_size": str(chance.choice((32, 64, 128))),
            "data": "s3://bucket/data.parquet",
            "late": "no" if metrics["loss"] >= 0.5 else "yes",
        }
        tags = {"team": chance.choice(("vision", "speech")), "mlflow.source.name": "train.py"}
        yield Made(index, BEGUN_US + index * MINUTE_US, metrics, params, tags)


def curve(made: Made, key: str, points: int) -> list[tuple[str, int, float, int]]:
    """Return the points of one metric of a run: key, step, value and microseconds; the last has the run's value.

    Args:
        made: The run.
        key: The metric.
        points: How many a run has on average, over all its metrics.
    """
    short = max(points // 2 // len(METRICS), 1)
    count = short * len(METRICS) * _LONG if key == "loss" and made.place % _LONG == 0 else short
    value, span = made.metrics[key], 300_000_000 // count
    # A curve that comes down (or goes up) to its last value, within a factor of two.
    return [
        (key, step, value * (1 + (count - 1 - step) * 0.5 / count), made.started_us + step * span)
        for step in range(count)
    ]
