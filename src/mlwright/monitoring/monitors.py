"""Monitors in the ledger: declared, and evaluated for each window that is due, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from mlwright.core.clock import as_utc
from mlwright.ledger import delivery
from mlwright.ledger import monitoring as rows
from mlwright.ledger.monitoring import MonitorRow, ResultRow
from mlwright.monitoring.alerts import answer, close
from mlwright.monitoring.values import Monitor, monitor_of

if TYPE_CHECKING:
    from mlwright.ledger import Transaction
    from mlwright.monitoring.reading import Reader
    from mlwright.project import Project

CONTROLLER = "controller:monitor"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def declare(tx: Transaction, monitor: Monitor) -> None:
    """Create or change a monitor; declaring the same again changes nothing. What it measured before stays."""
    spec = msgspec.json.decode(msgspec.json.encode(monitor))
    present = rows.find_monitor(tx.connection, monitor.name)
    if present is not None and present.spec == spec and present.retired_at is None:
        return
    rows.put_monitor(tx, monitor.name, monitor.deployment, spec)
    tx.emit("monitor.declared", f"monitor/{monitor.name}", spec=spec, is_new=present is None)


def retire(tx: Transaction, name: str) -> None:
    """Stop a monitor; its results stay and its open alert is resolved. One that doesn't exist is left alone."""
    present = rows.find_monitor(tx.connection, name)
    if present is None or present.retired_at is not None:
        return
    close(tx, monitor_of(present.spec), "the monitor was retired")
    rows.retire_monitor(tx, name)
    tx.emit("monitor.retired", f"monitor/{name}")


def evaluate_due(project: Project, deployment: str | None = None, *, now: datetime | None = None) -> list[str]:
    """Evaluate every window that is due and return a sentence for each alert that opened or was resolved.

    Args:
        project: Whose monitors.
        deployment: Only those that watch this deployment.
        now: Up to when; the project's clock by default.
    """
    return [said for _, said in evaluate(project, deployment, now=now) if said is not None]


def evaluate(
    project: Project, deployment: str | None = None, *, now: datetime | None = None
) -> list[tuple[ResultRow, str | None]]:
    """Evaluate every window that is due, in the order of time; return each new result with what it did to alerts.

    A window is evaluated once, whoever asks and however often. After a standstill all windows in between are made up
    for, each with the labels that were known at its time.

    Args:
        project: Whose monitors.
        deployment: Only those that watch this deployment.
        now: Up to when; the project's clock by default.
    """
    until = as_utc(now or project.clock.now())
    with project.ledger.read() as connection:
        monitors = rows.list_monitors(connection, deployment=deployment)
        newest = rows.last_window_ends(connection)
        firsts = {row.deployment: delivery.first_served_at(connection, row.deployment) for row in monitors}
    due = [
        # Monitors of the same window stand together: what one has read serves the next.
        ((at, monitor.delay_days, monitor.window_days, row.name), monitor)
        for row in monitors
        for monitor in [monitor_of(row.spec)]
        for at in _due(row, monitor, firsts[row.deployment], newest.get(row.name), until)
    ]
    if not due:
        return []
    from mlwright.monitoring.reading import Reader

    found, reader = [], Reader(project)
    for (at, *_), monitor in sorted(due, key=lambda one: one[0]):
        result = _evaluate_one(project, monitor, at, reader)
        if result is not None:
            found.append(result)
    return found


def _due(
    row: MonitorRow, monitor: Monitor, first: datetime | None, newest: datetime | None, until: datetime
) -> list[datetime]:
    """Return the moments at which windows of a monitor are to be evaluated and weren't yet."""
    if first is None:
        return []
    every, delay = timedelta(days=monitor.every_days), timedelta(days=monitor.delay_days)
    # The first window lies wholly in the time in which the deployment answers.
    start = max(row.created_at, first + timedelta(days=monitor.window_days) + delay)
    if newest is not None:
        start = max(start, newest + delay + timedelta(microseconds=1))
    steps = -((_EPOCH - start) // every)
    found = []
    while (at := _EPOCH + steps * every) <= until:
        found.append(at)
        steps += 1
    return found


def _evaluate_one(
    project: Project, monitor: Monitor, at: datetime, reader: Reader
) -> tuple[ResultRow, str | None] | None:
    # Statistics need NumPy, and only evaluations do.
    from mlwright.monitoring.measuring import measure

    window_end = at - timedelta(days=monitor.delay_days)
    window_start = window_end - timedelta(days=monitor.window_days)
    window = reader.window(monitor, (window_start, window_end), at)
    if window is None:
        return None
    found = measure(monitor, window)
    result = ResultRow(
        monitor=monitor.name,
        window_end=window_end,
        window_start=window_start,
        version=window.version,
        verdict=found.verdict,
        value=found.value,
        numbers=found.numbers,
        sentence=f"{monitor.window_days:g} days to {window_end:%Y-%m-%d}: {found.sentence}",
        at=at,
    )
    with project.ledger.write(CONTROLLER) as tx:
        if not rows.add_result(tx, result):
            return None
        return result, answer(tx, monitor, result)
