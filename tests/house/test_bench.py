"""The benchmark harness takes turns, takes medians and divides by the floor of the same round."""

from __future__ import annotations

import time

from bench import harness


def case(ours: harness.Work, floor: harness.Work) -> harness.Case:
    return harness.Case("thing", "floor", 10, ours, floor)


def test_both_sides_run_in_turns_that_alternate_with_a_first_round_that_does_not_count() -> None:
    order: list[str] = []
    result = harness.run(case(lambda _: order.append("ours"), lambda _: order.append("floor")), rounds=3)
    assert order == ["ours", "floor", "floor", "ours", "ours", "floor", "floor", "ours"]
    assert result.rounds == 3


def test_the_ratio_is_ours_over_the_floor() -> None:
    result = harness.run(case(lambda n: time.sleep(n * 0.003), lambda n: time.sleep(n * 0.001)), rounds=3)
    assert 2 < result.wall_ratio < 3.5
    assert result.ours.wall_us >= 3000
    assert result.ours.cpu_us < 1000


def test_the_table_names_thing_floor_and_ratio() -> None:
    result = harness.run(case(lambda _: None, lambda _: None), rounds=1)
    text = harness.table([result])
    assert "thing (1 call)" in text
    assert "; floor" in text
