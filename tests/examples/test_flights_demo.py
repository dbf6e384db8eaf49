"""The demo turns the whole loop on real flights; killed at random moments it ends where an undisturbed one ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from mlwright import Project
from mlwright.ledger import delivery, monitoring, outbox, registry
from mlwright.ledger.schema import labels, predictions

pytestmark = pytest.mark.timeout(2400)
PATIENCE_S = 1000
KILLS = 5
UNTIL = "2013-04-15T04:00:00+00:00"
DEPLOYMENT = "flight-delay"
_ROOT = Path(__file__).parents[2]


class Ended(NamedTuple):
    """A finished demo."""

    home: Path
    output: str
    seconds: float


def _start(home: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mlwright", "demo", "--home", str(home), *options]
    return subprocess.Popen(
        command, cwd=home.parent, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


@pytest.fixture(scope="session")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    home = tmp_path_factory.mktemp("fast") / "home"
    began = time.monotonic()
    process = _start(home, "--fast")
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output
    return Ended(home, output, time.monotonic() - began)


@pytest.fixture
def ledger(fast: Ended) -> Iterator[sa.Connection]:
    with Project.open(home=str(fast.home)) as project, project.ledger.read() as connection:
        yield connection


def _facts(home: Path, until: datetime) -> dict[str, Any]:
    """Return what must not depend on kills: everything that was decided, and how much was counted."""
    with Project.open(home=str(home)) as project, project.ledger.read() as connection:
        made = connection.execute(sa.select(sa.func.count()).select_from(predictions).where(predictions.c.at <= until))
        known = connection.execute(sa.select(sa.func.sum(labels.c.value)).where(labels.c.at <= until))
        rollouts = delivery.list_rollouts(connection, deployment=DEPLOYMENT)
        return {
            "predictions": made.scalar_one(),
            "late flights": known.scalar_one(),
            "versions": {
                row.version: row.digest
                for row in registry.list_versions(connection, DEPLOYMENT)
                if row.created_at < until
            },
            "verdicts": sorted(
                (event.time, event.type, event.subject, event.data["gate"])
                for event in outbox.read_events(connection, types=["gate.passed", "gate.refused"], until=until)
            ),
            "traffic": sorted(
                (row.from_at, tuple((arm.version, arm.weight) for arm in row.arms))
                for row in delivery.traffic_history(connection, DEPLOYMENT)
                if row.from_at < until
            ),
            "alerts": sorted(
                (row.opened_at, row.monitor) for row in monitoring.list_alerts(connection) if row.opened_at < until
            ),
            "rollouts": sorted((row.started_at, row.candidate) for row in rollouts if row.started_at < until),
        }


@pytest.mark.slow
def test_the_demo_ends_with_a_report_in_the_terminal_and_as_a_page_of_its_own(fast: Ended) -> None:
    page = (fast.home / "report.html").read_text()
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "<script" not in page
    assert "report.html" in fast.output


@pytest.mark.slow
def test_every_flight_of_the_month_was_predicted_once_and_no_request_failed(ledger: sa.Connection) -> None:
    count = sa.select(sa.func.count(), sa.func.count(predictions.c.prediction_id.distinct())).select_from(predictions)
    total, distinct = ledger.execute(count).one()
    assert total == distinct > 27_000
    assert outbox.read_events(ledger, types=["run.failed"]) == []


@pytest.mark.slow
def test_cancelled_flights_never_get_a_label(ledger: sa.Connection) -> None:
    labelled = ledger.execute(sa.select(sa.func.count()).select_from(labels)).scalar_one()
    predicted = ledger.execute(sa.select(sa.func.count()).select_from(predictions)).scalar_one()
    # A day's flights have no label yet at the end, and 2% of April's flights never arrive.
    assert 0.90 < labelled / predicted < 0.98


@pytest.mark.slow
def test_the_gate_refused_the_candidate_that_was_trained_on_shuffled_labels(ledger: sa.Connection) -> None:
    shuffled = _version_of(ledger, "shuffled-labels")
    refused = outbox.read_events(ledger, types=["gate.refused"], subject=f"model/{DEPLOYMENT}/{shuffled}")
    assert [event.data["gate"] for event in refused] == ["beats-champion"]
    assert shuffled not in [row.candidate for row in delivery.list_rollouts(ledger, deployment=DEPLOYMENT)]


@pytest.mark.slow
def test_the_canary_rolled_back_the_candidate_that_fails_in_production_and_clients_never_noticed(
    ledger: sa.Connection, fast: Ended
) -> None:
    memorising = _version_of(ledger, "memorises-flights")
    passed = outbox.read_events(ledger, types=["gate.passed"], subject=f"model/{DEPLOYMENT}/{memorising}")
    assert "beats-champion" in [event.data["gate"] for event in passed]
    rollout = next(r for r in delivery.list_rollouts(ledger, deployment=DEPLOYMENT) if r.candidate == memorising)
    assert rollout.status == "rolled-back"
    from mlwright.serving import scan

    with Project.open(home=str(fast.home)) as project:
        seen = scan(project, DEPLOYMENT, rollout.started_at, datetime(2013, 5, 1, tzinfo=UTC), features=False)
    failed = seen.where(seen.failed)
    assert len(failed) > 0
    assert set(failed.answered_by.tolist()) == {rollout.stable}
    assert not (failed.score != failed.score).any()


def _version_of(connection: sa.Connection, key: str) -> int:
    """Return the version that a firing by hand led to."""
    from mlwright.ledger import system

    firing = system.find_firing(connection, "trigger/train", key)
    assert firing is not None
    found = [row.version for row in registry.list_versions(connection, DEPLOYMENT) if row.run_id == firing.run_id]
    return found[0]


@pytest.mark.slow
def test_a_demo_that_is_killed_at_random_moments_goes_on_and_ends_the_same(fast: Ended, tmp_path: Path) -> None:
    home = tmp_path / "home"
    seed = int(os.environ.get("MLWRIGHT_TEST_SEED", time.time_ns() % 10_000))
    chance = random.Random(seed)
    share = fast.seconds * 14 / 30
    for kill in range(KILLS):
        process = _start(home, "--fast", "--until", UNTIL)
        try:
            process.communicate(timeout=chance.uniform(1.0, share / 2))
        except subprocess.TimeoutExpired:
            victims = _server_of(process.pid) if kill % 2 else [process.pid]
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            if not kill % 2:
                process.communicate(timeout=PATIENCE_S)
            else:
                process.kill()
                process.communicate(timeout=PATIENCE_S)
    process = _start(home, "--fast", "--until", UNTIL)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, f"seed {seed}: {output}"
    until = datetime.fromisoformat(UNTIL)
    assert _facts(home, until) == _facts(fast.home, until), f"seed {seed}"


def _server_of(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return [int(child) for child in found]
