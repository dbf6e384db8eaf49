"""A declared system from the command line: plan, apply, up, and one turn of its loop over HTTP."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from commanding import Command

from mlwright.api.client import RemoteClient

SYSTEM = """
import numpy as np

from mlwright import Deployment, Monitor, System, Trigger, pipeline, register_model, step
from mlwright.registry import BeatsBaseline, Column, Evaluation
from mlwright.system import NOW

@step(cache=False)
def fit(as_of: str) -> str:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    x = rng.normal(size=600)
    label = (rng.random(600) < 1 / (1 + np.exp(-2 * x))).astype(float)
    version = register_model(
        "sign",
        LogisticRegression().fit(x[:, None], label),
        columns=[Column("x", "FP64")],
        evaluation=Evaluation(columns={"x": x}, labels=label, groups=np.arange(600) // 30),
        description=f"as of {as_of}",
    )
    return version.ref

@pipeline
def train(as_of: str = "") -> str:
    return fit(as_of)

system = System(
    "sign",
    pipeline=train,
    deployment=Deployment("sign", model="sign"),
    gates=[BeatsBaseline()],
    monitors=[Monitor("loss", "sign", kind="log-loss")],
    triggers=[Trigger(name="train", arguments={"as_of": NOW})],
)
"""
START = datetime(2013, 4, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def declared(project_folder: Path) -> None:
    (project_folder / "sign.py").write_text(SYSTEM)


def test_plan_shows_changes_and_apply_makes_them_once(command: Command) -> None:
    planned = command("plan", "sign.py:system", "--exit-code")
    assert planned.code == 3
    assert "+ deployment sign" in planned.out
    assert planned.out.splitlines()[-1].startswith("Plan: ")
    assert command("apply", "sign.py:system").code == 2
    applied = command("apply", "sign.py:system", "--yes")
    assert (applied.code, applied.out) == (0, planned.out)
    again = command("plan", "sign.py:system", "--exit-code", "--json")
    assert again.code == 0
    assert again.data["counts"]["create"] == 0


def test_a_target_that_is_no_system_is_usage(command: Command) -> None:
    ended = command("plan", "sign.py:train")
    assert ended.code == 2
    assert "System" in ended.talk


@pytest.mark.slow
def test_a_system_trains_serves_and_takes_labels_while_its_clock_is_moved(
    command: Command, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    up = spawn("up", "sign.py:system", "--port", "0", "--replay-from", START.date().isoformat())
    assert up.stdout is not None
    url = up.stdout.readline().strip()
    with RemoteClient(url, actor="user:test") as client:
        fired = client.call("systems.fire", system="sign", trigger="train", key="first")
        assert client.call("systems.fire", system="sign", trigger="train", key="first") == fired
        actions = client.call("clock.advance", now=START).actions
        assert any("succeeded" in action for action in actions)
        assert client.call("models.show", model="sign").model.aliases == {"prod": 1}
        assert [arm.version for arm in client.call("deployments.show", deployment="sign").arms] == [1]

        answer = httpx2.post(
            f"{url}/v2/models/sign/infer",
            json={"id": "one", "inputs": [{"name": "x", "datatype": "FP64", "shape": [2], "data": [2.0, -2.0]}]},
        )
        assert answer.status_code == 200
        high, low = next(iter(answer.json()["outputs"]))["data"]
        assert high > 0.9 > 0.1 > low
        labels = {"one:0": 1.0, "one:1": 0.0, "never:0": 1.0}
        later = client.call("clock.advance", now=START + timedelta(days=1)).now
        first = client.call("deployments.feedback", deployment="sign", labels=labels, at=later)
        again = client.call("deployments.feedback", deployment="sign", labels=labels, at=later)
        assert (first.recorded, first.unknown, again.recorded, again.repeated) == (2, 1, 0, 2)

        listed = command("models", "--server", url)
        assert "prod=1" in listed.out
        assert "sign" in command("events", "--server", url, "--type", "system.applied").out
    up.send_signal(signal.SIGTERM)
    _, talk = up.communicate(timeout=120)
    assert up.returncode == 0
    assert "Traceback" not in talk
    assert "2013-04-01" in command("runs").out
