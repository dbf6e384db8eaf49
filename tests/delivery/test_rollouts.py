"""Rollouts in the ledger: started, looked at, promoted and taken back, each change once and with its event."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from replaying import RULES, replay_day, tell_labels
from worlds import START, World

from mlwright import delivery
from mlwright.core.clock import ReplayClock
from mlwright.delivery import Deployment, Rollout, Step
from mlwright.errors import Conflict, InvalidDefinition, NotFound
from mlwright.ledger import delivery as rows
from mlwright.ledger import outbox, registry
from mlwright.ledger.delivery import Arm
from mlwright.project import Project


def arms(project: Project) -> list[tuple[str, int, float]]:
    with project.ledger.read() as connection:
        return [(arm.arm, arm.version, arm.weight) for arm in rows.current_arms(connection)["flights"].arms]


def events(project: Project, *types: str) -> list[str]:
    with project.ledger.read() as connection:
        return [event.type for event in outbox.read_events(connection, types=list(types) or None)]


def alias(project: Project) -> dict[str, int]:
    with project.ledger.read() as connection:
        return registry.list_models(connection, "flight-delay")[0].aliases


def play(project: Project, clock: ReplayClock, world: World, rollout_id: str, days: int = 10) -> rows.RolloutRow:
    """Replay days with labels one day late and a look each day until the rollout has ended."""
    waiting = []
    for day in range(days):
        with project.ledger.read() as connection:
            row = rows.find_rollout(connection, rollout_id)
        assert row is not None
        if row.status != "running":
            return row
        waiting.append(replay_day(project, clock, world, day, row.steps[row.step]["weight"]))
        if len(waiting) > 1:
            tell_labels(project, waiting.pop(0))
        delivery.look(project, rollout_id)
    with project.ledger.read() as connection:
        found = rows.find_rollout(connection, rollout_id)
    assert found is not None
    return found


def test_the_first_version_gets_all_traffic_and_the_alias_at_once(project: Project, flights: str) -> None:
    row = delivery.start(project, flights, 1, cause={"run": "r1"})
    assert (row.status, row.stable) == ("promoted", None)
    assert arms(project) == [("stable", 1, 1.0)]
    assert alias(project) == {"prod": 1}
    assigned = ["alias.set", "environment.assigned"]
    assert events(project)[-5:] == ["rollout.started", "traffic.changed", *assigned, "rollout.promoted"]


def test_the_second_version_starts_with_the_share_of_the_first_step(project: Project, served: str) -> None:
    row = delivery.start(project, served, 2)
    assert row.status == "running"
    assert arms(project) == [("stable", 1, 0.9), ("candidate", 2, 0.1)]
    assert alias(project) == {"prod": 1}
    with project.ledger.read() as connection:
        assert rows.current_arms(connection)[served].rollout_id == row.id


def test_starting_the_same_again_returns_the_running_rollout(project: Project, served: str) -> None:
    first = delivery.start(project, served, 2, idempotency_key="event-7")
    assert delivery.start(project, served, 2).id == first.id
    assert delivery.start(project, served, 2, idempotency_key="event-7").id == first.id
    delivery.abort(project, first.id, reason="no")
    assert delivery.start(project, served, 2, idempotency_key="event-7").status == "aborted"


def test_a_second_rollout_beside_a_running_one_is_refused(project: Project, served: str) -> None:
    delivery.start(project, served, 2)
    with pytest.raises(Conflict, match="rolling out version 2 already"):
        delivery.start(project, served, 3)


def test_rolling_out_what_serves_already_is_refused(project: Project, served: str) -> None:
    with pytest.raises(Conflict, match="serves version 1 already"):
        delivery.start(project, served, 1)


def test_unknown_deployments_versions_and_rollouts_are_named(project: Project, served: str) -> None:
    with pytest.raises(NotFound, match="flihgts") as caught:
        delivery.start(project, "flihgts", 2)
    assert caught.value.fix == "did you mean 'flights'?"
    with pytest.raises(NotFound, match="9"):
        delivery.start(project, served, 9)
    with pytest.raises(NotFound, match="nope"):
        delivery.look(project, "nope")


def test_a_healthy_candidate_walks_through_its_steps_to_all_traffic(
    project: Project, served: str, clock: ReplayClock
) -> None:
    row = delivery.start(project, served, 2, cause={"trigger": "retrain"})
    ended = play(project, clock, World(11), row.id)
    assert ended.status == "promoted"
    assert ended.ended_at is not None
    assert ended.ended_at <= START + timedelta(days=7)
    assert arms(project) == [("stable", 2, 1.0)]
    assert alias(project) == {"prod": 2}
    assert events(project, "rollout.advanced", "rollout.promoted") == [
        "rollout.promoted",  # version 1
        "rollout.advanced",
        "rollout.promoted",
    ]
    with project.ledger.read() as connection:
        looks = rows.list_looks(connection, row.id)
    assert [look.decision for look in looks][-1] == "promote"
    assert ended.verdict is not None
    assert ended.verdict["sentence"] == looks[-1].sentence


def test_a_candidate_that_fails_for_part_of_its_rows_is_rolled_back_with_the_counts(
    project: Project, served: str, clock: ReplayClock
) -> None:
    row = delivery.start(project, served, 2)
    ended = play(project, clock, World(12, fails=0.2), row.id)
    assert ended.status == "rolled-back"
    assert ended.ended_at == START + timedelta(days=1)
    assert arms(project) == [("stable", 1, 1.0)]
    assert alias(project) == {"prod": 1}
    assert ended.verdict is not None
    assert "version 2 failed for" in ended.verdict["sentence"]
    assert "version 1 for 0 of" in ended.verdict["sentence"]
    assert events(project, "rollout.rolled-back") == ["rollout.rolled-back"]


def test_without_evidence_the_deadline_keeps_the_stable_version(
    project: Project, served: str, clock: ReplayClock
) -> None:
    row = delivery.start(project, served, 2)
    clock.advance(START + timedelta(hours=241))
    said = delivery.look_all(project)
    assert len(said) == 1
    assert "inconclusive after 241 hours" in said[0]
    assert arms(project) == [("stable", 1, 1.0)]
    assert events(project, "rollout.inconclusive") == ["rollout.inconclusive"]
    with project.ledger.read() as connection:
        found = rows.find_rollout(connection, row.id)
    assert found is not None
    assert found.status == "inconclusive"


def test_looking_twice_at_the_same_moment_is_one_look(project: Project, served: str, clock: ReplayClock) -> None:
    row = delivery.start(project, served, 2)
    replay_day(project, clock, World(13), 0, 0.1)
    first = delivery.look(project, row.id)
    assert delivery.look(project, row.id) == first
    assert delivery.look_all(project) == []
    with project.ledger.read() as connection:
        assert len(rows.list_looks(connection, row.id)) == 1


def test_a_look_that_came_to_nothing_because_another_was_faster_changes_nothing(
    project: Project, served: str, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlwright.delivery import rollouts

    row = delivery.start(project, served, 2)
    replay_day(project, clock, World(12, fails=0.2), 0, 0.1)
    judge = rollouts._judge

    def slow(*given: object) -> object:
        decision = judge(*given)  # type: ignore[arg-type]
        delivery.abort(project, row.id, reason="somebody was faster")
        return decision

    monkeypatch.setattr(rollouts, "_judge", slow)
    assert delivery.look(project, row.id) is None
    assert events(project, "rollout.rolled-back", "rollout.aborted") == ["rollout.aborted"]


def test_a_crash_in_the_middle_of_a_decision_leaves_nothing_of_it(
    project: Project, served: str, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlwright.delivery import rollouts

    row = delivery.start(project, served, 2)
    replay_day(project, clock, World(12, fails=0.2), 0, 0.1)

    def dies(*_given: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rollouts, "share", dies)
        with pytest.raises(KeyboardInterrupt):
            delivery.look(project, row.id)
    assert arms(project)[1][:2] == ("candidate", 2)
    found = delivery.look(project, row.id)
    assert found is not None
    assert found.decision == "roll-back"
    assert arms(project) == [("stable", 1, 1.0)]


def test_a_look_sooner_than_declared_is_not_a_new_look(project: Project, served: str, clock: ReplayClock) -> None:
    row = delivery.start(project, served, 2)
    clock.advance(START + timedelta(hours=1))
    first = delivery.look(project, row.id)
    clock.advance(START + timedelta(hours=1, seconds=30))
    assert delivery.look(project, row.id) == first


def test_an_aborted_rollout_gives_all_traffic_to_stable_once(project: Project, served: str) -> None:
    row = delivery.start(project, served, 2)
    assert delivery.abort(project, row.id, reason="changed our minds", actor="user:ada").status == "aborted"
    delivery.abort(project, row.id, reason="again")
    assert arms(project) == [("stable", 1, 1.0)]
    assert events(project, "rollout.aborted") == ["rollout.aborted"]


def test_going_back_walks_to_the_version_before_and_then_one_further(project: Project, flights: str) -> None:
    with project.ledger.write() as tx:
        spec = Deployment(flights, model="flight-delay", rollout=Rollout(steps=()))
        delivery.declare(tx, spec)
    for version in (1, 2, 3):
        delivery.start(project, flights, version)
    assert delivery.rollback(project, flights, reason="bad day") == 2
    assert (arms(project), alias(project)) == ([("stable", 2, 1.0)], {"prod": 2})
    assert delivery.rollback(project, flights, reason="still bad") == 1
    with pytest.raises(Conflict, match="no version to go back to"):
        delivery.rollback(project, flights, reason="worse")
    assert events(project, "deployment.rolled-back") == ["deployment.rolled-back"] * 2


def test_going_back_during_a_rollout_ends_it(project: Project, served: str) -> None:
    delivery.start(project, served, 2)
    assert delivery.rollback(project, served, reason="looks odd") == 1
    assert arms(project) == [("stable", 1, 1.0)]
    assert events(project, "rollout.rolled-back") == ["rollout.rolled-back"]


def test_a_withdrawn_deployment_answers_nothing(project: Project, served: str) -> None:
    delivery.start(project, served, 2)
    delivery.withdraw(project, served, reason="end of life")
    assert arms(project) == []
    assert events(project, "rollout.aborted") == ["rollout.aborted"]


def test_declaring_the_same_again_is_silent_and_a_change_is_an_event(project: Project, flights: str) -> None:
    for margin in (RULES.margin, 0.5):
        with project.ledger.write() as tx:
            rules = msgspec.structs.replace(RULES, margin=margin)
            delivery.declare(tx, Deployment(flights, model="flight-delay", route_by="flight", rollout=rules))
    assert len(events(project, "deployment.declared")) == 2


def test_what_served_at_a_past_moment_can_be_asked(project: Project, served: str, clock: ReplayClock) -> None:
    clock.advance(START + timedelta(days=1))
    delivery.start(project, served, 2)
    with project.ledger.read() as connection:
        before = rows.traffic_history(connection, served, until=START + timedelta(hours=1))
        now = rows.traffic_history(connection, served, since=START + timedelta(days=1, hours=1))
    assert [row.arms for row in before] == [[Arm(arm="stable", version=1, weight=1.0)]]
    assert [len(row.arms) for row in now] == [2]


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Step(0.0),
        lambda: Step(1.5),
        lambda: Step(1.0, min_rows=10),
        lambda: Rollout(steps=(Step(0.5), Step(0.1))),
        lambda: Rollout(confidence=0.3),
        lambda: Rollout(margin=-0.1),
        lambda: Rollout(deadline_hours=0),
        lambda: Deployment("a/b", model="m"),
    ],
)
def test_declarations_that_make_no_sense_are_refused(declare: object) -> None:
    with pytest.raises(InvalidDefinition):
        declare()  # type: ignore[operator]


def test_a_deployment_survives_being_written_down() -> None:
    from mlwright.delivery.values import deployment_of

    declared = Deployment("flights", model="m", rollout=RULES)
    assert deployment_of(msgspec.json.decode(msgspec.json.encode(declared))) == declared
