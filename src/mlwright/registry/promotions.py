"""Promoting a version to an environment, and going back: gates, approvals, assignment and event in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mlwright.errors import Conflict
from mlwright.ledger import Connection, Transaction, assignments
from mlwright.ledger import registry as rows
from mlwright.ledger.approvals import ApprovalRow, Wanted, list_approvals
from mlwright.registry.approvals import expire_due, lacking, settle, who_may
from mlwright.registry.environments import Environment, environment_named
from mlwright.registry.gates import Verdict
from mlwright.registry.standing import Answer, answers, keep_answers
from mlwright.registry.values import ModelVersion
from mlwright.registry.versions import get_version, move_alias, the_model

if TYPE_CHECKING:
    from mlwright.project import Project

_ATTEMPTS = 5
_BACK = "rolled back: "

State = Literal["assigned", "waiting-approval", "refused"]


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a version still lacks.

    Attributes:
        kind: `gate` or `approval`.
        name: Name of the gate, or the role.
        reason: One sentence: what the gate said, or who may approve.
        numbers: What the gate measured, or how many approvals are needed and given.
        by: Who may give the approval.
    """

    kind: Literal["gate", "approval"]
    name: str
    reason: str
    numbers: dict[str, Any] = {}
    by: list[str] = []


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a promotion.

    Attributes:
        model: Name of the model.
        version: The version.
        environment: Where it was to go.
        state: `assigned`, `waiting-approval` or `refused`.
        missing: What it still lacks; empty when it is assigned.
        gates: What each gate of the environment said, as far as it could be judged.
        before: The version that the environment had, None when it had none.
        approval: The request for approval that it goes by, None when none is needed.
        changed: Whether the environment has another version now (or would have, in a plan).
    """

    model: str
    version: int
    environment: str
    state: State
    missing: list[Missing]
    gates: list[Verdict]
    before: int | None
    approval: ApprovalRow | None = None
    changed: bool = False


class _Look(msgspec.Struct, frozen=True):
    """What was seen before the transaction: gates take too long to be judged inside."""

    environment: Environment
    before: int | None
    answers: list[Answer]


class _How(msgspec.Struct, frozen=True, kw_only=True):
    """Who promotes and why, whether a refusal is put aside, and whether the version is assigned in the end."""

    actor: str
    reason: str
    ask_again: bool
    assigns: bool


def promote(
    project: Project,
    version: ModelVersion | str,
    to: str,
    *,
    actor: str | None = None,
    reason: str = "",
    ask_again: bool = False,
) -> Promotion:
    """Assign a model version to an environment once that environment's gates and approvals agree.

    Verdicts that are kept count; other gates are judged now on the rows that the version was registered with. When all
    agree and approvals are needed, they are asked for. Calling it again goes on from there; once the version is
    assigned it changes nothing. The assignment, its event, and the alias of the environment's name are written in one
    transaction.

    Args:
        project: Where the version is registered.
        version: The version, or a reference such as `churn/3`.
        to: Name of the environment.
        actor: Who promotes; the project's own actor by default.
        reason: Why, for the history and for those who are asked to approve.
        ask_again: Ask for approval anew although it was refused.

    Returns:
        The state, and what is still missing.

    Raises:
        NotFound: There is no such version or environment.
        Conflict: The environment changed again and again meanwhile.
    """
    found = get_version(project, version) if isinstance(version, str) else version
    how = _How(actor=actor or project.actor, reason=reason, ask_again=ask_again, assigns=True)
    return _go(project, found, to, how)


def clear(project: Project, version: ModelVersion, to: str, *, actor: str | None = None, reason: str = "") -> Promotion:
    """Ask an environment's gates and approvals about a version without assigning it: a rollout does that at its end.

    Approvals are asked for as by `promote`; the state `assigned` means that everything agrees.

    Raises:
        NotFound: There is no such environment.
        Conflict: The environment changed again and again meanwhile.
    """
    how = _How(actor=actor or project.actor, reason=reason, ask_again=False, assigns=False)
    return _go(project, version, to, how)


def plan_promotion(project: Project, version: ModelVersion | str, to: str) -> Promotion:
    """Return what `promote` would come to now; gates are judged, and nothing is written.

    Raises:
        NotFound: There is no such version or environment.
    """
    found = get_version(project, version) if isinstance(version, str) else version
    expire_due(project)
    looked = _look(project, found, to)
    with project.ledger.read() as connection:
        wanted = Wanted(model=found.model, version=found.version, environment=to)
        row = next(iter(list_approvals(connection, wanted, limit=1)), None)
    environment = looked.environment
    if row is not None and (row.state not in ("open", "approved", "refused") or row.needs != environment.approvals):
        row = None
    return _outcome(project, found, looked, row)


def rollback(project: Project, model: str, environment: str, *, actor: str | None = None, reason: str = "") -> int:
    """Give an environment the version back that it had before; return that version.

    It was there before, so neither gates nor approvals are asked. Doing it again goes one further back.

    Raises:
        NotFound: There is no such model or environment.
        Conflict: The environment had no other version before.
    """
    with project.ledger.write(actor or project.actor) as tx:
        the_model(tx.connection, model)
        rows.claim_model(tx, model)
        environment_named(tx.connection, model, environment)
        past = _stack(tx.connection, model, environment)
        if len(past) < 2:
            raise Conflict(
                f"the environment {environment} of {model} has no version to go back to.",
                why=f"version {past[0]} is its first" if past else "it never had one",
                fix=f"promote another one: mlwright models promote {model}/<version> --to {environment}",
            )
        version, before = past[-2], past[-1]
        move_alias(tx, model, environment, version, reason=_BACK + reason)
        facts = {"model": model, "environment": environment, "version": version, "before": before, "reason": reason}
        tx.emit("environment.rolled-back", f"model/{model}/{version}", **facts)
        return version


def _stack(connection: Connection, model: str, environment: str) -> list[int]:
    """Return the versions that an environment went through, the present one last, without those it went back from."""
    past: list[int] = []
    for row in reversed(assignments.assignment_rows(connection, model, environment)):
        if row.reason.startswith(_BACK) and len(past) > 1 and past[-2] == row.version:
            past.pop()
        else:
            past.append(row.version)
    return past


def _go(project: Project, version: ModelVersion, to: str, how: _How) -> Promotion:
    for _ in range(_ATTEMPTS):
        looked = _look(project, version, to)
        with project.ledger.write(how.actor) as tx:
            promotion = _decide(project, tx, version, looked, how)
        if promotion is not None:
            return promotion
    raise Conflict(f"the environment {to} of {version.model} keeps changing.", fix="try again")


def _look(project: Project, version: ModelVersion, to: str) -> _Look:
    with project.ledger.read() as connection:
        environment = environment_named(connection, version.model, to)
        before = assignments.assigned(connection, version.model).get(to)
    if before == version.version:
        return _Look(environment, before, [])
    return _Look(environment, before, answers(project, version, environment.gates, before))


def _decide(project: Project, tx: Transaction, version: ModelVersion, looked: _Look, how: _How) -> Promotion | None:
    """Promote, ask or refuse; None when what was looked at has changed meanwhile."""
    rows.claim_model(tx, version.model)
    environment = looked.environment
    if environment_named(tx.connection, version.model, environment.name) != environment:
        return None
    if assignments.assigned(tx.connection, version.model).get(environment.name) != looked.before:
        return None
    if looked.before == version.version:
        return _outcome(project, version, looked, None)
    keep_answers(tx, version, looked.answers)
    row = None
    if all(answer.passed for answer in looked.answers):
        row = settle(tx, version, environment, reason=how.reason, ask_again=how.ask_again)
    promotion = _outcome(project, version, looked, row)
    if not how.assigns:
        return promotion
    if promotion.state == "assigned":
        move_alias(tx, version.model, environment.name, version.version, reason=how.reason)
    elif promotion.state == "refused":
        facts = {"environment": environment.name, "missing": msgspec.to_builtins(promotion.missing)}
        place = {"model": version.model, "version": version.version, "reason": how.reason}
        tx.emit("promotion.refused", version.subject, **place, **facts)
    return promotion


def _outcome(project: Project, version: ModelVersion, looked: _Look, row: ApprovalRow | None) -> Promotion:
    """Return what a look and the request for approval (None: not needed, or not asked for yet) come to."""
    missing: list[Missing] = []
    state: State = "assigned"
    if looked.before != version.version:
        missing = [_gate(answer) for answer in looked.answers if not answer.passed]
        asks = _asks(project, version, looked.environment, row)
        if missing or (row is not None and row.state == "refused"):
            state = "refused"
        elif asks:
            state = "waiting-approval"
        missing += asks
    return Promotion(
        model=version.model,
        version=version.version,
        environment=looked.environment.name,
        state=state,
        missing=missing,
        gates=[answer.verdict for answer in looked.answers if answer.verdict is not None],
        before=looked.before,
        approval=row,
        changed=state == "assigned" and looked.before != version.version,
    )


def _gate(answer: Answer) -> Missing:
    if answer.verdict is None:
        return Missing(kind="gate", name=answer.gate, reason=f"not judged yet: {answer.trouble}")
    return Missing(kind="gate", name=answer.gate, reason=answer.verdict.reason, numbers=answer.verdict.numbers)


def _asks(project: Project, version: ModelVersion, environment: Environment, row: ApprovalRow | None) -> list[Missing]:
    if row is not None and row.state == "approved":
        return []
    if row is not None and row.state == "refused":
        said = next(vote for vote in row.votes if not vote.approves)
        reason = f"{said.actor} refused: {said.comment}"
        return [Missing(kind="approval", name=said.role, reason=reason, numbers={"approval_id": row.id})]
    short = lacking(row) if row is not None else environment.approvals
    return [_ask(project, version, role, row, environment.approvals[role]) for role in short]


def _ask(project: Project, version: ModelVersion, role: str, row: ApprovalRow | None, needed: int) -> Missing:
    given = sum(vote.approves and vote.role == role for vote in row.votes) if row is not None else 0
    people = who_may(project, version, role, row)
    listed = ", ".join(people) or "nobody else has the role: see [roles] of mlwright.toml"
    reason = f"{given} of {needed} approvals by {role} (may give it: {listed})"
    return Missing(kind="approval", name=role, reason=reason, numbers={"given": given, "needed": needed}, by=people)
