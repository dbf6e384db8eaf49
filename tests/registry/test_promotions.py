"""Promoting: gates, approvals, assignment, alias and event in one transaction; and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from promoting import DAY, START, add_version, declare, open_project
from sklearn.linear_model import LogisticRegression

from mlwright import errors, registry
from mlwright.core.clock import ReplayClock
from mlwright.ledger import assignments, outbox
from mlwright.project import Project
from mlwright.registry import BeatsChampion, Environment, Evaluation


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


@pytest.fixture
def project(project_folder: Path, clock: ReplayClock, ledger_url: str) -> Iterator[Project]:
    with open_project(project_folder, ledger_url, clock) as opened:
        yield opened


def types(project: Project) -> list[str]:
    with project.ledger.read() as connection:
        return [event.type for event in outbox.read_events(connection)]


def test_an_environment_that_asks_for_nothing_gets_the_version_its_alias_and_an_event_at_once(project: Project) -> None:
    add_version(project)
    promotion = registry.promote(project, "churn/1", "staging", reason="try it")
    assert (promotion.state, promotion.missing, promotion.before, promotion.changed) == ("assigned", [], None, True)
    assert registry.get_version(project, "churn@staging").version == 1
    with project.ledger.read() as connection:
        assert assignments.assigned(connection, "churn") == {"staging": 1}
    assert types(project)[-2:] == ["alias.set", "environment.assigned"]


def test_promoting_again_changes_nothing(project: Project) -> None:
    add_version(project)
    registry.promote(project, "churn/1", "prod")
    before = types(project)
    again = registry.promote(project, "churn/1", "prod")
    assert (again.state, again.changed) == ("assigned", False)
    assert types(project) == before


def test_a_gate_that_says_no_refuses_with_its_numbers_and_asks_nobody(project: Project) -> None:
    declare(project, reviewer=1)
    add_version(project, auc=0.6)
    promotion = registry.promote(project, "churn/1", "prod")
    assert promotion.state == "refused"
    assert [(lack.kind, lack.name) for lack in promotion.missing] == [
        ("gate", "metric-threshold:auc"),
        ("approval", "reviewer"),
    ]
    assert promotion.missing[0].numbers["value"] == 0.6
    assert registry.approvals(project) == []
    assert "promotion.refused" in types(project)


def test_a_version_waits_for_each_role_and_is_told_who_may_approve(project: Project) -> None:
    declare(project, reviewer=2, owner=1)
    add_version(project)
    waiting = registry.promote(project, "churn/1", "prod", reason="better")
    assert waiting.state == "waiting-approval"
    # user:ada registered it, and may not approve it.
    assert [(lack.name, lack.by) for lack in waiting.missing] == [
        ("reviewer", ["user:bob", "user:eve"]),
        ("owner", ["user:carl", "user:eve"]),
    ]
    assert registry.approve(project, "churn/1", "prod", actor="user:bob").state == "open"
    assert registry.approve(project, "churn/1", "prod", actor="user:carl").state == "open"
    halfway = registry.promote(project, "churn/1", "prod")
    assert [lack.reason for lack in halfway.missing] == ["1 of 2 approvals by reviewer (may give it: user:eve)"]
    assert registry.approve(project, "churn/1", "prod", actor="user:eve").state == "approved"
    done = registry.promote(project, "churn/1", "prod")
    assert done.state == "assigned"
    assert registry.approvals(project)[0].state == "used"
    with project.ledger.read() as connection:
        assert assignments.assignment_rows(connection, "churn")[0].approval_id == registry.approvals(project)[0].id


def test_an_author_may_not_approve_and_a_stranger_may_not_either(project: Project) -> None:
    declare(project, reviewer=1)
    add_version(project)
    with pytest.raises(errors.NotFound, match="nobody asked"):
        registry.approve(project, "churn/1", "prod", actor="user:bob")
    registry.promote(project, "churn/1", "prod")
    with pytest.raises(errors.PermissionDenied, match="ada can't approve"):
        registry.approve(project, "churn/1", "prod", actor="user:ada")
    with pytest.raises(errors.PermissionDenied, match="has not the role reviewer"):
        registry.approve(project, "churn/1", "prod", actor="user:carl")
    with pytest.raises(errors.InvalidUsage, match="asks for no approval by 'boss'"):
        registry.approve(project, "churn/1", "prod", actor="user:bob", role="boss")


def test_a_refusal_needs_a_comment_stands_and_can_be_put_aside_by_asking_again(project: Project) -> None:
    declare(project, reviewer=2)
    add_version(project)
    registry.promote(project, "churn/1", "prod")
    with pytest.raises(errors.InvalidUsage, match="needs a comment"):
        registry.refuse(project, "churn/1", "prod", actor="user:bob", comment=" ")
    registry.approve(project, "churn/1", "prod", actor="user:eve")
    assert registry.refuse(project, "churn/1", "prod", actor="user:bob", comment="too old").state == "refused"
    refused = registry.promote(project, "churn/1", "prod")
    assert (refused.state, refused.missing[0].reason) == ("refused", "user:bob refused: too old")
    with pytest.raises(errors.Conflict, match="is refused, not open"):
        registry.approve(project, "churn/1", "prod", actor="user:bob")
    assert registry.promote(project, "churn/1", "prod", ask_again=True).state == "waiting-approval"


def test_an_approval_that_was_not_used_in_time_counts_no_more(project: Project, clock: ReplayClock) -> None:
    declare(project, reviewer=1)
    add_version(project)
    registry.promote(project, "churn/1", "prod")
    assert registry.approve(project, "churn/1", "prod", actor="user:bob").state == "approved"
    clock.advance(START + 14 * DAY)
    assert registry.plan_promotion(project, "churn/1", "prod").state == "waiting-approval"
    assert registry.approvals(project)[0].state == "expired"
    assert registry.promote(project, "churn/1", "prod").state == "waiting-approval"
    assert [row.state for row in registry.approvals(project)] == ["open", "expired"]


def test_other_rules_withdraw_what_was_asked_under_the_old_ones(project: Project) -> None:
    declare(project, reviewer=1)
    add_version(project)
    registry.promote(project, "churn/1", "prod")
    registry.approve(project, "churn/1", "prod", actor="user:bob")
    declare(project, reviewer=2)
    assert registry.plan_promotion(project, "churn/1", "prod").state == "waiting-approval"
    assert registry.promote(project, "churn/1", "prod").state == "waiting-approval"
    assert [row.state for row in registry.approvals(project)] == ["open", "withdrawn"]


def test_a_request_is_withdrawn_by_who_asked_or_registered_only(project: Project) -> None:
    declare(project, reviewer=1)
    add_version(project)
    registry.promote(project, "churn/1", "prod", actor="user:zoe")
    with pytest.raises(errors.PermissionDenied, match="can't withdraw"):
        registry.withdraw(project, "churn/1", "prod", actor="user:bob")
    assert registry.withdraw(project, "churn/1", "prod", actor="user:ada").state == "withdrawn"


def test_a_plan_writes_nothing(project: Project) -> None:
    declare(project, reviewer=1)
    add_version(project)
    before = types(project)
    plan = registry.plan_promotion(project, "churn/1", "prod")
    assert (plan.state, plan.approval) == ("waiting-approval", None)
    assert types(project) == before
    assert registry.verdicts_on(project, registry.get_version(project, "churn/1")) == []


def test_going_back_gives_the_version_before_and_again_the_one_before_that(project: Project) -> None:
    for _ in range(3):
        registry.promote(project, f"churn/{add_version(project)}", "prod")
    assert registry.rollback(project, "churn", "prod", reason="it is slow") == 2
    assert registry.get_version(project, "churn@prod").version == 2
    assert registry.rollback(project, "churn", "prod") == 1
    with pytest.raises(errors.Conflict, match="version 1 is its first"):
        registry.rollback(project, "churn", "prod")
    registry.promote(project, "churn/3", "prod")
    assert registry.rollback(project, "churn", "prod") == 1


def test_the_alias_of_a_guarded_environment_is_not_moved_by_hand(project: Project) -> None:
    declare(project, reviewer=1)
    add_version(project)
    with pytest.raises(errors.PermissionDenied, match="isn't moved by hand"):
        registry.set_alias(project, "churn", "prod", 1, actor="user:ada", reason="")
    registry.set_alias(project, "churn", "dev", 1, actor="user:ada", reason="free")
    with project.ledger.read() as connection:
        assert assignments.assigned(connection, "churn") == {"dev": 1}


def test_an_alias_that_is_removed_leaves_its_environment_empty(project: Project) -> None:
    add_version(project)
    registry.promote(project, "churn/1", "prod")
    with project.ledger.write("user:ada") as tx:
        assert registry.remove_alias(tx, "churn", "prod", reason="over") == 1
        assert assignments.assigned(tx.connection, "churn") == {}
    with pytest.raises(errors.NotFound, match="no alias 'prod'"):
        registry.get_version(project, "churn@prod")


def test_of_many_who_promote_at_once_one_does_it(project: Project) -> None:
    declare(project, reviewer=1)
    add_version(project)
    registry.promote(project, "churn/1", "prod")
    registry.approve(project, "churn/1", "prod", actor="user:bob")
    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda _: registry.promote(project, "churn/1", "prod"), range(8)))
    assert {promotion.state for promotion in ended} == {"assigned"}
    assert sum(promotion.changed for promotion in ended) == 1
    assert types(project).count("environment.assigned") == 1


def test_two_approvals_at_once_are_both_kept_and_decide_once(project: Project) -> None:
    declare(project, reviewer=1, owner=1)
    add_version(project)
    registry.promote(project, "churn/1", "prod")
    with ThreadPoolExecutor(2) as pool:
        voters = ["user:bob", "user:carl"]
        list(pool.map(lambda who: registry.approve(project, "churn/1", "prod", actor=who), voters))
    row = registry.approvals(project)[0]
    assert (row.state, sorted(vote.actor for vote in row.votes)) == ("approved", voters)
    assert types(project).count("approval.approved") == 1


def test_gates_that_compare_are_judged_on_the_rows_of_the_version_against_who_is_there(project: Project) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2_000, 1))
    y = (rng.random(2_000) < 1 / (1 + np.exp(-2 * x[:, 0]))).astype(float)
    rows = Evaluation(columns={"x0": x[:, 0]}, labels=y, groups=np.arange(2_000) % 40)
    good, bad = LogisticRegression().fit(x, y), LogisticRegression().fit(-x, y)
    for model in (good, bad, good):
        registry.register_model("churn", model, project=project, evaluation=rows)
    prod = Environment(name="prod", gates=[BeatsChampion(margin=0.01)])
    registry.declare_environments(project, "churn", [prod])
    assert registry.promote(project, "churn/1", "prod").gates[0].reason.startswith("passed: there is no champion")
    worse = registry.promote(project, "churn/2", "prod")
    assert (worse.state, worse.missing[0].numbers["champion"] < worse.missing[0].numbers["challenger"]) == (
        "refused",
        True,
    )
    assert registry.promote(project, "churn/3", "prod").state == "assigned"


def test_what_can_not_be_judged_yet_is_said(project: Project) -> None:
    add_version(project)
    registry.declare_environments(project, "churn", [Environment(name="prod", gates=[BeatsChampion()])])
    promotion = registry.promote(project, "churn/1", "prod")
    assert promotion.state == "refused"
    assert "not judged yet: the gate beats-champion needs labelled rows" in promotion.missing[0].reason


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ([], "at least one environment"),
        ([Environment(name="a b")], "can't be an alias"),
        ([Environment(name="x"), Environment(name="x")], "there twice"),
        ([Environment(name="x", approval_days=10**9)], "can't expire after"),
        ([Environment(name="x", approvals={"reviewer": 0})], "asks for 0 of 'reviewer'"),
        ([Environment(name="x", approvals={"The Boss": 1})], "asks for 1 of 'The Boss'"),
    ],
)
def test_a_wrong_declaration_of_environments_is_refused_by_name(
    project: Project, declared: list[Environment], said: str
) -> None:
    with pytest.raises(errors.InvalidDefinition, match=said):
        registry.declare_environments(project, "churn", declared)


def test_an_unknown_environment_is_not_found(project: Project) -> None:
    add_version(project)
    with pytest.raises(errors.NotFound, match="did you mean 'prod'"):
        registry.promote(project, "churn/1", "prd")
