"""Plan shows the difference, apply makes it so, and refuses when the world has moved."""

from __future__ import annotations

import pytest
from loop_pipeline import system

from mlwright import Deployment, Monitor, Trigger
from mlwright.errors import InvalidDefinition, PlanOutdated
from mlwright.ledger import outbox
from mlwright.project import Project
from mlwright.system import apply, load_system, plan


def test_a_new_system_is_all_creation_and_the_last_line_counts_it(project: Project) -> None:
    lines = plan(project, system()).render().splitlines()
    assert "+ deployment sign" in lines
    assert lines[-1] == "Plan: 7 to create, 0 to update, 0 to delete, 0 unchanged."


def test_applying_twice_changes_nothing_the_second_time(project: Project) -> None:
    assert not apply(project, system()).is_empty
    assert apply(project, system()).is_empty
    with project.ledger.read() as connection:
        assert len(outbox.read_events(connection, types=["system.applied"])) == 1


def test_a_changed_part_is_shown_with_both_values(project: Project) -> None:
    apply(project, system())
    changed = system(monitors=(Monitor("loss", "sign", kind="log-loss", tolerance=0.5),))
    text = plan(project, changed).render()
    assert "~ monitor loss" in text
    assert "tolerance: None -> 0.5" in text


def test_a_part_that_is_no_longer_declared_is_deleted(project: Project) -> None:
    apply(project, system())
    assert "- schedule weekly" in plan(project, system(schedules=())).render()


def test_a_plan_that_was_looked_at_is_refused_when_somebody_applied_something_else(project: Project) -> None:
    seen = plan(project, system())
    apply(project, system(schedules=()))
    with pytest.raises(PlanOutdated, match="out of date"):
        apply(project, system(), approved=seen)


def test_a_monitor_of_another_deployment_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="watches deployment 'other'"):
        system(monitors=(Monitor("loss", "other", kind="log-loss"),))


def test_two_triggers_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidDefinition, match="two triggers named 'train'"):
        system(triggers=(Trigger(name="train"), Trigger(name="train")))


def test_a_target_that_is_no_system_says_so() -> None:
    with pytest.raises(InvalidDefinition, match="names no System"):
        load_system("loop_pipeline:train_sign")


def test_the_deployment_is_declared_with_all_it_says(project: Project) -> None:
    from mlwright.ledger import delivery

    apply(project, system(deployment=Deployment("sign", model="sign", route_by="id", extra_columns=("number",))))
    with project.ledger.read() as connection:
        row = delivery.find_deployment(connection, "sign")
    assert row is not None
    assert row.spec["extra_columns"] == ["number"]
