"""Monitors, what they measured and the alerts they opened: rows in, values out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from mlwright.ledger.schema import alerts, labels, monitor_results, monitors
from mlwright.ledger.store import Transaction

_Row = TypeVar("_Row", bound=msgspec.Struct)


class MonitorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A declared monitor; `retired_at` is set for one that is no longer declared and only kept for its history."""

    name: str
    deployment: str
    spec: dict[str, Any]
    created_at: datetime
    retired_at: datetime | None


class ResultRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor measured over one window; the fields are the columns of the table."""

    monitor: str
    window_end: datetime
    window_start: datetime
    version: int
    verdict: str
    value: float | None
    numbers: dict[str, Any]
    sentence: str
    at: datetime


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alert; open while `resolved_at` is None."""

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


def put_monitor(tx: Transaction, name: str, deployment: str, spec: dict[str, Any]) -> None:
    """Create a monitor, or replace its declaration; one that was retired is taken up again."""
    values = {"deployment": deployment, "spec": spec, "retired_at": None}
    updated = tx.execute(sa.update(monitors).where(monitors.c.name == name).values(**values))
    if updated.rowcount == 0:
        tx.execute(sa.insert(monitors).values(name=name, created_at=tx.now, **values))


def retire_monitor(tx: Transaction, name: str) -> None:
    """Stop a monitor and keep its history."""
    tx.execute(sa.update(monitors).where(monitors.c.name == name).values(retired_at=tx.now))


def find_monitor(connection: sa.Connection, name: str) -> MonitorRow | None:
    """Return one monitor, None when there is none of this name."""
    query = sa.select(monitors).where(monitors.c.name == name)
    return next(iter(_rows(connection, query, MonitorRow)), None)


def list_monitors(
    connection: sa.Connection, *, deployment: str | None = None, retired: bool = False
) -> list[MonitorRow]:
    """Return the monitors by name; retired ones only when they are asked for."""
    query = sa.select(monitors).order_by(monitors.c.name)
    if deployment is not None:
        query = query.where(monitors.c.deployment == deployment)
    if not retired:
        query = query.where(monitors.c.retired_at.is_(None))
    return _rows(connection, query, MonitorRow)


def add_result(tx: Transaction, row: ResultRow) -> bool:
    """Keep a result; False when this monitor already has one for this window, which then stays as it is."""
    same = (monitor_results.c.monitor == row.monitor, monitor_results.c.window_end == row.window_end)
    if tx.execute(sa.select(monitor_results.c.monitor).where(*same)).first() is not None:
        return False
    tx.execute(sa.insert(monitor_results).values(**msgspec.structs.asdict(row)))
    return True


def list_results(
    connection: sa.Connection,
    *,
    monitor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    verdicts: list[str] | None = None,
    limit: int = 10_000,
) -> list[ResultRow]:
    """Return results whose window ended in [since, until), of some verdicts or of all, newest first."""
    table = monitor_results.c
    query = sa.select(monitor_results)
    if monitor is not None:
        query = query.where(table.monitor == monitor)
    if since is not None:
        query = query.where(table.window_end >= since)
    if until is not None:
        query = query.where(table.window_end < until)
    if verdicts is not None:
        query = query.where(table.verdict.in_(verdicts))
    return _rows(connection, query.order_by(table.window_end.desc(), table.monitor).limit(limit), ResultRow)


def last_window_ends(connection: sa.Connection) -> dict[str, datetime]:
    """Return the end of the newest evaluated window of each monitor that has one."""
    table = monitor_results.c
    # The newest row is fetched through a join: an aggregate would come back without the column's type.
    newest = sa.select(table.monitor, sa.func.max(table.window_end).label("newest")).group_by(table.monitor).subquery()
    query = sa.select(table.monitor, table.window_end).join(
        newest, sa.and_(table.monitor == newest.c.monitor, table.window_end == newest.c.newest)
    )
    return {row.monitor: row.window_end for row in connection.execute(query)}


def count_labels(connection: sa.Connection, deployment: str, *, since: datetime, known_by: datetime) -> int:
    """Return how many predictions made after `since` had their outcome at `known_by`."""
    table = labels.c
    where = (table.deployment == deployment, table.predicted_at > since, table.at <= known_by)
    return int(connection.execute(sa.select(sa.func.count()).where(*where)).scalar_one())


def label_state(
    connection: sa.Connection, deployment: str, since: datetime, until: datetime, *, known_by: datetime
) -> tuple[int, datetime | None]:
    """Return how many outcomes of predictions made in [since, until) were known, and when the last was corrected.

    As long as both stay the same, so do the labels.
    """
    table = labels.c
    where = (table.deployment == deployment, table.predicted_at >= since, table.predicted_at < until)
    query = sa.select(sa.func.count(), sa.func.max(table.corrected_at)).where(*where, table.at <= known_by)
    count, corrected_at = connection.execute(query).one()
    return int(count), corrected_at


def add_alert(tx: Transaction, row: AlertRow) -> None:
    """Write a new alert; the database refuses a second open one of the same monitor."""
    tx.execute(sa.insert(alerts).values(**msgspec.structs.asdict(row)))


def resolve_alert(tx: Transaction, alert_id: str, *, resolution: str) -> None:
    """Close an open alert; one that is closed already is left as it is."""
    still_open = (alerts.c.id == alert_id, alerts.c.resolved_at.is_(None))
    tx.execute(sa.update(alerts).where(*still_open).values(resolved_at=tx.now, resolution=resolution))


def find_alert(connection: sa.Connection, alert_id: str) -> AlertRow | None:
    """Return an alert by its full id, None when there is none."""
    return next(iter(_rows(connection, sa.select(alerts).where(alerts.c.id == alert_id), AlertRow)), None)


def open_alert(connection: sa.Connection, monitor: str) -> AlertRow | None:
    """Return the open alert of a monitor, None when there is none."""
    query = sa.select(alerts).where(alerts.c.monitor == monitor, alerts.c.resolved_at.is_(None))
    return next(iter(_rows(connection, query, AlertRow)), None)


def list_alerts(
    connection: sa.Connection, *, deployment: str | None = None, only_open: bool = False, limit: int = 1000
) -> list[AlertRow]:
    """Return alerts, newest first."""
    query = sa.select(alerts)
    if deployment is not None:
        query = query.where(alerts.c.deployment == deployment)
    if only_open:
        query = query.where(alerts.c.resolved_at.is_(None))
    return _rows(connection, query.order_by(alerts.c.opened_at.desc(), alerts.c.id.desc()).limit(limit), AlertRow)


def _rows(connection: sa.Connection, query: Any, shape: type[_Row]) -> list[_Row]:
    names = shape.__struct_fields__
    return [shape(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]
