"""`mlwright events`: everything that happened, in order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import Column, clean, facts, moment, print_items, print_json, print_line, say, subject

if TYPE_CHECKING:
    from mlwright.api.client import Client
    from mlwright.core.events import Event

FOLLOW_EVERY_S = 0.5

app = App(name="events", help="Events: everything that happened, in order. Alone: `events ls`.")

_COLUMNS: list[Column] = [
    ("TIME", lambda event: moment(event.time)),
    ("TYPE", lambda event: event.type),
    ("SUBJECT", lambda event: subject(event.subject)),
    ("BY", lambda event: event.actor),
    ("DATA", lambda event: facts(event.data)),
]


@app.default
@app.command
def ls(
    *,
    follow: Annotated[bool, Parameter(negative=())] = False,
    since: str | None = None,
    type: list[str] | None = None,
    subject: str | None = None,
    limit: int = 50,
    options: Options = NONE,
) -> None:
    """List the newest events, oldest of them first.

    Args:
        follow: Go on and print what happens, until Ctrl-C.
        since: Only from this time on, for example 2026-03-01T12:00.
        type: Only of this type; may be given several times.
        subject: Only about this thing, for example model/churn, or all that begin so: run/.
        limit: How many at most.
    """
    from mlwright.core.clock import parse_time

    chosen: dict[str, Any] = {"types": type or [], "subject": subject}
    with connected(options) as client:
        # Asked for before the list, so that what happens between the two calls is shown and not skipped.
        newest = client.call("health.show").last_event if follow else 0
        page = client.call(
            "events.list", **chosen, since=parse_time(since) if since else None, limit=limit, newest_first=True
        )
        items = list(reversed(page.items))
        if follow:
            _follow(client, items, newest, chosen, options)
        else:
            print_items(items, _COLUMNS, as_json=options.json)
    if page.next and not options.json:
        say(f"there are older ones; ask for more with --limit {limit * 2}")


def _follow(client: Client, items: list[Event], newest: int, chosen: dict[str, Any], options: Options) -> None:
    # Between two looks events of other types move the newest place, too, so the cursor is of those shown only.
    after = items[-1].seq if items else newest
    while True:
        for event in items:
            if options.json:
                print_json(item=event)
            else:
                print_line(clean("  ".join(text(event) for _, text in _COLUMNS)))
            after = event.seq
        if len(items) < 1000:
            time.sleep(FOLLOW_EVERY_S)
        items = client.call("events.list", **chosen, after=after, limit=1000).items
