"""Webhooks as MLflow's clients know them: rows of mlwright's own, that get what MLflow's server would send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from mlwright.errors import InvalidInput, NotFound, Unsupported
from mlwright.ledger.webhooks import WebhookRow
from mlwright.registry import posting, webhooks
from mlwright.registry.webhook_bodies import MLFLOW
from mlwright.server.mlflow import tokens
from mlwright.server.mlflow.errors import invalid
from mlwright.server.mlflow.route import Route
from mlwright.server.mlflow.values import NOTHING, Answer, Int32, Nothing, Required, ms_out, word_of

if TYPE_CHECKING:
    from mlwright.project import Project

MOST_RESULTS = 1000
#: What is told of each entity.
ACTIONS = {
    "REGISTERED_MODEL": ("CREATED",),
    "MODEL_VERSION": ("CREATED",),
    "MODEL_VERSION_TAG": ("SET", "DELETED"),
    "MODEL_VERSION_ALIAS": ("CREATED", "DELETED"),
}
_ENTITY_NUMBERS = dict(enumerate(ACTIONS, start=1))
_ACTION_NUMBERS = {1: "CREATED", 2: "UPDATED", 3: "DELETED", 4: "SET", 5: "EXCEEDED"}
_STATUS_NUMBERS = {1: "ACTIVE", 2: "DISABLED"}
_LATER = ("PROMPT", "BUDGET")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


class EventIn(msgspec.Struct, frozen=True):
    """An event that a webhook wants, by word or number."""

    entity: str | int
    action: str | int


class EventOut(msgspec.Struct, frozen=True):
    """An event that a webhook wants."""

    entity: str
    action: str


class CreateWebhook(msgspec.Struct, frozen=True):
    """A webhook to be made."""

    name: Required
    url: Required
    events: list[EventIn] = []
    description: str = ""
    secret: str = ""
    status: str | int = "ACTIVE"


class UpdateWebhook(msgspec.Struct, frozen=True):
    """What changes of a webhook; None stays as it is."""

    webhook_id: str
    name: str | None = None
    url: str | None = None
    events: list[EventIn] | None = None
    description: str | None = None
    secret: str | None = None
    status: str | int | None = None


class OneWebhook(msgspec.Struct, frozen=True):
    """Which webhook."""

    webhook_id: str


class TestWebhook(msgspec.Struct, frozen=True):
    """The webhook that is tried, and with which event."""

    webhook_id: str
    event: EventIn | None = None


class ListWebhooks(msgspec.Struct, frozen=True):
    """A page of webhooks."""

    max_results: Int32 = 100
    page_token: str = ""


class WebhookOut(Answer, frozen=True, kw_only=True):
    """A webhook that is answered; its secret never is."""

    webhook_id: str
    name: str
    url: str
    events: list[EventOut]
    status: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str = ""


class WebhookAnswer(msgspec.Struct, frozen=True):
    """One webhook."""

    webhook: WebhookOut


class Webhooks(Answer, frozen=True, kw_only=True):
    """Some webhooks, and where the next ones are."""

    webhooks: list[WebhookOut] = []
    next_page_token: str = ""


class TestResult(Answer, frozen=True, kw_only=True):
    """How the trial of a webhook went."""

    success: bool | msgspec.UnsetType = msgspec.UNSET
    response_status: int | None = None
    response_body: str = ""
    error_message: str = ""


class Tested(msgspec.Struct, frozen=True):
    """How the trial of a webhook went."""

    result: TestResult


def create(project: Project, given: CreateWebhook) -> WebhookAnswer:
    """Make a webhook."""
    _check_name(given.name)
    _check_url(given.url)
    if not given.events:
        raise InvalidInput("Webhook events must be a non-empty list.")
    new = webhooks.NewWebhook(
        name=given.name,
        url=given.url,
        events=[_pattern(event) for event in given.events],
        description=given.description,
        secret=given.secret,
        active=_is_active(given.status),
        dialect=MLFLOW,
    )
    row, _ = webhooks.new_webhook(project, new)
    return WebhookAnswer(_out(row))


def get(project: Project, given: OneWebhook) -> WebhookAnswer:
    """Return a webhook."""
    return WebhookAnswer(_out(_found(project, given.webhook_id)))


def list_all(project: Project, given: ListWebhooks) -> Webhooks:
    """Return webhooks, newest first."""
    size = given.max_results or ListWebhooks().max_results
    if not 1 <= size <= MOST_RESULTS:
        raise invalid("max_results", size, f"it must be between 1 and {MOST_RESULTS}.")
    offset = tokens.offset_of(given.page_token)
    rows = [row for row in webhooks.webhooks(project) if row.dialect == MLFLOW]
    rows.sort(key=lambda row: (row.created_at, row.id), reverse=True)
    token = tokens.pack({"offset": offset + size}) if len(rows) > offset + size else ""
    return Webhooks(webhooks=[_out(row) for row in rows[offset : offset + size]], next_page_token=token)


def update(project: Project, given: UpdateWebhook) -> WebhookAnswer:
    """Change a webhook."""
    row = _found(project, given.webhook_id)
    if given.name:
        _check_name(given.name)
    if given.url:
        _check_url(given.url)
    changes: dict[str, object] = {
        "name": given.name or None,
        "url": given.url or None,
        "events": [_pattern(event) for event in given.events] if given.events else None,
        "description": given.description,
        "secret": given.secret or None,
        "active": None if given.status is None else _is_active(given.status),
    }
    return WebhookAnswer(_out(webhooks.change_webhook(project, row.id, changes)))


def delete(project: Project, given: OneWebhook) -> Nothing:
    """Remove a webhook."""
    webhooks.remove_webhook(project, _found(project, given.webhook_id).id)
    return NOTHING


def test(project: Project, given: TestWebhook) -> Tested:
    """Post a trial to a webhook now, and tell how it went."""
    row = _found(project, given.webhook_id)
    if given.event is not None:
        _pattern(given.event)
    posted = posting.try_webhook(project, row.id)
    return Tested(
        TestResult(
            success=posted.state == "delivered",
            response_status=posted.status,
            error_message=posted.error,
        )
    )


def _found(project: Project, webhook_id: str) -> WebhookRow:
    for row in webhooks.webhooks(project):
        if row.id == webhook_id and row.dialect == MLFLOW:
            return row
    raise NotFound(f"Webhook with ID {webhook_id} not found.")


def _out(row: WebhookRow) -> WebhookOut:
    pairs = (pattern.upper().partition(".") for pattern in row.events)
    return WebhookOut(
        webhook_id=row.id,
        name=row.name,
        url=row.url,
        events=[EventOut(entity, action) for entity, _, action in pairs],
        status="ACTIVE" if row.active else "DISABLED",
        creation_timestamp=ms_out(row.created_at),
        last_updated_timestamp=ms_out(row.changed_at),
        description=row.description,
    )


def _pattern(event: EventIn) -> str:
    """Return what mlwright knows an event by."""
    entity, action = _word(event.entity, _ENTITY_NUMBERS), _word(event.action, _ACTION_NUMBERS)
    if entity.startswith(_LATER):
        raise Unsupported(f"there are no events of {entity}.", why="prompts and budgets are not supported yet")
    if entity not in ACTIONS or action not in ACTIONS[entity]:
        known = ", ".join(f"{noun}.{verb}" for noun, verbs in ACTIONS.items() for verb in verbs)
        raise InvalidInput(f"Invalid action '{action}' for entity '{entity}'.", why=f"known are {known}")
    return f"{entity}.{action}".lower()


def _is_active(status: str | int) -> bool:
    word = _word(status, _STATUS_NUMBERS)
    if word not in _STATUS_NUMBERS.values():
        raise invalid("status", status, "known: ACTIVE, DISABLED.")
    return word == "ACTIVE"


def _word(given: str | int, numbers: dict[int, str]) -> str:
    return word_of(given, numbers).upper() or str(given)[:20]


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"Webhook name '{name}' is invalid.",
            why="it has 1 to 63 letters, digits, dots, underscores and hyphens, with a letter or digit at both ends",
        )


def _check_url(url: str) -> None:
    """Refuse an address that nothing can be posted to, in words that clients look for."""
    if not url.strip():
        raise InvalidInput("Webhook URL cannot be empty or just whitespace.")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidInput(f"Invalid webhook URL '{url}'.", why=str(error)) from error
    if parts.scheme not in ("http", "https"):
        raise InvalidInput(f"Invalid webhook URL scheme: '{parts.scheme}'.", why="http and https can be delivered to")
    if not parts.hostname:
        raise InvalidInput(f"Webhook URL must include a hostname: '{url}'.")


ROUTES = (
    Route("POST", "/mlflow/webhooks", CreateWebhook, create),
    Route("GET", "/mlflow/webhooks", ListWebhooks, list_all),
    Route("GET", "/mlflow/webhooks/{webhook_id}", OneWebhook, get),
    Route("PATCH", "/mlflow/webhooks/{webhook_id}", UpdateWebhook, update),
    Route("DELETE", "/mlflow/webhooks/{webhook_id}", OneWebhook, delete),
    Route("POST", "/mlflow/webhooks/{webhook_id}/test", TestWebhook, test),
)
