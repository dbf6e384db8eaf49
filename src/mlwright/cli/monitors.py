"""`mlwright monitors`: what is watched and how it stands."""

from __future__ import annotations

from cyclopts import App

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import Column, moment, number, print_fields, print_heading, print_items, print_json, say
from mlwright.core.ids import short

app = App(name="monitors", help="Monitors: what is watched and how it stands. Alone: `monitors ls`.")

_COLUMNS: list[Column] = [
    ("MONITOR", lambda row: row.name),
    ("DEPLOYMENT", lambda row: row.deployment),
    ("KIND", lambda row: row.kind),
    ("VERDICT", lambda row: row.latest.verdict if row.latest else "-"),
    ("VALUE", lambda row: number(row.latest.value) if row.latest else "-"),
    ("WINDOW END", lambda row: moment(row.latest.window_end) if row.latest else "-"),
    ("ALERT", lambda row: short(row.alert) if row.alert else "-"),
]
_RESULTS: list[Column] = [
    ("WINDOW END", lambda row: moment(row.window_end)),
    ("VERSION", lambda row: str(row.version)),
    ("VERDICT", lambda row: row.verdict),
    ("VALUE", lambda row: number(row.value)),
    ("WHY", lambda row: row.sentence),
]


@app.default
@app.command
def ls(*, deployment: str | None = None, options: Options = NONE) -> None:
    """List monitors with how they stand.

    Args:
        deployment: Only those that watch this deployment.
    """
    with connected(options) as client:
        page = client.call("monitors.list", deployment=deployment)
    print_items(page.items, _COLUMNS, as_json=options.json)
    if not page.items and not options.json:
        say("no monitors yet; declare them in a System, then: mlwright up FILE.py:SYSTEM")


@app.command
def show(
    monitor: str, /, *, since: str | None = None, until: str | None = None, limit: int = 20, options: Options = NONE
) -> None:
    """Show a monitor and what it measured, newest window first.

    Args:
        monitor: Its name.
        since: Only windows that ended at this time or later.
        until: Only windows that ended before this time.
        limit: How many windows at most.
    """
    from mlwright.core.clock import parse_time

    span = {"since": parse_time(since) if since else None, "until": parse_time(until) if until else None}
    with connected(options) as client:
        found = client.call("monitors.show", monitor=monitor)
        results = client.call("monitors.results", monitor=monitor, limit=limit, **span).items
    if options.json:
        print_json(item=found, results=results)
        return
    print_fields(
        [("monitor", found.name), ("deployment", found.deployment), ("kind", found.kind), ("open alert", found.alert)]
    )
    print_heading("Declared")
    print_fields((name, value) for name, value in found.spec.items() if name not in ("name", "deployment", "kind"))
    print_heading("Windows")
    print_items(results, _RESULTS, as_json=False)
