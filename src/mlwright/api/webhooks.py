"""Endpoints about webhooks: who is told of which events, and what was delivered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Act, Endpoint, Input, Limit, Page, acting

if TYPE_CHECKING:
    from mlwright.project import Project


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook; its secret is never shown.

    Attributes:
        id: Its id.
        name: Its name.
        url: Where deliveries go.
        description: What it is for.
        events: Patterns of the types of events that it wants.
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


class WebhookMade(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that was just made.

    Attributes:
        webhook: The webhook.
        secret: Its secret, told this once; empty when it was given.
    """

    webhook: Webhook
    secret: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook.

    Attributes:
        id: Its id.
        webhook_id: The webhook.
        event_seq: Place of the event.
        event_type: Type of the event.
        subject: What the event is about.
        state: `waiting`, `delivered` or `given-up`.
        attempts: How often it was tried.
        next_at: When it is tried next.
        status: HTTP status of the last answer.
        error: What was wrong with the last attempt.
        created_at: When it was planned.
        delivered_at: When it arrived.
    """

    id: str
    webhook_id: str
    event_seq: int
    event_type: str
    subject: str
    state: str
    attempts: int
    next_at: datetime | None
    status: int | None
    error: str
    created_at: datetime
    delivered_at: datetime | None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What is delivered again.

    Attributes:
        deliveries: Ids of the new deliveries.
    """

    deliveries: list[str]


class ListWebhooks(Input, frozen=True, kw_only=True):
    """Takes nothing."""


class ShowWebhook(Input, frozen=True, kw_only=True):
    """Which webhook.

    Attributes:
        webhook: Its name or id.
    """

    webhook: str


# Only documented: the errors of `registry.webhooks` say more.
_Name = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[A-Za-z0-9][A-Za-z0-9._ -]{0,127}$"})]
_Url = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^https?://[^@\\u0000]+$"})]
_Pattern = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[a-z*?][a-z0-9_.*?-]{0,99}$"})]
_Patterns = Annotated[list[_Pattern], msgspec.Meta(extra_json_schema={"minItems": 1})]


class NewWebhook(Act, frozen=True, kw_only=True):
    """The webhook to make.

    Attributes:
        webhook: Its name.
        url: Where deliveries go: http or https.
        events: Patterns of the types of events that it wants; `*` stands for anything.
        description: What it is for.
        secret: Signs deliveries; empty for one that is made up and told once.
        active: Whether it gets anything yet.
    """

    webhook: _Name
    url: _Url
    events: _Patterns = msgspec.field(default_factory=lambda: ["*"])
    description: str = ""
    secret: str = ""
    active: bool = True


class ChangeWebhook(Act, frozen=True, kw_only=True):
    """What to change of a webhook; what is None stays.

    Attributes:
        webhook: Its name or id.
        url: Where deliveries go.
        events: Patterns of the types of events that it wants.
        description: What it is for.
        active: Whether it gets anything.
        secret: Signs deliveries from now on.
    """

    webhook: str
    url: _Url | None = None
    events: _Patterns | None = None
    description: str | None = None
    active: bool | None = None
    secret: str | None = None


class OneWebhook(Act, frozen=True, kw_only=True):
    """Which webhook.

    Attributes:
        webhook: Its name or id.
    """

    webhook: str


class ListDeliveries(Input, frozen=True, kw_only=True):
    """Which deliveries to list.

    Attributes:
        webhook: To this webhook.
        state: In this state.
        limit: How many at most.
    """

    webhook: str | None = None
    state: Literal["waiting", "delivered", "given-up"] | None = None
    limit: Limit = DEFAULT_LIMIT


class ReplayDeliveries(Act, frozen=True, kw_only=True):
    """What to deliver again.

    Attributes:
        webhook: Its name or id.
        delivery: This delivery (its id, or the end of it); None for all that were given up.
        everything: All that was ever delivered too.
    """

    webhook: str
    delivery: str | None = None
    everything: bool = False


def list_webhooks(project: Project, _given: ListWebhooks) -> Page[Webhook]:
    """Return all webhooks by name."""
    from mlwright.registry import webhooks

    return Page(items=[_webhook(row) for row in webhooks.webhooks(project)])


def show_webhook(project: Project, given: ShowWebhook) -> Webhook:
    """Return one webhook."""
    from mlwright.registry import webhooks

    return _webhook(webhooks.get_webhook(project, given.webhook))


def new_webhook(project: Project, given: NewWebhook) -> WebhookMade:
    """Make a webhook; its secret is told this once."""
    from mlwright.registry import webhooks

    new = webhooks.NewWebhook(
        name=given.webhook,
        url=given.url,
        events=given.events,
        description=given.description,
        secret=given.secret,
        active=given.active,
    )
    row, secret = webhooks.new_webhook(project, new, actor=acting(project, given))
    return WebhookMade(webhook=_webhook(row), secret="" if given.secret else secret)


def change_webhook(project: Project, given: ChangeWebhook) -> Webhook:
    """Change a webhook."""
    from mlwright.registry import webhooks

    names = ("url", "events", "description", "active", "secret")
    changes = {name: getattr(given, name) for name in names}
    return _webhook(webhooks.change_webhook(project, given.webhook, changes, actor=acting(project, given)))


def remove_webhook(project: Project, given: OneWebhook) -> Webhook:
    """Remove a webhook, its deliveries and its secret; return what it was."""
    from mlwright.registry import webhooks

    row = webhooks.get_webhook(project, given.webhook)
    webhooks.remove_webhook(project, row.id, actor=acting(project, given))
    return _webhook(row)


def try_webhook(project: Project, given: OneWebhook) -> Delivery:
    """Post a test event to a webhook now, and tell how it went."""
    from mlwright.registry import posting, webhooks

    posted = posting.try_webhook(project, given.webhook, actor=acting(project, given))
    found = webhooks.deliveries(project, given.webhook, limit=10)
    return next(_delivery(row, event) for row, event in found if row.id == posted.id)


def list_deliveries(project: Project, given: ListDeliveries) -> Page[Delivery]:
    """Return deliveries, newest first."""
    from mlwright.registry import webhooks

    found = webhooks.deliveries(project, given.webhook, state=given.state, limit=given.limit)
    return Page(items=[_delivery(row, event) for row, event in found])


def replay(project: Project, given: ReplayDeliveries) -> Replayed:
    """Deliver again."""
    from mlwright.registry import webhooks

    ids = webhooks.replay(
        project,
        given.webhook,
        delivery=given.delivery,
        only_failed=not given.everything,
        actor=acting(project, given),
    )
    return Replayed(deliveries=ids)


def _webhook(row: Any) -> Webhook:
    return msgspec.convert(row, Webhook, from_attributes=True)


def _delivery(row: Any, event: Any) -> Delivery:
    plain = msgspec.structs.asdict(row)
    return Delivery(**plain, event_type=event.type if event else "", subject=event.subject if event else "")


ENDPOINTS = (
    Endpoint(
        name="webhooks.list",
        method="GET",
        path="/webhooks",
        summary="List webhooks.",
        input=ListWebhooks,
        output=Page[Webhook],
        function=list_webhooks,
    ),
    Endpoint(
        name="webhooks.show",
        method="GET",
        path="/webhooks/{webhook}",
        summary="Show a webhook.",
        input=ShowWebhook,
        output=Webhook,
        function=show_webhook,
    ),
    Endpoint(
        name="webhooks.new",
        method="POST",
        path="/webhooks",
        summary="Make a webhook; its secret is told this once.",
        input=NewWebhook,
        output=WebhookMade,
        function=new_webhook,
        scope="write",
        audit="webhook.new",
    ),
    Endpoint(
        name="webhooks.change",
        method="POST",
        path="/webhooks/{webhook}",
        summary="Change a webhook's address, events, state or secret.",
        input=ChangeWebhook,
        output=Webhook,
        function=change_webhook,
        scope="write",
        audit="webhook.change",
    ),
    Endpoint(
        name="webhooks.remove",
        method="POST",
        path="/webhooks/{webhook}/remove",
        summary="Remove a webhook with its deliveries and its secret.",
        input=OneWebhook,
        output=Webhook,
        function=remove_webhook,
        scope="write",
        audit="webhook.remove",
    ),
    Endpoint(
        name="webhooks.test",
        method="POST",
        path="/webhooks/{webhook}/test",
        summary="Post a test event to a webhook now.",
        input=OneWebhook,
        output=Delivery,
        function=try_webhook,
        scope="write",
        audit="webhook.test",
    ),
    Endpoint(
        name="webhooks.deliveries",
        method="GET",
        path="/webhook-deliveries",
        summary="List deliveries to webhooks, newest first.",
        input=ListDeliveries,
        output=Page[Delivery],
        function=list_deliveries,
    ),
    Endpoint(
        name="webhooks.replay",
        method="POST",
        path="/webhooks/{webhook}/replay",
        summary="Deliver again what was given up, one delivery, or everything.",
        input=ReplayDeliveries,
        output=Replayed,
        function=replay,
        scope="write",
        audit="webhook.replay",
    ),
)
