"""What happened to a model, and how it stood at any past moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from promoting import DAY, START, add_version, declare, open_project

from mlwright import errors, registry
from mlwright.core.clock import ReplayClock
from mlwright.project import Project
from mlwright.registry.edits import delete_model


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


@pytest.fixture
def project(project_folder: Path, clock: ReplayClock, ledger_url: str) -> Iterator[Project]:
    with open_project(project_folder, ledger_url, clock) as opened:
        yield opened


def live(project: Project, clock: ReplayClock) -> None:
    """Five days of a model's life."""
    add_version(project)
    registry.set_tag(project, "churn", "team", "air", actor="user:ada")
    registry.describe(project, "churn/1", "the first", actor="user:ada")
    clock.advance(START + DAY)
    registry.promote(project, "churn/1", "prod", reason="first")
    registry.set_tag(project, "churn/1", "checked", "yes")
    clock.advance(START + 2 * DAY)
    add_version(project)
    registry.promote(project, "churn/2", "prod", reason="better")
    registry.set_tag(project, "churn", "team", "sea", actor="user:eve", reason="moved")
    clock.advance(START + 3 * DAY)
    registry.rollback(project, "churn", "prod", reason="slow", actor="user:eve")
    registry.delete_tag(project, "churn@prod", "checked")
    registry.describe(project, "churn/1", "the good one")
    clock.advance(START + 4 * DAY)
    with project.ledger.write("user:ada") as tx:
        registry.remove_alias(tx, "churn", "prod", reason="over")


def test_each_past_day_can_be_asked(project: Project, clock: ReplayClock) -> None:
    live(project, clock)
    days = [registry.model_at(project, "churn", START + day * DAY) for day in range(5)]
    assert [then.environments.get("prod") for then in days] == [None, 1, 2, 1, None]
    assert [then.aliases.get("prod") for then in days] == [None, 1, 2, 1, None]
    assert [then.tags for then in days] == [{"team": "air"}] * 2 + [{"team": "sea"}] * 3
    assert [[version.version for version in then.versions] for then in days] == [[1], [1], [2, 1], [2, 1], [2, 1]]
    first = [then.versions[-1] for then in days]
    assert [version.description for version in first] == ["the first"] * 3 + ["the good one"] * 2
    assert [version.tags for version in first] == [{}, {"checked": "yes"}, {"checked": "yes"}, {}, {}]
    assert registry.model_at(project, "churn", START - DAY).versions == []


def test_the_history_tells_each_change_with_who_and_why(project: Project, clock: ReplayClock) -> None:
    live(project, clock)
    told = [(entry.what, entry.key, entry.old, entry.new) for entry in registry.history(project, "churn")]
    assert told[0] == ("alias", "prod", 1, None)
    assert ("tag", "team", "air", "sea") in told
    assert ("environment", "prod", 2, 1) in told
    moved = next(entry for entry in registry.history(project, "churn") if entry.new == "sea")
    assert (moved.actor, moved.reason, moved.version) == ("user:eve", "moved", 0)
    early = registry.history(project, "churn", until=START + DAY)
    assert {entry.at for entry in early} == {START, START + DAY}
    assert {entry.version for entry in registry.history(project, "churn", version=2)} == {2}


def test_approvals_votes_and_gates_are_part_of_the_history(project: Project) -> None:
    declare(project, reviewer=1)
    add_version(project)
    registry.promote(project, "churn/1", "prod", actor="user:ada", reason="please")
    registry.approve(project, "churn/1", "prod", actor="user:bob", comment="fine")
    registry.promote(project, "churn/1", "prod", actor="user:ada")
    told = [(entry.what, entry.new, entry.actor) for entry in registry.history(project, "churn")]
    for said in [
        ("approval", "open", "user:ada"),
        ("vote", "approves", "user:bob"),
        ("approval", "approved", "system"),
        ("gate", "passed", "user:ada"),
        ("environment", 1, "user:ada"),
    ]:
        assert said in told
    assert next(entry.reason for entry in registry.history(project, "churn") if entry.what == "vote") == (
        "as reviewer: fine"
    )


def test_what_happened_to_a_deleted_model_stays_known(project: Project) -> None:
    add_version(project)
    registry.promote(project, "churn/1", "staging", reason="try it")
    with project.ledger.write("user:ada") as tx:
        delete_model(tx, "churn")
    told = [(entry.what, entry.actor) for entry in registry.history(project, "churn")]
    assert ("environment", "user:test") in told
    assert ("deletion", "user:ada") in told


def test_the_history_of_an_unknown_model_is_not_found(project: Project) -> None:
    with pytest.raises(errors.NotFound):
        registry.history(project, "nothing")
    with pytest.raises(errors.NotFound):
        registry.model_at(project, "nothing", START)
