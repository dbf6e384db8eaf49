"""Approvals that promotions wait for, and the votes on them: rows in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from mlwright.ledger.schema import approval_votes, approvals
from mlwright.ledger.schema.types import Moment
from mlwright.ledger.store import Transaction


class VoteRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one person said.

    Attributes:
        actor: Who.
        role: In which role.
        approves: False for a refusal.
        comment: Why.
        at: When.
    """

    actor: str
    role: str
    approves: bool
    comment: str
    at: datetime


class ApprovalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A request for approval of one version for one environment, with its votes in order of time.

    Attributes:
        id: Its id.
        model: Name of the model.
        version: The version.
        environment: Where it is to go.
        needs: Role to how many people of it must approve.
        state: `open`, `approved`, `refused`, `expired`, `withdrawn`, or `used` once the version went there.
        actor: Who asked.
        reason: Why.
        created_at: When it was asked for.
        expires_at: From when on it counts no more, None for never.
        decided_at: When it left the state `open`.
        votes: What people said.
    """

    id: str
    model: str
    version: int
    environment: str
    needs: dict[str, int]
    state: str
    actor: str
    reason: str
    created_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    votes: list[VoteRow] = []


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which approvals to list; what is None doesn't matter."""

    model: str | None = None
    version: int | None = None
    environment: str | None = None
    states: Sequence[str] | None = None


def add_approval(tx: Transaction, row: ApprovalRow) -> None:
    """Write a new request."""
    values = {name: getattr(row, name) for name in row.__struct_fields__ if name != "votes"}
    tx.execute(sa.insert(approvals).values(values))


def list_approvals(connection: sa.Connection, wanted: Wanted, *, limit: int = 1000) -> list[ApprovalRow]:
    """Return requests with their votes, newest first."""
    query = sa.select(approvals)
    if wanted.model is not None:
        query = query.where(approvals.c.model == wanted.model)
    if wanted.version is not None:
        query = query.where(approvals.c.version == wanted.version)
    if wanted.environment is not None:
        query = query.where(approvals.c.environment == wanted.environment)
    if wanted.states is not None:
        query = query.where(approvals.c.state.in_(wanted.states))
    query = query.order_by(approvals.c.created_at.desc(), approvals.c.id.desc()).limit(limit)
    found = connection.execute(query).all()
    votes = _votes(connection, [row.id for row in found])
    names = [name for name in ApprovalRow.__struct_fields__ if name != "votes"]
    return [ApprovalRow(**{name: getattr(row, name) for name in names}, votes=votes.get(row.id, [])) for row in found]


def latest_approval(tx: Transaction, model: str, version: int, environment: str) -> ApprovalRow | None:
    """Return the newest request about a version and an environment, held until the transaction ends."""
    where = (approvals.c.model == model, approvals.c.version == version, approvals.c.environment == environment)
    tx.execute(sa.select(approvals.c.id).where(*where).with_for_update())
    found = list_approvals(tx.connection, Wanted(model=model, version=version, environment=environment), limit=1)
    return found[0] if found else None


def add_vote(tx: Transaction, approval_id: str, vote: VoteRow) -> None:
    """Write what somebody said; one who changes their mind replaces what they said before."""
    mine = (approval_votes.c.approval_id == approval_id, approval_votes.c.actor == vote.actor)
    tx.execute(sa.delete(approval_votes).where(*mine))
    values = {name: getattr(vote, name) for name in vote.__struct_fields__}
    tx.execute(sa.insert(approval_votes).values(approval_id=approval_id, **values))


def set_state(tx: Transaction, approval_id: str, state: str) -> None:
    """Move a request to another state, and note when it was decided the first time."""
    decided = sa.func.coalesce(approvals.c.decided_at, sa.literal(tx.now, Moment()))
    change = sa.update(approvals).where(approvals.c.id == approval_id)
    tx.execute(change.values(state=state, decided_at=decided))


def _votes(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[VoteRow]]:
    query = sa.select(approval_votes).where(approval_votes.c.approval_id.in_(ids))
    found: dict[str, list[VoteRow]] = {}
    for row in connection.execute(query.order_by(approval_votes.c.at, approval_votes.c.actor)):
        names = VoteRow.__struct_fields__
        vote = VoteRow(**{name: getattr(row, name) for name in names})
        found.setdefault(row.approval_id, []).append(vote)
    return found
