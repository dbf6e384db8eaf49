"""Downstream lineage: where a version served and serves, and how much it answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from mlwright.ledger import Connection, inference
from mlwright.ledger import delivery as rows
from mlwright.registry import ModelVersion

if TYPE_CHECKING:
    from mlwright.project import Project

_MICROSECOND = timedelta(microseconds=1)


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which a deployment gave a version a share of its traffic.

    Attributes:
        deployment: Name of the deployment.
        arm: `stable` or `candidate`.
        weight: Share of the traffic, 0 to 1.
        from_at: Since when.
        to_at: Until when, None while it lasts.
    """

    deployment: str
    arm: str
    weight: float
    from_at: datetime
    to_at: datetime | None


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a version at one deployment.

    Attributes:
        deployment: Its name.
        serves_now: Whether the version has a share of the traffic now.
        predictions: Rows that it answered.
        stretches: When it had a share, newest first.
    """

    deployment: str
    serves_now: bool
    predictions: int
    stretches: list[Stretch]


def downstream(project: Project, version: ModelVersion) -> list[Served]:
    """Return the deployments that a version ever served, with the rows it answered at each.

    Where it had all the traffic, the rows are counted without being read; where it shared the traffic, the log says row
    by row who answered.
    """
    with project.ledger.read() as connection:
        known = [row for row in rows.current_arms(connection).values() if row.model == version.model]
        found = {row.name: _traffic(connection, row.name, version.version) for row in known}
    return [_served(project, name, history, version.version) for name, history in sorted(found.items()) if history]


def _traffic(connection: Connection, deployment: str, version: int) -> list[rows.TrafficRow]:
    """Return the stretches of traffic in which a version had a share, newest first."""
    history = rows.traffic_history(connection, deployment, limit=100_000)
    return [row for row in history if any(arm.version == version for arm in row.arms)]


def _served(project: Project, deployment: str, history: list[rows.TrafficRow], version: int) -> Served:
    stretches = [
        Stretch(deployment=deployment, arm=arm.arm, weight=arm.weight, from_at=row.from_at, to_at=row.to_at)
        for row in history
        for arm in row.arms
        if arm.version == version
    ]
    count = sum(_answered(project, deployment, row, version) for row in history)
    now = any(stretch.to_at is None for stretch in stretches)
    return Served(deployment=deployment, serves_now=now, predictions=count, stretches=stretches)


def _answered(project: Project, deployment: str, row: rows.TrafficRow, version: int) -> int:
    until = row.to_at or project.clock.now() + _MICROSECOND
    if len(row.arms) == 1:
        with project.ledger.read() as connection:
            return inference.count_rows(connection, deployment, row.from_at, until)
    # Only reading the log row by row needs NumPy.
    from mlwright import serving

    logged = serving.scan(project, deployment, row.from_at, until, features=False)
    return int((logged.answered_by == version).sum())
