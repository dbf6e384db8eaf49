"""Finding versions by reference, and aliases with their history."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from promoting import write_version

from mlwright import errors, registry
from mlwright.core.clock import ReplayClock
from mlwright.ledger import outbox
from mlwright.ledger.store import Ledger
from mlwright.project import Project

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def add_version(ledger: Ledger, model: str = "churn") -> int:
    return write_version(ledger, model, "user:test")


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


@pytest.fixture
def project(project_folder: Path, clock: ReplayClock, ledger_url: str) -> Iterator[Project]:
    with Project.open(project_folder, clock=clock, ledger=ledger_url) as opened:
        yield opened


def test_a_reference_names_a_number_an_alias_or_the_newest(project: Project) -> None:
    for _ in range(3):
        add_version(project.ledger)
    registry.set_alias(project, "churn", "prod", 2, actor="user:ada", reason="it is better")
    found = {
        ref: registry.get_version(project, ref).version for ref in ("churn/1", "churn@prod", "churn@latest", "churn")
    }
    assert found == {"churn/1": 1, "churn@prod": 2, "churn@latest": 3, "churn": 3}


def test_what_an_alias_pointed_at_on_any_day_can_be_asked(project: Project, clock: ReplayClock) -> None:
    add_version(project.ledger)
    add_version(project.ledger)
    for day, version in ((0, 1), (2, 2), (4, 1)):
        clock.advance(START + day * DAY)
        registry.set_alias(project, "churn", "prod", version, actor="user:ada", reason=f"day {day}")
    held = [registry.version_at(project, "churn", "prod", START + day * DAY) for day in (-1, 0, 1, 2, 3, 4, 9)]
    assert [version and version.version for version in held] == [None, 1, 1, 2, 2, 1, 1]
    history = registry.alias_history(project, "churn", "prod")
    assert [(row.version, row.actor, row.reason) for row in history] == [
        (1, "user:ada", "day 4"),
        (2, "user:ada", "day 2"),
        (1, "user:ada", "day 0"),
    ]


def test_setting_an_alias_again_is_no_change(project: Project) -> None:
    add_version(project.ledger)
    for _ in range(2):
        registry.set_alias(project, "churn", "prod", 1, actor="user:ada", reason="first")
    with project.ledger.read() as connection:
        found = outbox.read_events(connection, types=["alias.set"])
    assert [event.data["before"] for event in found] == [None]
    assert len(registry.alias_history(project, "churn")) == 1


@pytest.mark.parametrize(
    ("ref", "what", "fix"),
    [
        ("chrun", "there is no model 'chrun'", "did you mean 'churn'?"),
        ("churn/9", "model 'churn' has no version 9", "mlwright models show churn"),
        ("churn/999999999999999999", "has no version 99999", "mlwright models show churn"),
        ("churn/" + "9" * 5000, "names no version", "write churn/1"),
        ("churn@pord", "model 'churn' has no alias 'pord'", "did you mean 'prod'?"),
        ("churn@", "'churn@' names no version", "write name/3"),
        ("churn/x", "'churn/x' names no version", "write churn/1"),
    ],
)
def test_an_unknown_reference_says_what_there_is(project: Project, ref: str, what: str, fix: str) -> None:
    add_version(project.ledger)
    registry.set_alias(project, "churn", "prod", 1, actor="user:ada", reason="first")
    with pytest.raises((errors.NotFound, errors.InvalidUsage)) as refused:
        registry.get_version(project, ref)
    assert what in refused.value.what
    assert refused.value.fix is not None
    assert fix in refused.value.fix


def test_an_alias_that_was_never_set_names_the_command_that_sets_it(project: Project) -> None:
    add_version(project.ledger)
    add_version(project.ledger)
    with pytest.raises(errors.NotFound) as refused:
        registry.get_version(project, "churn@prod")
    assert refused.value.why == "alias 'prod' was never set (versions: 1, 2)"
    assert refused.value.fix == "mlwright models alias churn prod 2"


@pytest.mark.parametrize("alias", ["latest", "3", "", "a b", "a/b"])
def test_a_name_that_looks_like_a_version_is_no_alias(project: Project, alias: str) -> None:
    add_version(project.ledger)
    with pytest.raises(errors.InvalidDefinition, match="can't be an alias"):
        registry.set_alias(project, "churn", alias, 1, actor="user:ada", reason="")


def test_models_are_listed_with_their_newest_version_and_aliases(project: Project) -> None:
    add_version(project.ledger, "b")
    add_version(project.ledger, "b")
    add_version(project.ledger, "a")
    registry.set_alias(project, "b", "prod", 1, actor="user:ada", reason="")
    assert [(model.name, model.latest, model.aliases) for model in registry.models(project)] == [
        ("a", 1, {}),
        ("b", 2, {"prod": 1}),
    ]
    with pytest.raises(errors.NotFound):
        registry.versions(project, "c")


def test_many_who_move_an_alias_at_once_leave_one_history(project: Project) -> None:
    for _ in range(4):
        add_version(project.ledger)

    def move(number: int) -> None:
        registry.set_alias(project, "churn", "prod", 1 + number % 4, actor=f"user:{number}", reason="mine")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(move, range(24)))
    history = registry.alias_history(project, "churn", "prod")
    assert [row.to_at is None for row in history].count(True) == 1
    with project.ledger.read() as connection:
        moved = outbox.read_events(connection, types=["alias.set"])
    assert len(moved) == len(history)
