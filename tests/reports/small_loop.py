"""A small system that really turns: it trains, serves, drifts, retrains, refuses and rolls back, in event time.

Sixty days of fifty rows. After day 24 one input works the other way round, so the first version becomes bad. Two bad
candidates come on purpose: one trained on shuffled labels, and one that fails for carriers it has never seen, just
before a new one appears.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mlwright import register_model, step
from mlwright.core.clock import ReplayClock
from mlwright.delivery import Deployment, Rollout, Step
from mlwright.monitoring import Monitor, build_profile
from mlwright.pipelines import pipeline
from mlwright.project import Project
from mlwright.registry import BeatsChampion, Column, Evaluation
from mlwright.serving import Gateway, record_labels
from mlwright.system import Controllers, System, Trigger, apply, fire

START = datetime(2013, 4, 1, tzinfo=UTC)
DAYS, ROWS, TURN, HOLDOUT = 60, 50, 24, 4
CARRIERS, NEW_CARRIER, NEW_FROM = ["AA", "DL"], "HA", 48


def outcomes(first: int, last: int) -> dict[str, np.ndarray]:
    """Return features, labels and day numbers of the days [first, last), the same whenever they are asked for."""
    parts = [day_of(number) for number in range(first, last)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def day_of(number: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1000 + number)
    wind, calm = rng.normal(size=ROWS), rng.normal(size=ROWS)
    carrier = rng.choice([*CARRIERS, NEW_CARRIER], ROWS, p=[0.35, 0.35, 0.3]).astype(object)
    carrier[(carrier == NEW_CARRIER) & (number < NEW_FROM)] = CARRIERS[0]
    turned = -1.0 if number >= TURN else 1.0
    odds = -0.8 + 1.6 * turned * wind + 0.8 * calm + 0.5 * (carrier == "AA")
    label = (rng.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    ids = np.array([f"{number}-{place}" for place in range(ROWS)], dtype=object)
    day = np.full(ROWS, number)
    return {"wind": wind, "calm": calm, "carrier": carrier, "label": label, "id": ids, "day": day}


@step(cache=False)
def train(as_of: str, window_days: int, shuffle_labels: bool, is_strict: bool) -> str:
    """Fit on a trailing window; register; return the reference."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    today = (datetime.fromisoformat(as_of) - START).days
    until = today - HOLDOUT
    rows = outcomes(until - window_days, until)
    columns = {name: rows[name] for name in ("carrier", "wind", "calm")}
    label = rows["label"]
    if shuffle_labels:
        label = np.random.default_rng(0).permutation(label)
    codes = np.array([CARRIERS.index(c) if c in CARRIERS else np.nan for c in columns["carrier"]])
    matrix = np.column_stack([codes, columns["wind"], columns["calm"]])
    model = HistGradientBoostingClassifier(max_iter=25, max_leaf_nodes=4, random_state=0).fit(matrix, label)
    version = register_model(
        "delay",
        model,
        columns=[Column("carrier", "BYTES"), Column("wind", "FP64"), Column("calm", "FP64")],
        categories={"carrier": CARRIERS},
        unknown="error" if is_strict else "missing",
        metrics={"training_rows": float(len(label))},
        reference=build_profile(columns, model.predict_proba(matrix)[:, 1]),
        evaluation=Evaluation(columns=columns, labels=label, groups=rows["day"]),
        trained_until=START + timedelta(days=until),
        description=f"trained on {len(label)} rows up to day {until}",
    )
    return version.ref


@pipeline(name="delay")
def train_delay(as_of: str, window_days: int = 21, shuffle_labels: bool = False, is_strict: bool = False) -> str:
    """Train and register a version."""
    return train(as_of=as_of, window_days=window_days, shuffle_labels=shuffle_labels, is_strict=is_strict)


def small_system() -> System:
    """Return the declared system."""
    rollout = Rollout(
        steps=(Step(0.3, min_rows=20, min_hours=24), Step(0.6, min_rows=20, min_hours=24)),
        margin=0.05,
        deadline_hours=24 * 10,
    )
    return System(
        "delays",
        pipeline=train_delay,
        deployment=Deployment("delay", model="delay", route_by="prediction_id", rollout=rollout),
        gates=[BeatsChampion(margin=0.1, min_rows=40, min_groups=3)],
        monitors=[
            Monitor("loss", "delay", kind="log-loss", tolerance=0.05, min_rows=100, severity="critical"),
            Monitor("drift", "delay", kind="input-drift", min_rows=100),
        ],
        triggers=[
            Trigger(
                name="retrain",
                on=("alert.opened", "alert.continued"),
                where={"monitor": "loss"},
                arguments={"as_of": "$now", "window_days": 7},
                cooldown_days=6,
            ),
            Trigger(name="by-hand"),
        ],
        gate_days=float(HOLDOUT),
    )


class SmallLoop:
    """The system at work in a folder of its own.

    Args:
        folder: Where its project is; must exist.
    """

    def __init__(self, folder: Path) -> None:
        self.clock = ReplayClock(START)
        settings = {"durability": "normal", "executor": "inline", "actor": "user:test"}
        self.project = Project.open(folder, clock=self.clock, **settings)
        self.system = small_system()
        self.said: list[str] = []
        apply(self.project, self.system)
        self.controllers = Controllers(self.project, [self.system], on_action=self.said.append)
        self.gateway = Gateway(self.project, refresh_s=0.0)

    def begin(self) -> None:
        """Train and deploy the first version."""
        self.order("first", as_of=START.isoformat())

    def order(self, key: str, **arguments: Any) -> None:
        """Let a person fire a training, and carry it out."""
        fire(self.project, self.system, "by-hand", key=key, arguments=arguments)
        self.controllers.settle()
        self.gateway.refresh()

    def play(self, number: int) -> None:
        """Serve one day, tell the outcomes of the day before and let the controllers do what is due."""
        rows = day_of(number)
        for part, hour in enumerate((8, 16)):
            self.clock.advance(START + timedelta(days=number, hours=hour))
            chosen = slice(part * ROWS // 2, (part + 1) * ROWS // 2)
            self.gateway.infer("delay", request({name: values[chosen] for name, values in rows.items()}))
        self.clock.advance(START + timedelta(days=number + 1))
        if number:
            self.tell(number - 1)
        self.controllers.settle()
        self.gateway.refresh()

    def tell(self, number: int) -> None:
        """Record the outcomes of a day; every twentieth never becomes known."""
        rows = day_of(number)
        known = [place for place in range(ROWS) if place % 20]
        record_labels(self.project, "delay", {rows["id"][place]: float(rows["label"][place]) for place in known})

    def run(self) -> None:
        """Play everything."""
        self.begin()
        for number in range(DAYS):
            if number == 14:
                self.order("shuffled", as_of=self.clock.now().isoformat(), shuffle_labels=True)
            if number == NEW_FROM - 1:
                self.order("strict", as_of=self.clock.now().isoformat(), window_days=14, is_strict=True)
            self.play(number)

    def close(self) -> None:
        """Give everything back."""
        self.gateway.close()
        self.controllers.close()
        self.project.close()


def request(rows: dict[str, np.ndarray]) -> bytes:
    """Return an inference request for some rows."""
    size = len(rows["id"])
    tensors = [
        {"name": name, "datatype": datatype, "shape": [size], "data": rows[source].tolist()}
        for name, datatype, source in (
            ("prediction_id", "BYTES", "id"),
            ("carrier", "BYTES", "carrier"),
            ("wind", "FP64", "wind"),
            ("calm", "FP64", "calm"),
        )
    ]
    return msgspec.json.encode({"id": f"r-{rows['id'][0]}", "inputs": tensors})


def main() -> None:
    """Play the loop in a fresh folder, print its report and write the page: for looking at it."""
    import sys
    import tempfile

    from rich.console import Console

    from mlwright.reports import collect, render_html, render_terminal

    with tempfile.TemporaryDirectory() as folder:
        loop = SmallLoop(Path(folder))
        loop.run()
        report = collect(loop.project, "delays", outcome="late")
        render_terminal(report, Console())
        Path(sys.argv[1]).write_text(render_html(report))
        loop.close()


if __name__ == "__main__":
    main()
