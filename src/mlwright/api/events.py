"""Endpoints about events: what happened, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Instant, Limit, Page, Whole
from mlwright.core.events import Event
from mlwright.errors import InvalidInput

if TYPE_CHECKING:
    from mlwright.project import Project


class ListEvents(Input, frozen=True, kw_only=True):
    """Which events to list.

    Attributes:
        types: Only of these types; all when empty.
        subject: Only about this thing, or, when it ends in `/`, about all things that begin so.
        since: Only from this moment on.
        until: Only before this moment.
        after: Only after this place in the ledger's order.
        cursor: `next` of the page before.
        limit: How many at most.
        newest_first: The newest first instead of the oldest.
    """

    types: list[str] = []
    subject: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    after: Whole = 0
    cursor: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[0-9]{1,18}$"})] | None = None
    limit: Limit = DEFAULT_LIMIT
    newest_first: bool = False


def list_events(project: Project, given: ListEvents) -> Page[Event]:
    """Return one page of events."""
    from mlwright.ledger import outbox

    place = _place(given.cursor)
    after, before = given.after, None
    if place is not None:
        after, before = (given.after, place) if given.newest_first else (max(place, given.after), None)
    with project.ledger.read() as connection:
        found = outbox.read_events(
            connection,
            after=after,
            before=before,
            types=given.types or None,
            subject=given.subject,
            since=given.since,
            until=given.until,
            limit=given.limit + 1,
            newest_first=given.newest_first,
        )
    items = found[: given.limit]
    return Page(items=items, next=str(items[-1].seq) if len(found) > given.limit else None)


def _place(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isdecimal() or len(cursor) > 18:
        raise InvalidInput(f"'{cursor}' is no cursor of a list of events.", fix="use `next` of the page before")
    return int(cursor)


ENDPOINTS = (
    Endpoint(
        name="events.list",
        method="GET",
        path="/events",
        summary="List events, oldest first.",
        input=ListEvents,
        output=Page[Event],
        function=list_events,
    ),
)
