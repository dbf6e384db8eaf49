"""A project in which everything has happened once: what the tests of API, server and command line look at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from mlwright.api.client import LocalClient
from mlwright.core.clock import ReplayClock
from mlwright.core.ids import new_id
from mlwright.ledger import curves, delivery, monitoring, registry, runs, steps, sweeps, tracked, webhooks
from mlwright.ledger import system as systems
from mlwright.ledger.curves import Point
from mlwright.ledger.delivery import Arm, LookRow, RolloutRow
from mlwright.ledger.monitoring import AlertRow, ResultRow
from mlwright.ledger.registry import GateRow
from mlwright.ledger.steps import StepRunRow, StoredOutput
from mlwright.ledger.store import Transaction
from mlwright.ledger.system import FiringRow
from mlwright.ledger.tracked import RunArtifact
from mlwright.project import Project
from mlwright.sweeps import Plan, choice, uniform
from version_rows import version_row

START = datetime(2013, 4, 1, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
RUN_ID = "01h00000000000000000abcdef"
FAILED_RUN_ID = "01h00000000000000000ffffff"
ROLLOUT_ID = "01h000000000000000rollout1"
ALERT_ID = "01h00000000000000000alert1"
NASTY = "<img src=x onerror=alert(1)> & \"quotes\" 'single' ünïcode"


@pytest.fixture
def filled(project_folder: Path) -> Iterator[Project]:
    """A project with one of everything, whose clock is a replay's and stands on 1 April 2013."""
    with Project.open(project_folder, clock=ReplayClock(START)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def local(filled: Project) -> LocalClient:
    """Calls endpoints of the filled project in this process."""
    return LocalClient(filled)


def fill(project: Project) -> None:
    """Write one of everything into a project's ledger."""
    with project.ledger.write("user:ada") as tx:
        _runs(tx)
        _models(tx)
        _deployments(tx)
        _monitors(tx)
        _systems(tx)
        _webhooks(tx)


def fill_sweep(project: Project) -> None:
    """Write a sweep with its trials, which are runs, too."""
    with project.ledger.write("user:ada") as tx:
        _sweep(tx)


def _sweep(tx: Transaction) -> None:
    space = {"x": uniform(0, 1), "kind": choice(["a", NASTY])}
    plan = Plan(
        name=NASTY, space=space, directions=["minimize"], trials=3, sampler="tpe", pruner="median", seed=1, objective=""
    )
    sweeps.begin_sweep(tx, NASTY, "flights/tuning", msgspec.to_builtins(plan), run_id="01g00000000000000000sweep1")
    sweep = sweeps.find_sweep(tx.connection, NASTY)
    assert sweep is not None
    for number, outcome in enumerate(("finished", "pruned", "failed")):
        trial = sweeps.TrialRow(
            run_id=f"01g00000000000000000trial{number}",
            number=number,
            attempt=1,
            status="running",
            outcome=outcome,
            params={"x": 0.5, "kind": NASTY},
            values=[0.25] if outcome == "finished" else [],
            error={"what": NASTY} if outcome == "failed" else None,
            started_at=tx.now,
            duration_s=1.0,
        )
        sweeps.begin_trial(tx, sweep, trial)
        sweeps.end_trial(tx, trial)
    sweeps.end_sweep(tx, sweep.run_id, "succeeded", error=None, duration_s=3.0)


def _runs(tx: Transaction) -> None:
    common = {"experiment": "flights", "kind": "pipeline", "pipeline": "train"}
    runs.create_run(tx, runs.NewRun(id=RUN_ID, name="train", arguments={"days": 90}, cause={"user": "ada"}, **common))
    row = StepRunRow(id=new_id(), run_id=RUN_ID, step="fit", status="running", attempt=1, fence=1, started_at=tx.now)
    steps.begin_step_runs(tx, [row])
    output = StoredOutput(name="result", digest=DIGEST, codec="json", type="dict", size_bytes=12)
    steps.commit_outputs(tx, RUN_ID, "fit", row.id, [output])
    tracked.put_params(tx, RUN_ID, {"lr": 0.1, "note": NASTY})
    tracked.put_tags(tx, RUN_ID, {"team": "air"})
    points = [Point(key="loss", step=place, value=value, at=tx.now) for place, value in enumerate((0.5, 0.4))]
    points.append(Point(key="broken", step=0, value=float("nan"), at=tx.now))
    journal = tracked.JournalRow(id=new_id(), run_id=RUN_ID, step="fit", position=3, superseded=False, logged={})
    tracked.write_journal(tx, journal)
    curves.add_points(tx, RUN_ID, points, origin=journal.id)
    artifact = RunArtifact(name="plot", digest=DIGEST, codec="bytes", size_bytes=7, step="fit", created_at=tx.now)
    tracked.put_artifacts(tx, RUN_ID, [artifact])
    runs.end_run(tx, RUN_ID, "succeeded", duration_s=75.0)
    tx.emit("run.succeeded", f"run/{RUN_ID}", pipeline="train")
    runs.create_run(tx, runs.NewRun(id=FAILED_RUN_ID, name="train", **common))
    error = {"code": "step-failed", "what": "step 'fit' raised.", "why": "ValueError: no", "fix": None, "context": {}}
    runs.end_run(tx, FAILED_RUN_ID, "failed", error=error, duration_s=0.2)
    tx.emit("run.failed", f"run/{FAILED_RUN_ID}", error=NASTY)


def _models(tx: Transaction) -> None:
    registry.claim_model(tx, "delay")
    for number in (1, 2):
        row = version_row(
            tx,
            "delay",
            number,
            digest=DIGEST,
            signature={"inputs": [{"name": "x", "datatype": "FP64"}], "outputs": []},
            metrics={"log_loss": 0.51, "nothing": None},
            lineage={"run": RUN_ID},
            run_id=RUN_ID if number == 1 else None,
        )
        registry.add_version(tx, row)
        tx.emit("model-version.registered", f"model/delay/{number}", run_id=row.run_id)
    registry.point_alias(tx, "delay", "prod", 1, reason="first")
    gate = GateRow(
        id=new_id(), model="delay", version=2, gate="beats-champion", passed=False, numbers={"margin": 0.01},
        reason="it is worse by 0.02", actor=tx.actor, at=tx.now,
    )  # fmt: skip
    registry.add_gate_result(tx, gate)
    tx.emit("gate.refused", "model/delay/2", gate="beats-champion", reason=gate.reason)


def _deployments(tx: Transaction) -> None:
    delivery.put_deployment(tx, "delay", "delay", {"name": "delay", "model": "delay", "route_by": "id"})
    delivery.set_traffic(tx, "delay", [Arm(arm="stable", version=1, weight=1.0)], reason="first version")
    rollout = RolloutRow(
        id=ROLLOUT_ID,
        deployment="delay",
        stable=1,
        candidate=2,
        status="running",
        steps=[{"weight": 0.1}, {"weight": 1.0}],
        step=0,
        step_started_at=tx.now,
        started_at=tx.now,
        ended_at=None,
        verdict=None,
        cause={"user": "ada"},
        actor=tx.actor,
    )
    delivery.add_rollout(tx, rollout)
    arms = [Arm(arm="stable", version=1, weight=0.9), Arm(arm="candidate", version=2, weight=0.1)]
    delivery.set_traffic(tx, "delay", arms, reason="rollout begins", rollout_id=ROLLOUT_ID)
    look = LookRow(
        rollout_id=ROLLOUT_ID, at=tx.now, step=0, decision="continue", sentence="too few rows", numbers={"rows": 3}
    )
    delivery.add_look(tx, look)
    tx.emit("rollout.started", f"rollout/{ROLLOUT_ID}", deployment="delay", candidate=2)


def _monitors(tx: Transaction) -> None:
    monitoring.put_monitor(tx, "loss", "delay", {"name": "loss", "deployment": "delay", "kind": "log-loss"})
    for day in (7, 8):
        result = ResultRow(
            monitor="loss",
            window_end=START + timedelta(days=day),
            window_start=START + timedelta(days=day - 7),
            version=1,
            verdict="degraded",
            value=0.6,
            numbers={"excess": 0.1},
            sentence="log loss is 0.1 above what it promised",
            at=tx.now,
        )
        monitoring.add_result(tx, result)
    alert = AlertRow(
        id=ALERT_ID,
        monitor="loss",
        deployment="delay",
        version=1,
        severity="critical",
        sentence=NASTY,
        numbers={"excess": 0.1},
        opened_at=tx.now,
        resolved_at=None,
        resolution="",
    )
    monitoring.add_alert(tx, alert)
    tx.emit("alert.opened", f"alert/{ALERT_ID}", monitor="loss", severity="critical")


def _systems(tx: Transaction) -> None:
    systems.insert_system(tx, name="flights", target="flights.py:system", manifest={"version": 1}, digest=DIGEST)
    firing = FiringRow(
        source="trigger/retrain",
        key="k1",
        system="flights",
        decision="fired",
        reason="alert.opened",
        arguments={"days": 90},
        outcome="succeeded",
        run_id=RUN_ID,
        at=tx.now,
    )
    systems.insert_firing(tx, firing)
    tx.emit("trigger.fired", "trigger/retrain", system="flights")


def _webhooks(tx: Transaction) -> None:
    row = webhooks.WebhookRow(
        id=new_id(),
        name="ci",
        url="http://127.0.0.1:9/hook",
        description=NASTY,
        events=["model-version.*"],
        has_secret=False,
        active=False,
        dialect="",
        created_at=tx.now,
        changed_at=tx.now,
    )
    webhooks.add_webhook(tx, row)
    webhooks.add_delivery(tx, row.id, 1, next_at=tx.now)
