"""Alerts: opened by several bad windows in a row, resolved by several good ones or by another version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.core.ids import new_id
from mlwright.ledger import monitoring as rows
from mlwright.ledger.monitoring import AlertRow, ResultRow

if TYPE_CHECKING:
    from mlwright.ledger import Transaction
    from mlwright.monitoring.values import Monitor


def answer(tx: Transaction, monitor: Monitor, result: ResultRow) -> str | None:
    """Open, continue or resolve a monitor's alert after a new result; return a sentence when one opened or resolved.

    Windows with too few rows say nothing in either direction. Windows of another version don't count.
    """
    present = rows.open_alert(tx.connection, monitor.name)
    if present is not None and present.version != result.version:
        said = _resolve(tx, monitor, present, f"version {result.version} serves now")
        return said if _streak(tx, monitor, result) < monitor.open_after else f"{said}; {_open(tx, monitor, result)}"
    if present is None:
        if result.verdict == "degraded" and _streak(tx, monitor, result) >= monitor.open_after:
            return _open(tx, monitor, result)
        return None
    if result.verdict == "degraded":
        tx.emit("alert.continued", _subject(present), **_facts(monitor, present), sentence=result.sentence)
    elif result.verdict == "ok" and _streak(tx, monitor, result) >= monitor.resolve_after:
        return _resolve(tx, monitor, present, result.sentence)
    return None


def _streak(tx: Transaction, monitor: Monitor, result: ResultRow) -> int:
    """Return how many results in a row, the newest included, have the newest's verdict and version."""
    wanted = max(monitor.open_after, monitor.resolve_after)
    newest = rows.list_results(tx.connection, monitor=monitor.name, verdicts=["ok", "degraded"], limit=wanted)
    count = 0
    for one in newest:
        if (one.verdict, one.version) != (result.verdict, result.version):
            break
        count += 1
    return count


def _open(tx: Transaction, monitor: Monitor, result: ResultRow) -> str:
    alert = AlertRow(
        id=new_id(),
        monitor=monitor.name,
        deployment=monitor.deployment,
        version=result.version,
        severity=monitor.severity,
        sentence=result.sentence,
        numbers=result.numbers,
        opened_at=tx.now,
        resolved_at=None,
        resolution="",
    )
    rows.add_alert(tx, alert)
    tx.emit(
        "alert.opened",
        _subject(alert),
        **_facts(monitor, alert),
        sentence=result.sentence,
        value=result.value,
        window_start=result.window_start.isoformat(),
        window_end=result.window_end.isoformat(),
    )
    return f"alert of monitor {monitor.name} opened: {result.sentence}"


def close(tx: Transaction, monitor: Monitor, why: str) -> None:
    """Resolve the open alert of a monitor, if it has one."""
    present = rows.open_alert(tx.connection, monitor.name)
    if present is not None:
        _resolve(tx, monitor, present, why)


def _resolve(tx: Transaction, monitor: Monitor, alert: AlertRow, why: str) -> str:
    rows.resolve_alert(tx, alert.id, resolution=why)
    tx.emit("alert.resolved", _subject(alert), **_facts(monitor, alert), sentence=why)
    return f"alert of monitor {monitor.name} resolved: {why}"


def _subject(alert: AlertRow) -> str:
    return f"alert/{alert.id}"


def _facts(monitor: Monitor, alert: AlertRow) -> dict[str, object]:
    return {
        "alert": alert.id,
        "monitor": monitor.name,
        "kind": monitor.kind,
        "deployment": alert.deployment,
        "version": alert.version,
        "severity": alert.severity,
    }
