"""Endpoints about monitors and what they measured."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Instant, Limit, Page
from mlwright.api.finding import not_found

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project


class MonitorResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor measured over one window.

    Attributes:
        monitor: Its name.
        window_start: Beginning of the window.
        window_end: End of the window.
        version: Version that served most of it.
        verdict: ok, degraded or too-few.
        value: The headline number; None when there were too few rows.
        sentence: Why, for people.
        numbers: Why, for machines.
        at: When it was measured.
    """

    monitor: str
    window_start: datetime
    window_end: datetime
    version: int
    verdict: str
    value: float | None
    sentence: str
    numbers: dict[str, Any]
    at: datetime


class MonitorState(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor and how it stands.

    Attributes:
        name: Its name.
        deployment: What it watches.
        kind: What it measures, for example log-loss.
        spec: As declared.
        latest: Its newest result, None before the first.
        alert: Id of its open alert, None when there is none.
    """

    name: str
    deployment: str
    kind: str
    spec: dict[str, Any]
    latest: MonitorResult | None
    alert: str | None


class ListMonitors(Input, frozen=True, kw_only=True):
    """Which monitors to list.

    Attributes:
        deployment: Only those that watch this deployment.
    """

    deployment: str | None = None


class ShowMonitor(Input, frozen=True, kw_only=True):
    """Which monitor.

    Attributes:
        monitor: Its name.
    """

    monitor: str


class ListResults(Input, frozen=True, kw_only=True):
    """Which results to list.

    Attributes:
        monitor: Of this monitor.
        since: Only windows that ended at this moment or later.
        until: Only windows that ended before this moment.
        limit: How many at most.
    """

    monitor: str
    since: Instant | None = None
    until: Instant | None = None
    limit: Limit = DEFAULT_LIMIT


def list_monitors(project: Project, given: ListMonitors) -> Page[MonitorState]:
    """Return the monitors with how they stand, by name."""
    from mlwright.ledger import monitoring

    with project.ledger.read() as connection:
        rows = monitoring.list_monitors(connection, deployment=given.deployment)
        return Page(items=[_state(connection, row) for row in rows])


def show_monitor(project: Project, given: ShowMonitor) -> MonitorState:
    """Return one monitor with how it stands."""
    from mlwright.ledger import monitoring

    with project.ledger.read() as connection:
        row = monitoring.find_monitor(connection, given.monitor)
        if row is None:
            raise not_found("monitor", given.monitor, [known.name for known in monitoring.list_monitors(connection)])
        return _state(connection, row)


def list_results(project: Project, given: ListResults) -> Page[MonitorResult]:
    """Return the results of one monitor, newest first."""
    show_monitor(project, ShowMonitor(monitor=given.monitor))
    from mlwright.ledger import monitoring

    with project.ledger.read() as connection:
        rows = monitoring.list_results(
            connection, monitor=given.monitor, since=given.since, until=given.until, limit=given.limit
        )
    return Page(items=[_result(row) for row in rows])


def _state(connection: Connection, row: Any) -> MonitorState:
    from mlwright.ledger import monitoring

    results = monitoring.list_results(connection, monitor=row.name, limit=1)
    alert = monitoring.open_alert(connection, row.name)
    return MonitorState(
        name=row.name,
        deployment=row.deployment,
        kind=str(row.spec.get("kind", "")),
        spec=row.spec,
        latest=_result(results[0]) if results else None,
        alert=None if alert is None else alert.id,
    )


def _result(row: Any) -> MonitorResult:
    return msgspec.convert(row, MonitorResult, from_attributes=True)


ENDPOINTS = (
    Endpoint(
        name="monitors.list",
        method="GET",
        path="/monitors",
        summary="List monitors with how they stand.",
        input=ListMonitors,
        output=Page[MonitorState],
        function=list_monitors,
    ),
    Endpoint(
        name="monitors.show",
        method="GET",
        path="/monitors/{monitor}",
        summary="Show a monitor with how it stands.",
        input=ShowMonitor,
        output=MonitorState,
        function=show_monitor,
    ),
    Endpoint(
        name="monitors.results",
        method="GET",
        path="/monitors/{monitor}/results",
        summary="List what a monitor measured, newest window first.",
        input=ListResults,
        output=Page[MonitorResult],
        function=list_results,
    ),
)
