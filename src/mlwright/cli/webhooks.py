"""`mlwright webhooks`: who is told of which events."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import Column, moment, print_fields, print_items, print_json, print_line, say
from mlwright.core.ids import short
from mlwright.errors import InvalidInput, ServerUnavailable

app = App(name="webhooks", help="Webhooks: who is told of which events. Alone: `webhooks ls`.")

Flag = Annotated[bool, Parameter(negative=())]

_COLUMNS: list[Column] = [
    ("WEBHOOK", lambda row: row.name),
    ("ACTIVE", lambda row: "yes" if row.active else "no"),
    ("EVENTS", lambda row: ", ".join(row.events)),
    ("URL", lambda row: row.url),
    ("ABOUT", lambda row: row.description),
]
_DELIVERIES: list[Column] = [
    ("DELIVERY", lambda row: short(row.id)),
    ("EVENT", lambda row: row.event_type),
    ("SUBJECT", lambda row: row.subject),
    ("STATE", lambda row: row.state),
    ("TRIED", lambda row: str(row.attempts)),
    ("STATUS", lambda row: "-" if row.status is None else str(row.status)),
    ("NEXT", lambda row: moment(row.next_at)),
    ("WHY", lambda row: row.error),
]


@app.default
@app.command
def ls(*, options: Options = NONE) -> None:
    """List webhooks."""
    with connected(options) as client:
        page = client.call("webhooks.list")
    print_items(page.items, _COLUMNS, as_json=options.json)
    if not page.items and not options.json:
        say("no webhooks yet; make one with: mlwright webhooks new NAME URL --event 'model-version.*'")


@app.command
def new(
    name: str,
    url: str,
    /,
    *,
    event: list[str] | None = None,
    description: str = "",
    secret_file: Path | None = None,
    options: Options = NONE,
) -> None:
    """Make a webhook. A running server (mlwright up) delivers to it what happens from now on.

    Args:
        name: Its name.
        url: Where deliveries go: http or https.
        event: Pattern of the types of events that it wants, for example 'alias.*'; may be repeated. All by default.
        description: What it is for.
        secret_file: File whose text signs deliveries, - for standard input; by default one is made up and printed once.
    """
    secret = _secret(secret_file) if secret_file is not None else ""
    with connected(options) as client:
        made = client.call(
            "webhooks.new", webhook=name, url=url, events=event or ["*"], description=description, secret=secret
        )
    if options.json:
        print_json(item=made)
        return
    if made.secret:
        print_line(made.secret)
        say("that is its secret, shown this once; the receiver checks signatures with it")
    say(f"try it with: mlwright webhooks test {name}")


@app.command
def show(webhook: str, /, *, options: Options = NONE) -> None:
    """Show a webhook.

    Args:
        webhook: Name or id.
    """
    with connected(options) as client:
        found = client.call("webhooks.show", webhook=webhook)
    if options.json:
        print_json(item=found)
        return
    print_fields(
        [
            ("webhook", found.name),
            ("id", found.id),
            ("url", found.url),
            ("events", ", ".join(found.events)),
            ("about", found.description),
            ("active", "yes" if found.active else "no"),
            ("signed", "yes" if found.has_secret else "no"),
            ("dialect", found.dialect or "CloudEvents"),
            ("created", moment(found.created_at)),
        ]
    )


@app.command
def change(
    webhook: str,
    /,
    *,
    url: str | None = None,
    event: list[str] | None = None,
    active: bool | None = None,
    secret_file: Path | None = None,
    options: Options = NONE,
) -> None:
    """Change a webhook; what isn't given stays.

    Args:
        webhook: Name or id.
        url: Where deliveries go.
        event: Pattern of the types of events that it wants; may be repeated.
        active: Whether it gets anything.
        secret_file: File whose text signs deliveries from now on, - for standard input.
    """
    secret = _secret(secret_file) if secret_file is not None else None
    with connected(options) as client:
        found = client.call("webhooks.change", webhook=webhook, url=url, events=event, active=active, secret=secret)
    if options.json:
        print_json(item=found)
    else:
        say(f"changed; see mlwright webhooks show {found.name}")


@app.command
def rm(webhook: str, /, *, options: Options = NONE) -> None:
    """Remove a webhook with its deliveries and its secret.

    Args:
        webhook: Name or id.
    """
    with connected(options) as client:
        found = client.call("webhooks.remove", webhook=webhook)
    if options.json:
        print_json(item=found)
    else:
        say(f"webhook {found.name} is removed")


@app.command(name="test")
def try_it(webhook: str, /, *, options: Options = NONE) -> int:
    """Post a test event to a webhook now; ends with 75 when it doesn't arrive.

    Args:
        webhook: Name or id.
    """
    with connected(options) as client:
        found = client.call("webhooks.test", webhook=webhook)
    if options.json:
        print_json(item=found)
    elif found.error:
        say(f"it did not arrive: {found.error}")
    else:
        say(f"it arrived: HTTP {found.status}")
    return ServerUnavailable.exit_code if found.error else 0


@app.command
def deliveries(
    webhook: str | None = None, /, *, state: str | None = None, limit: int = 20, options: Options = NONE
) -> None:
    """List deliveries, newest first.

    Args:
        webhook: To this webhook.
        state: In this state: waiting, delivered or given-up.
        limit: How many at most.
    """
    with connected(options) as client:
        page = client.call("webhooks.deliveries", webhook=webhook, state=state, limit=limit)
    print_items(page.items, _DELIVERIES, as_json=options.json)
    if not page.items and not options.json:
        say("nothing was delivered yet; mlwright up delivers")


@app.command
def replay(webhook: str, /, *, delivery: str | None = None, everything: Flag = False, options: Options = NONE) -> None:
    """Deliver again: what was given up, one delivery, or everything.

    Args:
        webhook: Name or id.
        delivery: Id of a delivery, or the end of it.
        everything: Also what arrived.
    """
    with connected(options) as client:
        found = client.call("webhooks.replay", webhook=webhook, delivery=delivery, everything=everything)
    if options.json:
        print_json(item=found)
    else:
        say(f"{len(found.deliveries)} deliveries wait; a running server makes them")


def _secret(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"the secret can't be read from {file}.", why=error.strerror) from error
    if not text.strip():
        raise InvalidInput(f"the secret in {file} is empty.")
    return text.strip()
