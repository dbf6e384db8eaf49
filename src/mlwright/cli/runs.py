"""`mlwright runs`: what was run and how it went."""

from __future__ import annotations

import time
from functools import partial

from cyclopts import App

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import Column, clean, moment, print_items, print_json, print_line, say, span
from mlwright.cli.run_changes import add_to
from mlwright.cli.run_detail import print_detail
from mlwright.cli.run_tables import EVERYTHING, Shown, cell, narrowed, print_comparison, sorted_by
from mlwright.core.ids import short

app = App(name="runs", help="Runs: what was run and how it went. Alone: `runs ls`.")
add_to(app)

_COLUMNS: list[Column] = [
    ("RUN", lambda run: short(run.id)),
    ("NAME", lambda run: run.pipeline or run.name),
    ("STATUS", lambda run: run.status),
    ("STARTED", lambda run: moment(run.started_at)),
    ("TOOK", lambda run: span(run.duration_s)),
    ("BY", lambda run: run.actor),
]
_ENDED = ("succeeded", "failed", "cancelled")


@app.default
@app.command
def ls(
    *,
    where: str = "",
    sort: list[str] | None = None,
    columns: list[str] | None = None,
    limit: int = 20,
    shown: Shown = EVERYTHING,
    options: Options = NONE,
) -> None:
    """List runs, newest first; or search them.

    Args:
        where: Such as "metrics.auc > 0.9 and not status = 'failed'".
        sort: Such as "metrics.auc desc"; several are taken in turn.
        columns: What to show of each run, such as params.lr or "min(metrics.loss)"; may be joined by commas. What
            runs are sorted by is shown when no columns are named.
        limit: How many at most.
    """
    named = [name.strip() for given in columns or () for name in given.split(",") if name.strip()]
    named = named or sorted_by(sort or [])
    with connected(options) as client:
        page = client.call(
            "runs.search",
            where=narrowed(where, shown),
            order_by=sort or [],
            experiments=shown.experiment or [],
            view=shown.view,
            columns=named,
            limit=limit,
        )
    named_cells: list[Column] = [(name, partial(cell, name)) for name in named]
    found = [*_COLUMNS[:4], *named_cells] if named else _COLUMNS
    print_items(page.items, found, as_json=options.json, next_page=page.next)
    if not page.items and not options.json:
        searched = where or sort or shown != EVERYTHING
        say("no run fits" if searched else "no runs yet; start one with: mlwright run FILE.py:PIPELINE")


@app.command
def diff(*runs: str, all: bool = False, options: Options = NONE) -> None:
    """Show what differs between runs: params, metrics, tags, code, environment and data.

    Args:
        runs: Two or more: ids, ends of them, or @latest.
        all: Show what is the same, too.
    """
    with connected(options) as client:
        found = client.call("runs.compare", runs=list(runs), everything=all)
    if options.json:
        print_json(item=found)
    else:
        print_comparison(found)


@app.command
def show(run: str, /, *, options: Options = NONE) -> None:
    """Show a run with its steps, what it logged and what it made.

    Args:
        run: Id, the end of it, a name that no other run has, or @latest.
    """
    with connected(options) as client:
        detail = client.call("runs.show", run=run)
    if options.json:
        print_json(item=detail)
    else:
        print_detail(detail)


@app.command
def watch(run: str = "@latest", /, *, options: Options = NONE) -> int:
    """Follow a run until it is over; the exit code is 1 when it fails.

    Args:
        run: Id, the end of it, a name that no other run has, or @latest.
    """
    with connected(options) as client:
        told: set[tuple[str, str]] = set()
        detail = client.call("runs.show", run=run)
        run_id = detail.run.id
        while True:
            for step in detail.steps:
                if (step.id, step.status) not in told:
                    told.add((step.id, step.status))
                    print_line(clean(f"{step.step}  {step.status}  {step.reason}".rstrip()))
            if detail.run.status in _ENDED:
                break
            time.sleep(0.5)
            detail = client.call("runs.show", run=run_id)
    if options.json:
        print_json(item=detail)
    else:
        print_line(f"run {short(run_id)} {detail.run.status}")
    return 0 if detail.run.status == "succeeded" else 1
