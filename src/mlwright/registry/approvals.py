"""Approvals: who agrees that a version goes to an environment, and who doesn't.

    open --votes of all roles--> approved --the version goes there--> used
      |                             |
      +--one refusal----------------+--> refused
      +--time-----------------------+--> expired
      +--other rules, or its asker--+--> withdrawn

Who has a role comes from the settings (`[roles]` of mlwright.toml). Nobody proves who they are yet, so this keeps order
among people who trust each other; it doesn't protect against one who claims another's name.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from mlwright.core.ids import new_id
from mlwright.errors import Conflict, InvalidUsage, NotFound, PermissionDenied, did_you_mean
from mlwright.ledger import Transaction
from mlwright.ledger import approvals as rows
from mlwright.ledger.approvals import ApprovalRow, VoteRow, Wanted
from mlwright.registry.environments import Environment, environment_named
from mlwright.registry.values import ModelVersion
from mlwright.registry.versions import find

if TYPE_CHECKING:
    from mlwright.project import Project

_LIVE = ("open", "approved")


class Ballot(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says about a version and an environment.

    Attributes:
        actor: Who.
        approves: False for a refusal.
        comment: Why; a refusal needs one.
        role: In which role; empty for the first of theirs that still lacks somebody.
    """

    actor: str
    approves: bool
    comment: str = ""
    role: str = ""


def approve(
    project: Project, version: str, environment: str, *, actor: str | None = None, comment: str = "", role: str = ""
) -> ApprovalRow:
    """Agree that a version goes to an environment. Doing it again changes nothing.

    Args:
        project: Where the version is registered.
        version: Reference of the version, for example `churn/3`.
        environment: Where it is to go.
        actor: Who agrees; the project's own actor by default.
        comment: Why.
        role: In which role; by default the first of the actor's roles that still lacks somebody.

    Returns:
        The request: `approved` once everybody who is needed agreed, `open` before.

    Raises:
        NotFound: Nobody asked, or there is no such version or environment.
        PermissionDenied: The actor registered the version, or has none of the roles that are asked for.
        Conflict: The request isn't open any more.
    """
    ballot = Ballot(actor=actor or project.actor, approves=True, comment=comment, role=role)
    return _vote(project, version, environment, ballot)


def refuse(
    project: Project, version: str, environment: str, *, comment: str, actor: str | None = None, role: str = ""
) -> ApprovalRow:
    """Refuse that a version goes to an environment; one refusal is enough. See `approve` for the arguments.

    An approved request can be refused until the version has gone there.

    Raises:
        InvalidUsage: There is no comment.
        NotFound: Nobody asked, or there is no such version or environment.
        PermissionDenied: The actor has none of the roles that are asked for.
        Conflict: The request isn't open any more.
    """
    if not comment.strip():
        raise InvalidUsage("a refusal needs a comment.", why="whoever asked has to know what to change")
    ballot = Ballot(actor=actor or project.actor, approves=False, comment=comment, role=role)
    return _vote(project, version, environment, ballot)


def withdraw(
    project: Project, version: str, environment: str, *, actor: str | None = None, reason: str = ""
) -> ApprovalRow:
    """Take back a request for approval: by who asked, or who registered the version.

    Raises:
        NotFound: Nobody asked, or there is no such version or environment.
        PermissionDenied: The actor is neither of them.
        Conflict: The request isn't open any more.
    """
    expire_due(project)
    with project.ledger.write(actor or project.actor) as tx:
        found = find(tx.connection, version)
        row = _live(tx, found, environment)
        if tx.actor not in (row.actor, found.actor):
            raise PermissionDenied(
                f"{tx.actor} can't withdraw the request for {found.ref} and {environment}.",
                why=f"{row.actor} asked, {found.actor} registered the version",
                fix=f"refuse it: mlwright models refuse {found.ref} --env {environment} --comment WHY",
            )
        _move(tx, row, "withdrawn", reason)
    return msgspec.structs.replace(row, state="withdrawn", decided_at=row.decided_at or tx.now)


def approvals(project: Project, wanted: Wanted | None = None, *, limit: int = 1000) -> list[ApprovalRow]:
    """Return requests for approval with their votes, newest first; those whose time has passed are expired."""
    expire_due(project)
    with project.ledger.read() as connection:
        return rows.list_approvals(connection, wanted or Wanted(), limit=limit)


def approval_state(project: Project, version: ModelVersion, environment: str) -> str:
    """Return the state of the newest request for a version and an environment; empty when nobody asked."""
    wanted = Wanted(model=version.model, version=version.version, environment=environment)
    return next((row.state for row in approvals(project, wanted, limit=1)), "")


def expire_due(project: Project) -> None:
    """Let requests expire whose time has passed."""
    with project.ledger.read() as connection:
        live = rows.list_approvals(connection, Wanted(states=_LIVE))
    now = project.clock.now()
    late = [row for row in live if row.expires_at is not None and row.expires_at <= now]
    if not late:
        return
    with project.ledger.write("system") as tx:
        for row in late:
            present = rows.latest_approval(tx, row.model, row.version, row.environment)
            if present is not None and present.id == row.id and present.state in _LIVE:
                _move(tx, present, "expired", "its time has passed")


def settle(
    tx: Transaction, version: ModelVersion, environment: Environment, *, reason: str, ask_again: bool
) -> ApprovalRow | None:
    """Return the request that a promotion goes by, asking for one when there is none; None when none is needed.

    Args:
        tx: The promotion's transaction.
        version: The version.
        environment: Where it is to go.
        reason: Why, for those who are asked.
        ask_again: Whether a refusal is put aside and a new request made.
    """
    if not environment.approvals:
        return None
    row = rows.latest_approval(tx, version.model, version.version, environment.name)
    if row is not None and row.state in _LIVE and row.expires_at is not None and row.expires_at <= tx.now:
        row = _move(tx, row, "expired", "its time has passed")
    if row is not None and row.state in _LIVE and row.needs != environment.approvals:
        row = _move(tx, row, "withdrawn", f"{environment.name} asks for other approvals now")
    if row is not None and (row.state in _LIVE or (row.state == "refused" and not ask_again)):
        return row
    days = environment.approval_days
    asked = ApprovalRow(
        id=new_id(),
        model=version.model,
        version=version.version,
        environment=environment.name,
        needs=environment.approvals,
        state="open",
        actor=tx.actor,
        reason=reason,
        created_at=tx.now,
        expires_at=tx.now + timedelta(days=days) if days else None,
        decided_at=None,
    )
    rows.add_approval(tx, asked)
    tx.emit("approval.requested", version.subject, **_facts(asked), needs=asked.needs, reason=reason)
    return asked


def lacking(row: ApprovalRow) -> dict[str, int]:
    """Return how many people of each role must still approve."""
    given = [vote.role for vote in row.votes if vote.approves]
    short = {role: count - given.count(role) for role, count in row.needs.items()}
    return {role: count for role, count in short.items() if count > 0}


def who_may(project: Project, version: ModelVersion, role: str, row: ApprovalRow | None = None) -> list[str]:
    """Return the actors who may still approve a version in a role."""
    said = {vote.actor for vote in row.votes} if row is not None else set()
    having = project.settings.roles.get(role, [])
    return [actor for actor in having if actor != version.actor and actor not in said]


def _vote(project: Project, ref: str, environment: str, ballot: Ballot) -> ApprovalRow:
    expire_due(project)
    with project.ledger.write(ballot.actor) as tx:
        version = find(tx.connection, ref)
        row = _live(tx, version, environment, closed_to_approval=ballot.approves)
        before = next((vote for vote in row.votes if vote.actor == ballot.actor), None)
        if ballot.approves and before is not None and before.approves:
            return row
        if ballot.approves and ballot.actor == version.actor:
            raise PermissionDenied(
                f"{ballot.actor} can't approve {version.ref}.",
                why="who registered a version doesn't approve it",
                fix="ask somebody else: " + _invited(project, version, row),
            )
        role = _role(project, row, ballot)
        vote = VoteRow(
            actor=ballot.actor, role=role, approves=ballot.approves, comment=ballot.comment.strip(), at=tx.now
        )
        rows.add_vote(tx, row.id, vote)
        row = msgspec.structs.replace(row, votes=[old for old in row.votes if old.actor != ballot.actor] + [vote])
        facts = {**_facts(row), "role": role, "comment": vote.comment}
        tx.emit("approval.given" if vote.approves else "approval.withheld", version.subject, **facts)
        if not vote.approves:
            return _move(tx, row, "refused", vote.comment)
        return row if lacking(row) else _move(tx, row, "approved", "everybody who is needed agreed")


def _live(tx: Transaction, version: ModelVersion, environment: str, *, closed_to_approval: bool = False) -> ApprovalRow:
    """Return the request that is open (or approved and not used), held until the transaction ends."""
    environment_named(tx.connection, version.model, environment)
    row = rows.latest_approval(tx, version.model, version.version, environment)
    if row is None:
        raise NotFound(
            f"nobody asked for an approval of {version.ref} for {environment}.",
            fix=f"mlwright models promote {version.ref} --to {environment}",
        )
    late = row.expires_at is not None and row.expires_at <= tx.now
    state = "expired" if late and row.state in _LIVE else row.state
    said_already = any(vote.actor == tx.actor and vote.approves for vote in row.votes)
    if state == "open" or (state == "approved" and (not closed_to_approval or said_already)):
        return row
    raise Conflict(
        f"the request for {version.ref} and {environment} is {state}, not open.",
        fix=f"see mlwright models approvals {version.model}; ask anew by promoting",
        state=state,
    )


def _role(project: Project, row: ApprovalRow, ballot: Ballot) -> str:
    """Return the role in which somebody votes."""
    known = project.settings.roles
    theirs = [role for role in row.needs if ballot.actor in known.get(role, [])]
    if ballot.role and ballot.role not in row.needs:
        raise InvalidUsage(
            f"{row.environment} asks for no approval by '{ballot.role}'.",
            fix=did_you_mean(ballot.role, list(row.needs)),
        )
    if not theirs or (ballot.role and ballot.role not in theirs):
        wanted = ballot.role or " or ".join(row.needs)
        raise PermissionDenied(
            f"{ballot.actor} has not the role {wanted}.",
            why=f"roles come from the settings: {_listed(known, row)}",
            fix=f"add {ballot.actor} to a role under [roles] of mlwright.toml",
        )
    short = lacking(row)
    return ballot.role or next((role for role in theirs if role in short), theirs[0])


def _listed(known: dict[str, list[str]], row: ApprovalRow) -> str:
    return "; ".join(f"{role}: {', '.join(known.get(role, [])) or 'nobody'}" for role in row.needs)


def _invited(project: Project, version: ModelVersion, row: ApprovalRow) -> str:
    people = [actor for role in lacking(row) for actor in who_may(project, version, role, row)]
    return ", ".join(dict.fromkeys(people)) or "nobody has the role yet (mlwright.toml, [roles])"


def _move(tx: Transaction, row: ApprovalRow, state: str, reason: str) -> ApprovalRow:
    rows.set_state(tx, row.id, state)
    tx.emit(f"approval.{state}", f"model/{row.model}/{row.version}", **_facts(row), reason=reason)
    return msgspec.structs.replace(row, state=state, decided_at=row.decided_at or tx.now)


def _facts(row: ApprovalRow) -> dict[str, object]:
    return {"approval_id": row.id, "model": row.model, "version": row.version, "environment": row.environment}
