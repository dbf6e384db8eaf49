"""Which version each environment has, and had: rows in, values out.

An assignment is history, like an alias: a new one closes the row before.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.ledger.schema import assignments
from mlwright.ledger.store import Transaction


class AssignmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time in which an environment had one version; `to_at` is None for the present one.

    Attributes:
        model: Name of the model.
        environment: Name of the environment.
        version: The version that it had.
        approval_id: The approval that allowed it, None when none was needed.
        from_at: Since when.
        to_at: Until when.
        actor: Who assigned it.
        reason: Why.
    """

    model: str
    environment: str
    version: int
    approval_id: str | None
    from_at: datetime
    to_at: datetime | None
    actor: str
    reason: str


def assign(
    tx: Transaction, model: str, environment: str, version: int, *, approval_id: str | None = None, reason: str = ""
) -> int | None:
    """Give an environment a version from now on; return the one it had, None when it had none."""
    present = (assignments.c.model == model, assignments.c.environment == environment, assignments.c.to_at.is_(None))
    before = tx.execute(sa.select(assignments.c.version).where(*present).with_for_update()).scalar()
    if before == version:
        return version
    tx.execute(sa.update(assignments).where(*present).values(to_at=tx.now))
    values = {"id": new_id(), "model": model, "environment": environment, "version": version, "from_at": tx.now}
    tx.execute(sa.insert(assignments).values(**values, approval_id=approval_id, actor=tx.actor, reason=reason))
    return None if before is None else int(before)


def end(tx: Transaction, model: str, environment: str) -> None:
    """Let an environment have no version from now on."""
    present = (assignments.c.model == model, assignments.c.environment == environment, assignments.c.to_at.is_(None))
    tx.execute(sa.update(assignments).where(*present).values(to_at=tx.now))


def assigned(connection: sa.Connection, model: str) -> dict[str, int]:
    """Return the version that each environment of a model has now."""
    query = sa.select(assignments.c.environment, assignments.c.version)
    query = query.where(assignments.c.model == model, assignments.c.to_at.is_(None))
    return {row.environment: row.version for row in connection.execute(query.order_by(assignments.c.environment))}


def assignment_rows(
    connection: sa.Connection, model: str, environment: str | None = None, *, at: datetime | None = None
) -> list[AssignmentRow]:
    """Return what the environments of a model (or one) had, newest first; with `at`, only what held at that moment."""
    query = sa.select(assignments).where(assignments.c.model == model)
    if environment is not None:
        query = query.where(assignments.c.environment == environment)
    if at is not None:
        ended = sa.or_(assignments.c.to_at.is_(None), assignments.c.to_at > at)
        query = query.where(assignments.c.from_at <= at, ended)
    query = query.order_by(assignments.c.from_at.desc(), assignments.c.id.desc())
    names = AssignmentRow.__struct_fields__
    return [AssignmentRow(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]
