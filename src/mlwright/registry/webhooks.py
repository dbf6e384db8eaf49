"""Webhooks: who is told of which events. Declared in the ledger; their secrets lie in the project's own folder.

A secret is a file that only its owner can read, below `secrets/webhooks/` of the project's home. It is in no ledger,
log or error, and no endpoint gives it back.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from mlwright.core.clock import wall_now
from mlwright.core.events import Event
from mlwright.core.ids import new_id
from mlwright.errors import AlreadyExists, InvalidDefinition, NotFound, did_you_mean
from mlwright.ledger import Connection, Transaction
from mlwright.ledger import webhooks as rows
from mlwright.ledger.webhooks import DeliveryRow, WebhookRow
from mlwright.registry import webhook_bodies

if TYPE_CHECKING:
    from mlwright.project import Project

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,127}")
_PATTERN = re.compile(r"[a-z*?][a-z0-9_.*?-]{0,99}")
TEST = "webhook.test"


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook to be made.

    Attributes:
        name: Its name.
        url: Where deliveries go: http or https.
        events: Patterns of the types of events that it wants; `*` stands for anything.
        description: What it is for.
        secret: Signs deliveries; empty for one that is made up.
        active: Whether it gets anything yet.
        dialect: Form of what it gets: empty for CloudEvents, or `mlflow`.
    """

    name: str
    url: str
    events: Sequence[str] = ("*",)
    description: str = ""
    secret: str = ""
    active: bool = True
    dialect: str = ""


def new_webhook(project: Project, new: NewWebhook, *, actor: str | None = None) -> tuple[WebhookRow, str]:
    """Make a webhook; return it and its secret, which is told this once.

    It gets what happens from now on.

    Raises:
        AlreadyExists: There is one of this name.
        InvalidDefinition: Name, address, pattern or dialect can't be.
    """
    _check(new.name, new.url, new.events, new.dialect)
    secret = new.secret or secrets.token_urlsafe(32)
    with project.ledger.write(actor or project.actor) as tx:
        if rows.find_webhook(tx.connection, new.name) is not None:
            raise AlreadyExists(f"there is a webhook '{new.name}' already.", fix="choose another name")
        hand_out(tx)
        row = WebhookRow(
            id=new_id(),
            name=new.name,
            url=new.url,
            description=new.description,
            events=list(new.events),
            has_secret=True,
            active=new.active,
            dialect=new.dialect,
            created_at=tx.now,
            changed_at=tx.now,
        )
        rows.add_webhook(tx, row)
        rows.handed_out(tx, tx.emit("webhook.created", f"webhook/{row.id}", name=row.name, events=row.events).seq)
        # Before the commit: a webhook without its secret would deliver unsigned. A file left over hurts nobody.
        _write_secret(project, row.id, secret)
    return row, secret


def change_webhook(
    project: Project, name: str, changes: msgspec.Struct | dict[str, object], *, actor: str | None = None
) -> WebhookRow:
    """Change a webhook's `name`, `url`, `events`, `description`, `active`, or its `secret`.

    Raises:
        NotFound: There is none of this name.
        InvalidDefinition: A value can't be.
    """
    given = dict(changes) if isinstance(changes, dict) else msgspec.structs.asdict(changes)
    values = {key: value for key, value in given.items() if value is not None}
    secret = values.pop("secret", None)
    with project.ledger.write(actor or project.actor) as tx:
        row = the_webhook(tx.connection, name)
        hand_out(tx)
        changed = msgspec.convert(msgspec.structs.asdict(row) | values, WebhookRow)
        _check(changed.name, changed.url, changed.events, changed.dialect)
        other = rows.find_webhook(tx.connection, changed.name)
        if other is not None and other.id != row.id:
            raise AlreadyExists(f"there is a webhook '{changed.name}' already.", fix="choose another name")
        if values:
            rows.change_webhook(tx, row.id, **values)
        if secret:
            _write_secret(project, row.id, str(secret))
        tx.emit("webhook.changed", f"webhook/{row.id}", changed=sorted(values) + (["secret"] if secret else []))
        return the_webhook(tx.connection, row.id)


def remove_webhook(project: Project, name: str, *, actor: str | None = None) -> None:
    """Remove a webhook, its deliveries and its secret.

    Raises:
        NotFound: There is none of this name.
    """
    with project.ledger.write(actor or project.actor) as tx:
        row = the_webhook(tx.connection, name)
        rows.remove_webhook(tx, row.id)
        tx.emit("webhook.removed", f"webhook/{row.id}", name=row.name)
    with contextlib.suppress(FileNotFoundError):
        secret_path(project, row.id).unlink()


def webhooks(project: Project) -> list[WebhookRow]:
    """Return all webhooks by name."""
    with project.ledger.read() as connection:
        return rows.list_webhooks(connection)


def get_webhook(project: Project, name: str) -> WebhookRow:
    """Return the webhook of this name or id.

    Raises:
        NotFound: There is none.
    """
    with project.ledger.read() as connection:
        return the_webhook(connection, name)


def the_webhook(connection: Connection, name: str) -> WebhookRow:
    """Return the webhook of this name or id, read in a connection's transaction."""
    row = rows.find_webhook(connection, name)
    if row is None:
        known = [other.name for other in rows.list_webhooks(connection)]
        raise NotFound(f"there is no webhook '{name}'.", fix=did_you_mean(name, known) or "mlwright webhooks new")
    return row


def replay(
    project: Project, name: str, *, delivery: str | None = None, only_failed: bool = True, actor: str | None = None
) -> list[str]:
    """Deliver again: one delivery, or all that were given up (or all there are); return the ids of the new ones.

    Raises:
        NotFound: There is no such webhook or delivery.
    """
    with project.ledger.write(actor or project.actor) as tx:
        row = the_webhook(tx.connection, name)
        past = rows.list_deliveries(tx.connection, row.id, limit=10_000)
        if delivery is not None:
            chosen = [old for old in past if old.id.endswith(delivery.lower())]
            if len(chosen) != 1:
                raise NotFound(
                    f"webhook '{row.name}' has no one delivery '{delivery}'.", fix="mlwright webhooks deliveries"
                )
        else:
            chosen = [old for old in past if old.state == "given-up" or not only_failed]
        seqs = sorted({old.event_seq for old in chosen})
        tx.emit("webhook.replayed", f"webhook/{row.id}", count=len(seqs))
        return [rows.add_delivery(tx, row.id, seq, next_at=wall_now()) for seq in seqs]


def deliveries(
    project: Project, name: str | None = None, *, state: str | None = None, limit: int = 100
) -> list[tuple[DeliveryRow, Event | None]]:
    """Return deliveries (to one webhook, in one state) with their events, newest first.

    Raises:
        NotFound: There is no such webhook.
    """
    with project.ledger.read() as connection:
        id_ = the_webhook(connection, name).id if name is not None else None
        found = rows.list_deliveries(connection, id_, state=state, limit=limit)
        told = rows.events_of(connection, [row.event_seq for row in found])
    return [(row, told.get(row.event_seq)) for row in found]


def hand_out(tx: Transaction) -> int:
    """Plan a delivery for each webhook that wants an event, for all events not handed out yet; return how many.

    The cursor moves in the same transaction: nothing is forgotten and nothing is planned twice.
    """
    active = rows.list_webhooks(tx.connection, only_active=True)
    if not active:
        rows.skip_all(tx)
        return 0
    planned, now = 0, wall_now()
    while events := rows.undistributed(tx):
        for event in events:
            for row in active:
                if wants(row, event):
                    rows.add_delivery(tx, row.id, event.seq, next_at=now)
                    planned += 1
        rows.handed_out(tx, events[-1].seq)
    return planned


def wants(row: WebhookRow, event: Event) -> bool:
    """Tell whether a webhook wants an event."""
    if event.type == TEST:
        return False
    name = webhook_bodies.mlflow_name(event) if row.dialect == webhook_bodies.MLFLOW else event.type
    return name is not None and any(fnmatchcase(name, pattern) for pattern in row.events)


def secret_path(project: Project, webhook_id: str) -> Path:
    """Return where a webhook's secret lies."""
    return project.settings.home / "secrets" / "webhooks" / webhook_id


def read_secret(project: Project, webhook_id: str) -> str | None:
    """Return a webhook's secret, None when this machine has none."""
    try:
        return secret_path(project, webhook_id).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _write_secret(project: Project, webhook_id: str, secret: str) -> None:
    path = secret_path(project, webhook_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secret)
    draft.replace(path)


def _check(name: str, url: str, patterns: Sequence[str], dialect: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidDefinition(f"'{name}' can't be the name of a webhook.", why="1 to 128 letters, digits, '. _-'")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in urlsplit(url).netloc:
        raise InvalidDefinition(
            f"the address of webhook '{name}' can't be delivered to.",
            why="it is no http or https address, or it holds a password",
            fix="write it as https://example.org/hook",
        )
    if not patterns:
        raise InvalidDefinition(
            f"the webhook '{name}' wants no events.", fix="give a pattern, for example model-version.*"
        )
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise InvalidDefinition(
                f"'{pattern}' is no pattern of event types.", fix="write it as model-version.* or *"
            )
    if dialect not in ("", webhook_bodies.MLFLOW):
        raise InvalidDefinition(f"there is no dialect '{dialect}' of webhooks.", fix="leave it empty, or say mlflow")
