"""Events: appended in the transaction of the change they tell of, read in order by subscribers.

Delivery is at least once: a subscriber handles an event and then moves its cursor; when it dies in between, it sees the
event again. Handlers are therefore idempotent, or do their work in the transaction that moves the cursor.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.clock import wall_now
from mlwright.core.events import Event
from mlwright.core.ids import new_id
from mlwright.ledger.driver import execute, execute_many
from mlwright.ledger.schema import cursors, events
from mlwright.ledger.schema.types import to_microseconds

_RETURNING = " RETURNING seq"
_APPEND = (
    f"INSERT INTO events (id, type, subject, at, recorded_at, actor, data) VALUES (?, ?, ?, ?, ?, ?, ?){_RETURNING}"
)
_ADVISORY_LOCK = 0x6F757462  # "outb"


def append(
    connection: sa.Connection, type_: str, subject: str, data: dict[str, Any], *, at: datetime, actor: str
) -> Event:
    """Write one event in the connection's transaction."""
    if connection.dialect.name == "postgresql":
        # Numbers are given in the order of commits: without this, a reader that has seen 7 could miss a late 6.
        execute(connection, f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    id_, recorded_at = new_id(), wall_now()
    moments = to_microseconds(at), to_microseconds(recorded_at)
    row = (id_, type_, subject, *moments, actor, msgspec.json.encode(data).decode())
    seq = execute(connection, _APPEND, row).scalar()
    return Event(seq=seq, id=id_, type=type_, subject=subject, time=at, recorded_at=recorded_at, actor=actor, data=data)


def append_many(
    connection: sa.Connection, found: list[tuple[str, str, dict[str, Any]]], *, at: datetime, actor: str
) -> None:
    """Write some events, each a type, a subject and data, in the connection's transaction and in this order."""
    if connection.dialect.name == "postgresql":
        execute(connection, f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
    moments = to_microseconds(at), to_microseconds(wall_now())
    rows = [
        (new_id(), type_, subject, *moments, actor, msgspec.json.encode(data).decode())
        for type_, subject, data in found
    ]
    execute_many(connection, _APPEND.removesuffix(_RETURNING), rows)


def read_events(
    connection: sa.Connection,
    *,
    after: int = 0,
    before: int | None = None,
    types: list[str] | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
    newest_first: bool = False,
) -> list[Event]:
    """Return events by place, type, subject (or its beginning, when it ends in `/`) and time."""
    query = sa.select(events).where(events.c.seq > after)
    if before is not None:
        query = query.where(events.c.seq < before)
    if types:
        query = query.where(events.c.type.in_(types))
    if subject is not None:
        column = events.c.subject
        query = query.where(column.startswith(subject, autoescape=True) if subject.endswith("/") else column == subject)
    if since is not None:
        query = query.where(events.c.at >= since)
    if until is not None:
        query = query.where(events.c.at < until)
    query = query.order_by(events.c.seq.desc() if newest_first else events.c.seq).limit(limit)
    return [_event(row) for row in connection.execute(query)]


def find_event(connection: sa.Connection, id_: str) -> Event | None:
    """Return the event of this id, None when there is none."""
    row = connection.execute(sa.select(events).where(events.c.id == id_)).one_or_none()
    return None if row is None else _event(row)


def last_seq(connection: sa.Connection) -> int:
    """Return the place of the newest event, 0 when there is none."""
    newest = connection.execute(sa.select(sa.func.max(events.c.seq))).scalar()
    return newest or 0


def read_cursor(connection: sa.Connection, subscriber: str) -> int:
    """Return the place up to which a subscriber has handled events; 0 for a new one."""
    found = connection.execute(sa.select(cursors.c.seq).where(cursors.c.subscriber == subscriber)).scalar()
    return found or 0


def move_cursor(connection: sa.Connection, subscriber: str, seq: int) -> None:
    """Record that a subscriber has handled everything up to `seq`; a cursor never moves backwards."""
    update = sa.update(cursors).where(cursors.c.subscriber == subscriber, cursors.c.seq < seq).values(seq=seq)
    known = sa.select(cursors.c.seq).where(cursors.c.subscriber == subscriber)
    if connection.execute(known).scalar() is None:
        connection.execute(sa.insert(cursors).values(subscriber=subscriber, seq=seq))
    else:
        connection.execute(update)


def _event(row: Any) -> Event:
    return Event(
        seq=row.seq,
        id=row.id,
        type=row.type,
        subject=row.subject,
        time=row.at,
        recorded_at=row.recorded_at,
        actor=row.actor,
        data=row.data,
    )
