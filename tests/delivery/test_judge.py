"""The judge on simulated traffic: harm is found, health is let through, and the sentences say why."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import msgspec
import numpy as np
import pytest
from worlds import START, World, after, joined

from mlwright.delivery import Rollout, Step
from mlwright.delivery.evidence import condense
from mlwright.delivery.judge import Decision, Progress, judge

RULES = Rollout(steps=(Step(0.1, 100, 24.0), Step(0.5, 300, 24.0)))


def play(world: World, rules: Rollout = RULES, days: int = 20) -> tuple[float, Decision]:
    """Play a rollout with a look at the end of each day and labels one day late; return when and how it ended."""
    steps, step, step_at = rules.planned(), 0, 0
    parts = []
    for day in range(days):
        parts.append(world.day(day, steps[step].weight))
        found = look(parts, rules, step=step, step_at=step_at)
        if found.decision == "advance":
            step, step_at = step + 1, day + 1
        elif found.decision != "continue":
            return day + 1, found
    return days, found


def look(parts: list, rules: Rollout = RULES, *, step: int = 0, step_at: float = 0) -> Decision:
    now = len(parts)
    rows = joined(parts, labelled_before=after(now - 1))
    progress = Progress(
        stable=1, candidate=2, steps=rules.planned(), step=step, step_hours=24 * (now - step_at), hours=24 * now
    )
    return judge(condense(rows, START, after(step_at), after(now)), rules, progress)


def test_a_candidate_as_good_as_stable_is_promoted_soon_after_the_asked_hours_and_the_label_delay() -> None:
    ends = [play(World(seed)) for seed in range(40)]
    assert Counter(found.decision for _, found in ends)["promote"] >= 38
    assert np.median([day for day, _ in ends]) <= 6


@pytest.mark.parametrize("luck", [0.1, 0.8])
def test_an_equal_candidate_is_seldom_rolled_back_whatever_the_luck_of_days(luck: float) -> None:
    rules = msgspec.structs.replace(RULES, margin=0.0)
    ends = [play(World(seed, luck=luck, noise=0.5), rules)[1] for seed in range(60)]
    assert sum(found.decision == "roll-back" for found in ends) <= 5


def test_a_candidate_that_learned_nothing_never_gets_all_traffic_and_is_mostly_rolled_back() -> None:
    ends = [play(World(seed, harm=1.0)) for seed in range(30)]
    decisions = Counter(found.decision for _, found in ends)
    assert decisions["promote"] == 0
    assert decisions["roll-back"] >= 20
    rolled_back = [(day, found) for day, found in ends if found.decision == "roll-back"]
    assert np.median([day for day, _ in rolled_back]) <= 11
    assert "log loss was 0.0" in rolled_back[0][1].sentence


@pytest.mark.parametrize("fails", [0.05, 0.2])
def test_a_candidate_that_fails_for_part_of_its_rows_is_gone_after_a_day_before_any_label(fails: float) -> None:
    ends = [play(World(seed, fails=fails)) for seed in range(30)]
    assert all(found.decision == "roll-back" for _, found in ends)
    assert np.mean([day == 1 for day, _ in ends]) >= 0.6
    assert max(day for day, _ in ends) <= 4
    assert "failed for" in ends[0][1].sentence


def test_failures_that_both_versions_share_roll_nothing_back() -> None:
    ends = [play(World(seed, stable_fails=0.05))[1].decision for seed in range(40)]
    assert ends.count("roll-back") <= 3


def test_a_candidate_that_answers_the_opposite_is_rolled_back_without_waiting_for_days() -> None:
    day, found = play(World(3, harm=3.0))
    assert found.decision == "roll-back"
    assert day <= 4
    assert "beyond the limit" in found.sentence


def test_without_a_verdict_the_deadline_keeps_stable_and_says_what_was_missing() -> None:
    rules = Rollout(steps=(Step(0.1, min_rows=100_000),), deadline_hours=72)
    day, found = play(World(1), rules)
    assert (day, found.decision) == (3, "keep-stable")
    assert found.sentence.startswith("inconclusive after 72 hours, version 1 keeps the traffic")
    assert "more labelled rows" in found.sentence


def test_the_first_look_before_any_row_waits() -> None:
    empty = World(1, rows_a_day=0)
    found = look([empty.day(0, 0.1)])
    assert found.decision == "continue"
    assert "100 more labelled rows" in found.sentence


def test_rows_without_labels_yet_leave_the_loss_open_and_count_as_rows() -> None:
    found = look([World(2).day(0, 0.1)])
    assert found.numbers["loss"]["difference"] is None
    assert found.numbers["errors"]["candidate_rows"] > 50


def test_the_numbers_of_a_look_are_plain_json() -> None:
    found = look([World(2).day(day, 0.1) for day in range(3)])
    assert msgspec.json.decode(msgspec.json.encode(found.numbers)) == found.numbers


def test_two_versions_that_answer_the_same_are_promoted() -> None:
    world = World(4)
    parts = [world.day(day, 0.5) for day in range(4)]
    for part in parts:
        part.score = np.where(part.arm == "candidate", part.baseline_score, part.score)
    found = look(parts, step=1, step_at=0)
    assert found.decision == "promote"
    assert "0.000" in found.sentence


def test_failed_rows_are_left_out_of_the_comparison_of_losses() -> None:
    rows = World(5, fails=0.5).day(0, 0.5)
    evidence = condense(rows, START, START, after(1))
    answered = (rows.arm == "candidate") & ~rows.failed
    assert evidence.counts.sum() == answered.sum()
    assert evidence.candidate_failed.sum() == ((rows.arm == "candidate") & rows.failed).sum()


def test_the_hour_that_is_not_over_yet_is_not_counted_for_errors() -> None:
    rows = World(6).day(0, 0.5)
    noon = START + timedelta(hours=12, minutes=30)
    evidence = condense(rows.where(rows.at <= np.datetime64("2026-03-01T12:30")), START, START, noon)
    assert len(evidence.candidate_rows) == 12
    before_noon = (rows.at < np.datetime64("2026-03-01T12:00")) & (rows.arm == "candidate")
    assert evidence.candidate_rows.sum() == before_noon.sum()


def test_a_day_whose_labels_are_still_coming_does_not_count_as_a_day() -> None:
    parts = [World(7).day(day, 0.5) for day in range(3)]
    half = joined(parts, labelled_before=after(1.5))
    assert len(condense(half, START, START, after(2.5)).days) == 1
    whole = joined(parts, labelled_before=after(2))
    assert len(condense(whole, START, START, after(3)).days) == 2
