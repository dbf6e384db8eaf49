"""The loop turns: firings become runs, versions pass gates and get rollouts, and a crash repeats nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from loop_pipeline import sample, system

from mlwright import registry as models
from mlwright.core.clock import ReplayClock
from mlwright.ledger import delivery, outbox, registry
from mlwright.ledger import system as repository
from mlwright.project import Project
from mlwright.registry import Environment
from mlwright.serving import Gateway, record_labels
from mlwright.system import Controllers, System, apply, fire

START = datetime(2026, 3, 2, tzinfo=UTC)
QUIET = {"triggers": system().triggers, "schedules": ()}


@pytest.fixture
def replay(project_folder: Path) -> Iterator[Project]:
    with Project.open(project_folder, clock=ReplayClock(START), executor="inline") as opened:
        yield opened


@pytest.fixture
def declared(replay: Project) -> System:
    found = system(**QUIET)
    apply(replay, found)
    return found


def _pass(project: Project, **time: float) -> None:
    clock = project.clock
    assert isinstance(clock, ReplayClock)
    clock.advance(clock.now() + timedelta(**time))


def _settle(project: Project, declared: System) -> list[str]:
    controllers = Controllers(project, [declared])
    try:
        return controllers.settle()
    finally:
        controllers.close()


def _serving(project: Project) -> list[tuple[str, int, float]]:
    with project.ledger.read() as connection:
        row = delivery.find_deployment(connection, "sign")
    assert row is not None
    return [(arm.arm, arm.version, arm.weight) for arm in row.arms]


def _ask(project: Project, rows: int, seed: int, request: str) -> None:
    """Send a request, and the outcomes of all its rows."""
    gateway = Gateway(project)
    x, label = sample(seed, rows)
    tensor = {"name": "x", "datatype": "FP64", "shape": [rows], "data": x.tolist()}
    gateway.infer("sign", json.dumps({"id": request, "inputs": [tensor]}).encode())
    gateway.close()
    record_labels(project, "sign", {f"{request}:{row}": float(value) for row, value in enumerate(label)})


def test_the_first_version_passes_its_gates_and_serves_at_once(replay: Project, declared: System) -> None:
    fire(replay, declared, "train", key="first")
    said = _settle(replay, declared)
    assert _serving(replay) == [("stable", 1, 1.0)]
    assert any("gate beats-baseline on sign/1 passed" in sentence for sentence in said)
    with replay.ledger.read() as connection:
        assert registry.alias_rows(connection, "sign", "prod")[0].version == 1


def test_settling_again_does_nothing(replay: Project, declared: System) -> None:
    fire(replay, declared, "train", key="first")
    _settle(replay, declared)
    with replay.ledger.read() as connection:
        before = outbox.last_seq(connection)
    assert _settle(replay, declared) == []
    with replay.ledger.read() as connection:
        assert outbox.last_seq(connection) == before


def test_a_version_trained_on_reversed_labels_is_refused_and_never_serves(replay: Project, declared: System) -> None:
    fire(replay, declared, "train", key="reversed", arguments={"reverse": True})
    said = _settle(replay, declared)
    assert "gate beats-baseline on sign/1 refused" in "\n".join(said)
    assert _serving(replay) == []


def test_a_challenger_meets_the_champion_on_the_newest_labelled_rows(replay: Project, declared: System) -> None:
    fire(replay, declared, "train", key="first")
    _settle(replay, declared)
    for day in range(7):
        for hour in range(3):
            _pass(replay, hours=8)
            _ask(replay, rows=60, seed=10 + 3 * day + hour, request=f"day-{day}-{hour}")
    fire(replay, declared, "train", key="reversed", arguments={"reverse": True})
    fire(replay, declared, "train", key="second")
    said = "\n".join(_settle(replay, declared))
    assert "gate beats-champion on sign/3 passed" in said
    assert "of sign/1" in said
    assert [arm[:2] for arm in _serving(replay)] == [("stable", 1), ("candidate", 3)]


def test_a_run_that_fails_ends_its_firing_and_nothing_is_registered(replay: Project, declared: System) -> None:
    fire(replay, declared, "train", key="bad", arguments={"crash": True})
    said = _settle(replay, declared)
    assert any("failed" in sentence for sentence in said)
    with replay.ledger.read() as connection:
        firing = repository.find_firing(connection, "trigger/train", "bad")
        assert firing is not None
        assert firing.outcome == "failed"
        assert repository.open_firings(connection, "sign") == []
        assert registry.list_models(connection) == []


def test_a_firing_that_was_killed_after_its_run_ended_takes_that_run_and_starts_no_second_one(
    replay: Project, declared: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire(replay, declared, "train", key="first")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(repository, "end_firing", killed)
        with pytest.raises(KeyboardInterrupt):
            _settle(replay, declared)
    _settle(replay, declared)
    with replay.ledger.read() as connection:
        assert len(outbox.read_events(connection, types=["model-version.registered"])) == 1
        assert len(outbox.read_events(connection, types=["run.started"])) == 1
        assert repository.open_firings(connection, "sign") == []


def test_the_hours_of_moments_are_what_gates_group_by() -> None:
    from mlwright.system.promotion import hours_of

    at = np.array(["2026-03-02T01:10", "2026-03-02T01:59", "2026-03-02T02:00"], dtype="datetime64[us]")
    first, second, third = hours_of(at).tolist()
    assert first == second == third - 1


def test_a_rollout_waits_for_the_approvals_of_its_environment(replay: Project, declared: System) -> None:
    msgspec.structs.force_setattr(replay.settings, "roles", {"reviewer": ["user:bob"]})
    prod = Environment(name="prod", approvals={"reviewer": 1})
    models.declare_environments(replay, "sign", [prod])
    fire(replay, declared, "train", key="first")
    said = _settle(replay, declared)
    assert any("waits for prod: 0 of 1 approvals by reviewer" in sentence for sentence in said)
    assert _serving(replay) == []
    models.approve(replay, "sign/1", "prod", actor="user:bob")
    _settle(replay, declared)
    assert _serving(replay) == [("stable", 1, 1.0)]
    assert [row.state for row in models.approvals(replay)] == ["used"]
