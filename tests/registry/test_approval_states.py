"""Approvals as a state machine: whatever people do in any order, the ledger agrees with a small model of the rules."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from promoting import DAY, START, add_version, declare, open_project

from mlwright import errors, registry
from mlwright.core.clock import ReplayClock
from mlwright.ledger import assignments, outbox

PEOPLE = ["user:ada", "user:bob", "user:carl", "user:eve", "user:zoe"]
ROLES = {"reviewer": {"user:bob", "user:eve", "user:ada"}, "owner": {"user:carl", "user:eve"}}
NEEDS = {"reviewer": 2, "owner": 1}
PEER = {"versions": st.sampled_from([1, 2]), "who": st.sampled_from(PEOPLE)}


class Request:
    """What the rules say about one request."""

    def __init__(self, day: int) -> None:
        self.state = "open"
        self.ends = day + 14
        self.votes: dict[str, str] = {}

    def lacks(self) -> bool:
        given = list(self.votes.values())
        return any(given.count(role) < count for role, count in NEEDS.items())


class Approving(RuleBasedStateMachine):
    """Two versions by user:ada on the way to prod, which asks for two reviewers and an owner."""

    url: Any = staticmethod(lambda: "")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ReplayClock(START)
        self.project = open_project(Path(self.folder.name), type(self).url(self.folder.name), self.clock)
        declare(self.project, **NEEDS)
        for _ in (1, 2):
            add_version(self.project)
        self.day = 0
        self.prod: int | None = None
        self.requests: dict[int, Request] = {}
        self.assigned = 0

    def teardown(self) -> None:
        if hasattr(self, "project"):
            self.project.close()
            self.folder.cleanup()

    @rule(version=PEER["versions"], who=PEER["who"], again=st.booleans())
    def promote(self, version: int, who: str, again: bool) -> None:
        promotion = registry.promote(self.project, f"churn/{version}", "prod", actor=who, ask_again=again)
        if self.prod == version:
            assert (promotion.state, promotion.changed) == ("assigned", False)
            return
        request = self.requests.get(version)
        live = request is not None and request.state in ("open", "approved")
        if request is None or not (live or (request.state == "refused" and not again)):
            request = self.requests[version] = Request(self.day)
        expected = {"open": "waiting-approval", "refused": "refused", "approved": "assigned"}[request.state]
        assert promotion.state == expected
        if expected == "assigned":
            request.state, self.prod = "used", version
            self.assigned += 1

    @rule(version=PEER["versions"], who=PEER["who"])
    def approve(self, version: int, who: str) -> None:
        request = self.requests.get(version)
        said = request is not None and who in request.votes
        roles = [role for role in NEEDS if who in ROLES[role]]
        may = said or (bool(roles) and who != "user:ada")
        allowed = request is not None and ((request.state == "open" and may) or (request.state == "approved" and said))
        try:
            row = registry.approve(self.project, f"churn/{version}", "prod", actor=who)
        except (errors.NotFound, errors.Conflict, errors.PermissionDenied):
            assert not allowed
            return
        assert allowed
        assert request is not None
        if not said:
            given = list(request.votes.values())
            request.votes[who] = next((role for role in roles if given.count(role) < NEEDS[role]), roles[0])
            request.state = "open" if request.lacks() else "approved"
        assert row.state == request.state

    @rule(version=PEER["versions"], who=PEER["who"])
    def refuse(self, version: int, who: str) -> None:
        request = self.requests.get(version)
        allowed = request is not None and request.state in ("open", "approved")
        allowed = allowed and any(who in people for people in ROLES.values())
        try:
            registry.refuse(self.project, f"churn/{version}", "prod", actor=who, comment="no")
        except (errors.NotFound, errors.Conflict, errors.PermissionDenied):
            assert not allowed
            return
        assert allowed
        assert request is not None
        request.state = "refused"

    @rule(version=PEER["versions"], who=PEER["who"])
    def withdraw(self, version: int, who: str) -> None:
        request = self.requests.get(version)
        try:
            registry.withdraw(self.project, f"churn/{version}", "prod", actor=who)
        except (errors.NotFound, errors.Conflict, errors.PermissionDenied):
            assert who != "user:ada" or request is None or request.state not in ("open", "approved")
            return
        assert request is not None
        request.state = "withdrawn"

    @rule(days=st.integers(1, 9))
    def wait(self, days: int) -> None:
        self.day += days
        self.clock.advance(START + self.day * DAY)
        for request in self.requests.values():
            if request.state in ("open", "approved") and self.day >= request.ends:
                request.state = "expired"

    @rule()
    def go_back(self) -> None:
        try:
            self.prod = registry.rollback(self.project, "churn", "prod")
        except errors.Conflict:
            assert self.assigned < 2 or self.prod is not None
            return
        self.assigned += 1

    @invariant()
    def the_ledger_agrees(self) -> None:
        if not hasattr(self, "project"):
            return
        newest = {row.version: row for row in reversed(registry.approvals(self.project))}
        assert {version: row.state for version, row in newest.items()} == {
            version: request.state for version, request in self.requests.items()
        }
        with self.project.ledger.read() as connection:
            held = assignments.assigned(connection, "churn")
            told = [event.type for event in outbox.read_events(connection, limit=10_000)]
            stretches = assignments.assignment_rows(connection, "churn")
        assert held == ({} if self.prod is None else {"prod": self.prod})
        assert told.count("environment.assigned") == self.assigned == len(stretches)
        for row in newest.values():
            assert "user:ada" not in {vote.actor for vote in row.votes if vote.approves}


def check(url: Any, examples: int) -> None:
    machine = type("Approving", (Approving,), {"url": staticmethod(url)})
    limits = settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=limits)


def test_approvals_follow_their_rules_on_sqlite() -> None:
    check(lambda folder: f"sqlite:///{folder}/ledger.db", 40)


@pytest.mark.postgres
def test_approvals_follow_their_rules_on_postgresql(postgres_cluster: Any) -> None:
    check(lambda _folder: postgres_cluster.fresh(), 8)
