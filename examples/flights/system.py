"""The whole loop, declared: what is served, what is watched, what starts a training, what a new version must show."""

from mlwright import Deployment, Monitor, System, Trigger
from mlwright.delivery import Rollout, Step
from mlwright.registry import BeatsBaseline, BeatsChampion
from mlwright.system import NOW

from .pipeline import FLIGHT_NUMBER, MODEL, train_flight_delay

DEPLOYMENT = "flight-delay"

deployment = Deployment(
    DEPLOYMENT,
    model=MODEL,
    # Each flight is a unit: while a canary runs, the flights of one hour are shared out between both versions.
    route_by="flight_id",
    extra_columns=(FLIGHT_NUMBER,),
    rollout=Rollout(
        steps=(Step(0.1, min_rows=60, min_hours=48), Step(0.5, min_rows=200, min_hours=24), Step(1.0)),
        margin=0.02,
        deadline_hours=10 * 24,
    ),
)

monitors = (
    # Drift is looked at week by week, so that no two windows share a day; performance each day, over the last seven.
    Monitor("input-drift", DEPLOYMENT, kind="input-drift", every_days=7, open_after=1, tolerance=0.25, severity="info"),
    Monitor("score-drift", DEPLOYMENT, kind="score-drift", every_days=7, open_after=1, tolerance=0.25, severity="info"),
    Monitor("calibration", DEPLOYMENT, kind="calibration", window_days=7, tolerance=0.02, severity="warning"),
    Monitor("log-loss", DEPLOYMENT, kind="log-loss", window_days=7, tolerance=0.005, severity="critical"),
    Monitor("staleness", DEPLOYMENT, kind="staleness", every_days=7, open_after=1, tolerance=0.25, severity="info"),
)

triggers = (
    Trigger(
        name="retrain",
        on=("alert.opened", "alert.continued"),
        where={"monitor": ["log-loss", "staleness"]},
        arguments={"as_of": NOW},
        cooldown_days=14,
        budget=6,
        budget_days=60,
    ),
    # Fired by hand: the first training, and whatever else people want to try.
    Trigger(name="train", arguments={"as_of": NOW}),
)

system = System(
    "flights",
    pipeline=train_flight_delay,
    deployment=deployment,
    gates=(BeatsBaseline(only_first=True), BeatsChampion(margin=0.002, confidence=0.9, min_rows=1000)),
    gate_days=5,
    monitors=monitors,
    triggers=triggers,
)
