"""A tiny system whose pipeline registers a logistic regression; the tests of the loop turn it by hand."""

from __future__ import annotations

import numpy as np

from mlwright import Deployment, Monitor, System, Trigger, pipeline, register_model, step
from mlwright.delivery import Rollout, Step
from mlwright.registry import BeatsBaseline, BeatsChampion, Column, Evaluation
from mlwright.system import NOW, Schedule

ROWS = 600


def sample(seed: int, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Return x (shape [rows]) and labels whose log odds are 2 x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return x, (rng.random(rows) < 1 / (1 + np.exp(-2 * x))).astype(float)


@step(cache=False)
def fit(as_of: str, reverse: bool, crash: bool) -> str:
    from sklearn.linear_model import LogisticRegression

    if crash:
        raise RuntimeError("no data today")
    x, label = sample(1)
    target = 1 - label if reverse else label
    held_x, held_label = sample(2)
    version = register_model(
        "sign",
        LogisticRegression().fit(x[:, None], target),
        columns=[Column("x", "FP64")],
        metrics={"training_rows": float(ROWS)},
        evaluation=Evaluation(columns={"x": held_x}, labels=held_label, groups=np.arange(ROWS) // 30),
        description=f"as of {as_of}",
    )
    return version.ref


@pipeline(name="sign")
def train_sign(as_of: str, reverse: bool = False, crash: bool = False) -> str:
    return fit(as_of, reverse, crash)


def system(**changes: object) -> System:
    """Return the system; `changes` replace parts of it."""
    parts: dict[str, object] = {
        "pipeline": train_sign,
        "deployment": Deployment("sign", model="sign", rollout=Rollout(steps=(Step(0.5, min_rows=10), Step(1.0)))),
        "gates": (BeatsBaseline(), BeatsChampion(margin=0.01)),
        "monitors": (Monitor("loss", "sign", kind="log-loss"),),
        "triggers": (
            Trigger(
                name="retrain",
                on=("alert.opened",),
                where={"monitor": ["loss", "drift"]},
                arguments={"as_of": NOW},
                cooldown_days=7,
                budget=2,
                budget_days=30,
            ),
            Trigger(name="train", arguments={"as_of": NOW}),
        ),
        "schedules": (Schedule(name="weekly", cron="0 3 * * 1", time_zone="Europe/Berlin", arguments={"as_of": NOW}),),
    }
    return System("sign", **{**parts, **changes})  # type: ignore[arg-type]
