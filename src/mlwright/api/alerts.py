"""Endpoints about alerts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Limit, Page
from mlwright.api.finding import the_one

if TYPE_CHECKING:
    from mlwright.project import Project


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor's call for attention.

    Attributes:
        id: Its id.
        monitor: Which monitor.
        deployment: What that monitor watches.
        version: Version that served.
        severity: info, warning or critical.
        sentence: What is wrong, for people.
        numbers: What is wrong, for machines.
        opened_at: When it opened.
        resolved_at: When it was resolved, None while it is open.
        resolution: How it was resolved.
    """

    id: str
    monitor: str
    deployment: str
    version: int
    severity: str
    sentence: str
    numbers: dict[str, Any]
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str


class ListAlerts(Input, frozen=True, kw_only=True):
    """Which alerts to list.

    Attributes:
        deployment: Only about this deployment.
        only_open: Only those that aren't resolved.
        limit: How many at most.
    """

    deployment: str | None = None
    only_open: bool = False
    limit: Limit = DEFAULT_LIMIT


class ShowAlert(Input, frozen=True, kw_only=True):
    """Which alert.

    Attributes:
        alert: Its id, or the end of it.
    """

    alert: str


def list_alerts(project: Project, given: ListAlerts) -> Page[Alert]:
    """Return alerts, newest first."""
    from mlwright.ledger import monitoring

    with project.ledger.read() as connection:
        rows = monitoring.list_alerts(
            connection, deployment=given.deployment, only_open=given.only_open, limit=given.limit
        )
    return Page(items=[_alert(row) for row in rows])


def show_alert(project: Project, given: ShowAlert) -> Alert:
    """Return one alert."""
    from mlwright.ledger import monitoring

    with project.ledger.read() as connection:
        row = monitoring.find_alert(connection, given.alert)
        if row is None:
            row = the_one("alert", given.alert, monitoring.list_alerts(connection, limit=10_000))
    return _alert(row)


def _alert(row: Any) -> Alert:
    return msgspec.convert(row, Alert, from_attributes=True)


ENDPOINTS = (
    Endpoint(
        name="alerts.list",
        method="GET",
        path="/alerts",
        summary="List alerts, newest first.",
        input=ListAlerts,
        output=Page[Alert],
        function=list_alerts,
    ),
    Endpoint(
        name="alerts.show",
        method="GET",
        path="/alerts/{alert}",
        summary="Show an alert.",
        input=ShowAlert,
        output=Alert,
        function=show_alert,
    ),
)
