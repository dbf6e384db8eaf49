"""Events and due moments become firings: once each, with cool-down, budget and reasons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loop_pipeline import system

from mlwright.core.clock import ReplayClock
from mlwright.errors import InvalidDefinition, NotFound
from mlwright.ledger import outbox
from mlwright.ledger import system as repository
from mlwright.project import Project
from mlwright.system import Schedule, Trigger, apply, fire, intake

START = datetime(2026, 3, 23, 12, tzinfo=UTC)  # a Monday


@pytest.fixture
def replay(project_folder: Path) -> Iterator[Project]:
    with Project.open(project_folder, clock=ReplayClock(START), executor="inline") as opened:
        yield opened


def _alert(project: Project, monitor: str = "loss") -> None:
    with project.ledger.write("monitor") as tx:
        tx.emit("alert.opened", "alert/1", monitor=monitor)


def _pass(project: Project, **time: float) -> None:
    clock = project.clock
    assert isinstance(clock, ReplayClock)
    clock.advance(clock.now() + timedelta(**time))


def _end_open(project: Project) -> None:
    with project.ledger.write() as tx:
        for firing in repository.open_firings(tx.connection, "sign"):
            repository.end_firing(tx, firing.source, firing.key, outcome="succeeded", run_id=None)


def _decisions(project: Project) -> list[str]:
    with project.ledger.read() as connection:
        return [firing.decision for firing in reversed(repository.list_firings(connection, system="sign"))]


def test_an_event_that_a_trigger_is_for_fires_it_once_however_often_it_is_looked_at(replay: Project) -> None:
    apply(replay, system())
    _alert(replay)
    fired = intake.take_events(replay, system())
    assert [(firing.source, firing.arguments) for firing in fired] == [
        ("trigger/retrain", {"as_of": START.isoformat()})
    ]
    assert intake.take_events(replay, system()) == []


def test_an_event_of_another_monitor_fires_nothing(replay: Project) -> None:
    apply(replay, system())
    _alert(replay, monitor="other")
    assert intake.take_events(replay, system()) == []


def test_a_decision_and_the_cursor_are_written_together_so_a_crash_in_between_repeats_nothing(
    replay: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(replay, system())
    _alert(replay)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "move_cursor", crash)
        with pytest.raises(KeyboardInterrupt):
            intake.take_events(replay, system())
    assert _decisions(replay) == []
    assert len(intake.take_events(replay, system())) == 1


def test_a_trigger_declines_while_its_run_is_not_over_then_cools_down_then_keeps_its_budget(replay: Project) -> None:
    apply(replay, system())
    _alert(replay)
    intake.take_events(replay, system())
    _pass(replay, minutes=1)
    _alert(replay)
    intake.take_events(replay, system())
    _end_open(replay)
    _pass(replay, minutes=1)
    _alert(replay)
    intake.take_events(replay, system())
    for _ in range(2):
        _pass(replay, days=8)
        _alert(replay)
        intake.take_events(replay, system())
        _end_open(replay)
    assert _decisions(replay) == ["fired", "busy", "cooling-down", "fired", "over-budget"]


def test_each_decision_is_an_event_with_its_reason(replay: Project) -> None:
    apply(replay, system())
    _alert(replay)
    _alert(replay)
    intake.take_events(replay, system())
    with replay.ledger.read() as connection:
        told = outbox.read_events(connection, types=["trigger.fired", "trigger.declined"])
    assert [event.type for event in told] == ["trigger.fired", "trigger.declined"]
    assert "its last run isn't over" in told[1].data["reason"]


def test_firing_by_hand_with_the_same_key_starts_nothing_new(replay: Project) -> None:
    apply(replay, system())
    first = fire(replay, system(), "train", key="one", arguments={"reverse": True})
    again = fire(replay, system(), "train", key="one")
    assert first == again
    assert first.arguments == {"as_of": START.isoformat(), "reverse": True}


def test_firing_a_trigger_that_is_not_there_names_the_near_miss(replay: Project) -> None:
    with pytest.raises(NotFound, match="did you mean 'retrain'"):
        fire(replay, system(), "retrian", key="one")


def test_a_schedule_fires_at_its_local_time_across_a_clock_change_and_never_twice(replay: Project) -> None:
    apply(replay, system())
    _pass(replay, days=6)
    assert intake.take_due(replay, system()) == []
    _pass(replay, hours=13, minutes=30)  # Monday 30 March, 01:30 UTC = 03:30 in Berlin, a day after the change
    assert [firing.key for firing in intake.take_due(replay, system())] == ["2026-03-30T01:00:00+00:00"]
    assert intake.take_due(replay, system()) == []


def test_of_several_missed_moments_only_the_newest_is_made_up_for(replay: Project) -> None:
    apply(replay, system())
    _pass(replay, days=30)
    assert [firing.key for firing in intake.take_due(replay, system())] == ["2026-04-20T01:00:00+00:00"]


def test_the_next_due_moment_is_told(replay: Project) -> None:
    assert intake.next_due(replay, system()) == datetime(2026, 3, 30, 1, tzinfo=UTC)


@pytest.mark.parametrize("bad", [{"cron": "every day"}, {"cron": "0 3 * * *", "time_zone": "Mars/Olympus"}])
def test_a_schedule_that_cannot_be_read_is_refused_when_it_is_declared(bad: dict[str, str]) -> None:
    with pytest.raises(InvalidDefinition, match="weekly"):
        Schedule(name="weekly", **bad)


def test_a_trigger_without_event_types_answers_nothing() -> None:
    assert not Trigger(name="by-hand").answers("alert.opened", {})
