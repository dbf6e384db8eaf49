"""`mlwright alerts`: what needs attention."""

from __future__ import annotations

from cyclopts import App

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import Column, facts, moment, print_fields, print_items, print_json, say
from mlwright.core.ids import short

app = App(name="alerts", help="Alerts: what needs attention. Alone: `alerts ls`.")

_COLUMNS: list[Column] = [
    ("ALERT", lambda row: short(row.id)),
    ("SEVERITY", lambda row: row.severity),
    ("MONITOR", lambda row: row.monitor),
    ("VERSION", lambda row: str(row.version)),
    ("OPENED", lambda row: moment(row.opened_at)),
    ("RESOLVED", lambda row: moment(row.resolved_at)),
    ("WHAT", lambda row: row.sentence),
]


@app.default
@app.command
def ls(*, deployment: str | None = None, only_open: bool = False, limit: int = 20, options: Options = NONE) -> None:
    """List alerts, newest first.

    Args:
        deployment: Only about this deployment.
        only_open: Only those that aren't resolved.
        limit: How many at most.
    """
    with connected(options) as client:
        page = client.call("alerts.list", deployment=deployment, only_open=only_open, limit=limit)
    print_items(page.items, _COLUMNS, as_json=options.json)
    if not page.items and not options.json:
        say("no alerts")


@app.command
def show(alert: str, /, *, options: Options = NONE) -> None:
    """Show an alert with its numbers.

    Args:
        alert: Id, or the end of it.
    """
    with connected(options) as client:
        found = client.call("alerts.show", alert=alert)
    if options.json:
        print_json(item=found)
        return
    print_fields(
        [
            ("alert", found.id),
            ("monitor", found.monitor),
            ("deployment", found.deployment),
            ("version", found.version),
            ("severity", found.severity),
            ("opened", moment(found.opened_at)),
            ("resolved", moment(found.resolved_at)),
            ("resolution", found.resolution),
            ("what", found.sentence),
            ("numbers", facts(found.numbers)),
        ]
    )
