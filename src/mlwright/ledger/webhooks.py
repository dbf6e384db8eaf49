"""Webhooks and what was delivered to them: rows in, values out. Their secrets are never here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.events import Event
from mlwright.core.ids import new_id
from mlwright.ledger import outbox
from mlwright.ledger.schema import cursors, events, webhook_deliveries, webhooks
from mlwright.ledger.store import Transaction

_CURSOR = "webhooks"


class WebhookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook.

    Attributes:
        id: Its id.
        name: Its name.
        url: Where deliveries go.
        description: What it is for.
        events: Patterns of the types of events that it wants, for example `model-version.*`.
        has_secret: Whether deliveries are signed.
        active: Whether it gets anything.
        dialect: Form of what it gets: empty for CloudEvents, or `mlflow`.
        created_at: When it was made.
        changed_at: When it was last changed.
    """

    id: str
    name: str
    url: str
    description: str
    events: list[str]
    has_secret: bool
    active: bool
    dialect: str
    created_at: datetime
    changed_at: datetime


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook.

    Attributes:
        id: Its id.
        webhook_id: The webhook.
        event_seq: Place of the event.
        state: `waiting`, `delivered` or `given-up`.
        attempts: How often it was tried.
        next_at: When it is tried next, by the machine's clock.
        status: HTTP status of the last answer, None when there was none.
        error: What was wrong with the last attempt.
        created_at: When it was planned.
        delivered_at: When it arrived.
    """

    id: str
    webhook_id: str
    event_seq: int
    state: str
    attempts: int
    next_at: datetime | None
    status: int | None
    error: str
    created_at: datetime
    delivered_at: datetime | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt ended."""

    state: str
    next_at: datetime | None
    status: int | None
    error: str


def add_webhook(tx: Transaction, row: WebhookRow) -> None:
    """Write a new webhook."""
    tx.execute(sa.insert(webhooks).values({name: getattr(row, name) for name in row.__struct_fields__}))


def change_webhook(tx: Transaction, webhook_id: str, **values: Any) -> None:
    """Change some columns of a webhook."""
    tx.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id).values(**values, changed_at=tx.now))


def remove_webhook(tx: Transaction, webhook_id: str) -> None:
    """Remove a webhook with its deliveries."""
    tx.execute(sa.delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id))
    tx.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id))


def list_webhooks(connection: sa.Connection, *, only_active: bool = False) -> list[WebhookRow]:
    """Return webhooks by name."""
    query = sa.select(webhooks).order_by(webhooks.c.name)
    if only_active:
        query = query.where(webhooks.c.active.is_(True))
    return [_webhook(row) for row in connection.execute(query)]


def find_webhook(connection: sa.Connection, name: str) -> WebhookRow | None:
    """Return the webhook of this name or id, None when there is none."""
    query = sa.select(webhooks).where(sa.or_(webhooks.c.name == name, webhooks.c.id == name))
    row = connection.execute(query).first()
    return None if row is None else _webhook(row)


def undistributed(tx: Transaction, *, limit: int = 1000) -> list[Event]:
    """Return the next events that were not handed out to webhooks yet; only one process may hand out at a time."""
    if tx.execute(sa.select(cursors.c.seq).where(cursors.c.subscriber == _CURSOR)).scalar() is None:
        outbox.move_cursor(tx.connection, _CURSOR, 0)
    held = sa.select(cursors.c.seq).where(cursors.c.subscriber == _CURSOR).with_for_update()
    return outbox.read_events(tx.connection, after=tx.execute(held).scalar() or 0, limit=limit)


def is_behind(connection: sa.Connection) -> bool:
    """Tell whether there are events that were not handed out yet."""
    return outbox.read_cursor(connection, _CURSOR) < outbox.last_seq(connection)


def handed_out(tx: Transaction, seq: int) -> None:
    """Note up to which event everything was handed out."""
    outbox.move_cursor(tx.connection, _CURSOR, seq)


def skip_all(tx: Transaction) -> None:
    """Note that everything so far concerns no webhook: there was none that was active."""
    undistributed(tx, limit=1)
    outbox.move_cursor(tx.connection, _CURSOR, outbox.last_seq(tx.connection))


def add_delivery(tx: Transaction, webhook_id: str, event_seq: int, *, next_at: datetime) -> str:
    """Plan the delivery of an event; return its id."""
    id_ = new_id()
    row = {"id": id_, "webhook_id": webhook_id, "event_seq": event_seq, "state": "waiting", "attempts": 0}
    tx.execute(sa.insert(webhook_deliveries).values(**row, next_at=next_at, created_at=tx.now))
    return id_


def due(connection: sa.Connection, now: datetime, *, limit: int = 100) -> list[DeliveryRow]:
    """Return the deliveries that are due, oldest event first."""
    table = webhook_deliveries
    query = sa.select(table).join(webhooks, webhooks.c.id == table.c.webhook_id)
    query = query.where(table.c.state == "waiting", table.c.next_at <= now, webhooks.c.active.is_(True))
    return [_delivery(row) for row in connection.execute(query.order_by(table.c.event_seq, table.c.id).limit(limit))]


def tried(tx: Transaction, delivery_id: str, attempt: Attempt) -> None:
    """Note how an attempt ended."""
    table = webhook_deliveries
    values: dict[str, Any] = {name: getattr(attempt, name) for name in attempt.__struct_fields__}
    if attempt.state == "delivered":
        values["delivered_at"] = tx.now
    change = sa.update(table).where(table.c.id == delivery_id, table.c.state == "waiting")
    tx.execute(change.values(**values, attempts=table.c.attempts + 1))


def postpone(tx: Transaction, webhook_id: str, until: datetime) -> None:
    """Let nothing that waits for a webhook be due before a moment."""
    table = webhook_deliveries
    change = sa.update(table).where(table.c.webhook_id == webhook_id, table.c.state == "waiting")
    tx.execute(change.where(table.c.next_at < until).values(next_at=until))


def list_deliveries(
    connection: sa.Connection, webhook_id: str | None = None, *, state: str | None = None, limit: int = 100
) -> list[DeliveryRow]:
    """Return deliveries (to one webhook, in one state), newest first."""
    query = sa.select(webhook_deliveries)
    if webhook_id is not None:
        query = query.where(webhook_deliveries.c.webhook_id == webhook_id)
    if state is not None:
        query = query.where(webhook_deliveries.c.state == state)
    query = query.order_by(webhook_deliveries.c.id.desc()).limit(limit)
    return [_delivery(row) for row in connection.execute(query)]


def find_delivery(connection: sa.Connection, delivery_id: str) -> DeliveryRow | None:
    """Return one delivery, None when there is none."""
    query = sa.select(webhook_deliveries).where(webhook_deliveries.c.id == delivery_id)
    row = connection.execute(query).first()
    return None if row is None else _delivery(row)


def events_of(connection: sa.Connection, seqs: Sequence[int]) -> dict[int, Event]:
    """Return the events at some places."""
    query = sa.select(events.c.seq, events.c.id).where(events.c.seq.in_(seqs))
    found: dict[int, Event] = {}
    for row in connection.execute(query).all():
        event = outbox.find_event(connection, row.id)
        if event is not None:
            found[row.seq] = event
    return found


def _webhook(row: Any) -> WebhookRow:
    return WebhookRow(**{name: getattr(row, name) for name in WebhookRow.__struct_fields__})


def _delivery(row: Any) -> DeliveryRow:
    return DeliveryRow(**{name: getattr(row, name) for name in DeliveryRow.__struct_fields__})
