from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.plan import Change, Plan, basis_of, diff

states = st.dictionaries(st.sampled_from("abc"), st.integers(0, 1), max_size=3)
worlds = st.dictionaries(st.sampled_from(["one", "two", "three", "four"]), states, max_size=4)
World = dict[str, dict[str, Any]]


def applied(changes: list[Change], world: World) -> World:
    result = dict(world)
    for change in changes:
        if change.action in ("create", "update"):
            assert change.after is not None
            result[change.name] = change.after
        elif change.action == "delete":
            del result[change.name]
    return result


@given(declared=worlds, present=worlds)
def test_applying_a_plan_makes_what_is_declared(declared: World, present: World) -> None:
    changes = diff("thing", declared, present)
    assert applied(changes, present) == declared
    assert all(change.action == "keep" for change in diff("thing", declared, declared))


@given(declared=worlds, present=worlds)
def test_without_pruning_nothing_is_deleted(declared: World, present: World) -> None:
    assert applied(diff("thing", declared, present, prune=False), present) == {**present, **declared}


@given(declared=worlds, present=worlds)
def test_the_counts_add_up(declared: World, present: World) -> None:
    plan = Plan(changes=diff("thing", declared, present), basis="b")
    assert sum(plan.counts().values()) == len({*declared, *present})
    assert plan.is_empty == (declared == present)


def test_a_plan_is_shown_with_signs_differences_notes_and_counts_last() -> None:
    changes = diff(
        "deployment",
        {"new": {"x": 1}, "same": {"x": 1}, "other": {"x": 2, "y": 0}},
        {"same": {"x": 1}, "other": {"x": 1, "y": 0}, "old": {}},
    )
    changes.append(Change(action="create", kind="model", name="m", after={}, note="costs money"))
    assert Plan(changes=changes, basis="b").render().splitlines() == [
        "+ deployment new",
        "~ deployment other",
        "    x: 1 -> 2",
        "- deployment old",
        "+ model m",
        "    note: costs money",
        "Plan: 2 to create, 1 to update, 1 to delete, 1 unchanged.",
    ]


def test_an_empty_plan_is_only_its_counts() -> None:
    assert Plan(changes=[], basis="b").render() == "Plan: 0 to create, 0 to update, 0 to delete, 0 unchanged."


@given(world=worlds)
def test_the_basis_changes_with_the_world_and_not_with_the_order_of_keys(world: World) -> None:
    assert basis_of([world]) == basis_of([dict(reversed(world.items()))])
    assert basis_of([world]) != basis_of([{**world, "more": {}}])
