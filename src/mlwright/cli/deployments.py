"""`mlwright deployments`: who answers, and how to go back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cyclopts import App

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import (
    Column,
    moment,
    print_fields,
    print_heading,
    print_items,
    print_json,
    print_table,
    say,
)
from mlwright.core.ids import short

if TYPE_CHECKING:
    from mlwright.api.deployments import Arm, Deployment

app = App(name="deployments", help="Deployments: who answers, and how to go back. Alone: `deployments ls`.")

_COLUMNS: list[Column] = [
    ("DEPLOYMENT", lambda row: row.name),
    ("MODEL", lambda row: row.model),
    ("TRAFFIC", lambda row: _shares(row.arms)),
    ("ROLLOUT", lambda row: short(row.rollout_id) if row.rollout_id else "-"),
]


@app.default
@app.command
def ls(*, options: Options = NONE) -> None:
    """List deployments with the versions that answer them."""
    with connected(options) as client:
        page = client.call("deployments.list")
    print_items(page.items, _COLUMNS, as_json=options.json)
    if not page.items and not options.json:
        say("no deployments yet; declare one in a System, then: mlwright up FILE.py:SYSTEM")


@app.command
def show(deployment: str, /, *, limit: int = 20, options: Options = NONE) -> None:
    """Show who answers a deployment, its rollouts, and who answered before.

    Args:
        deployment: Its name.
        limit: How many rollouts and stretches of traffic at most.
    """
    with connected(options) as client:
        found = client.call("deployments.show", deployment=deployment)
        traffic = client.call("deployments.traffic", deployment=deployment, limit=limit).items
        rollouts = client.call("rollouts.list", deployment=deployment, limit=limit).items
    if options.json:
        print_json(item=found, traffic=traffic, rollouts=rollouts)
    else:
        _print_detail(found, traffic, rollouts)


@app.command
def rollback(deployment: str, /, *, reason: str = "", options: Options = NONE) -> None:
    """Give all traffic to the version that served before.

    Args:
        deployment: Its name.
        reason: Why, for the history.
    """
    _change("deployments.rollback", deployment, reason, options)


@app.command
def abort(deployment: str, /, *, reason: str = "", options: Options = NONE) -> None:
    """Stop the running rollout; the stable version keeps all traffic.

    Args:
        deployment: Its name.
        reason: Why, for the history.
    """
    _change("deployments.abort", deployment, reason, options)


def _change(endpoint: str, deployment: str, reason: str, options: Options) -> None:
    with connected(options) as client:
        changed = client.call(endpoint, deployment=deployment, reason=reason)
    if options.json:
        print_json(item=changed)
    else:
        say(f"{deployment} is answered by {_shares(changed.arms)}; see mlwright deployments show {deployment}")


def _print_detail(found: Deployment, traffic: list[Any], rollouts: list[Any]) -> None:
    print_fields(
        [
            ("deployment", found.name),
            ("model", found.model),
            ("traffic", _shares(found.arms)),
            ("rollout", found.rollout_id),
            ("route by", found.spec.get("route_by")),
        ]
    )
    if rollouts:
        print_heading("Rollouts")
        rows = [
            [
                short(row.id),
                f"v{row.candidate}" if row.stable is None else f"v{row.stable} -> v{row.candidate}",
                row.status,
                moment(row.started_at),
                moment(row.ended_at),
                str((row.verdict or {}).get("sentence", "")),
            ]
            for row in rollouts
        ]
        print_table(rows, ["ROLLOUT", "VERSIONS", "STATUS", "STARTED", "ENDED", "WHY"])
    if traffic:
        print_heading("Traffic")
        rows = [[moment(row.from_at), moment(row.to_at), _shares(row.arms), row.actor, row.reason] for row in traffic]
        print_table(rows, ["FROM", "TO", "ANSWERED BY", "SET BY", "WHY"])


def _shares(arms: list[Arm]) -> str:
    return ", ".join(f"v{arm.version} {arm.weight:.0%}" for arm in arms) or "nothing"
