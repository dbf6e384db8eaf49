"""What runs logged: parameters, metrics, tags and artifacts; and how far each journal is shipped."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger.conflicts import insert_or_keep, insert_or_update
from mlwright.ledger.schema import journals, metrics, params, run_artifacts, tags
from mlwright.ledger.store import Transaction


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a metric.

    Attributes:
        key: The metric.
        step: Place on its axis.
        value: Its value; may be NaN or infinite.
        at: When it was logged, by the system's clock.
    """

    key: str
    step: int
    value: float
    at: datetime


class RunArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a run keeps under a name.

    Attributes:
        name: Its name within the run.
        digest: The artifact.
        codec: How it was written.
        size_bytes: How big it is.
        step: The step that logged it; empty for a script.
        created_at: When it was logged, by the system's clock.
    """

    name: str
    digest: str
    codec: str
    size_bytes: int
    step: str
    created_at: datetime


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal is shipped.

    Attributes:
        id: The journal.
        run_id: The run that it belongs to.
        step: The step that wrote it; empty for a script.
        position: Everything before this offset is in the ledger.
        superseded: True when a later attempt at the step logs anew.
        logged: The params, tags and artifacts that it brought.
    """

    id: str
    run_id: str
    step: str
    position: int
    superseded: bool
    logged: dict[str, Any]


def read_journal(connection: sa.Connection, journal_id: str) -> JournalRow | None:
    """Return how far a journal is shipped, None when nothing of it is."""
    row = connection.execute(sa.select(journals).where(journals.c.id == journal_id)).one_or_none()
    return None if row is None else JournalRow(**row._asdict())


def write_journal(tx: Transaction, row: JournalRow) -> None:
    """Record how far a journal is shipped."""
    insert_or_update(tx, journals, [msgspec.structs.asdict(row)])


def supersede_journals(tx: Transaction, run_id: str, step: str, *, but: str) -> None:
    """Leave what earlier attempts at a step logged out of its curves."""
    old = (journals.c.run_id == run_id, journals.c.step == step, journals.c.id != but)
    tx.execute(sa.update(journals).where(*old).values(superseded=True))


def add_points(tx: Transaction, journal_id: str, run_id: str, points: list[tuple[int, Point]]) -> None:
    """Write points, each with its position in the journal; a point that is there already is left alone."""
    insert_or_keep(
        tx,
        metrics,
        [
            {"journal_id": journal_id, "position": place, "run_id": run_id, **msgspec.structs.asdict(point)}
            for place, point in points
        ],
    )


def copy_points(tx: Transaction, journal_id: str, *, to_journal: str, to_run: str) -> None:
    """Write a journal's points again for another run, which took the step's result from the cache."""
    source = sa.select(
        sa.literal(to_journal),
        metrics.c.position,
        sa.literal(to_run),
        metrics.c.key,
        metrics.c.step,
        metrics.c.value,
        metrics.c.at,
    ).where(metrics.c.journal_id == journal_id)
    columns = ["journal_id", "position", "run_id", "key", "step", "value", "at"]
    tx.execute(sa.insert(metrics).from_select(columns, source))


def put_params(tx: Transaction, run_id: str, values: dict[str, Any]) -> None:
    """Set parameters of a run; a key that is set takes the new value."""
    insert_or_update(tx, params, [{"run_id": run_id, "key": key, "value": value} for key, value in values.items()])


def put_tags(tx: Transaction, run_id: str, values: dict[str, str]) -> None:
    """Set tags of a run; a key that is set takes the new value."""
    insert_or_update(tx, tags, [{"run_id": run_id, "key": key, "value": value} for key, value in values.items()])


def put_artifacts(tx: Transaction, run_id: str, found: list[RunArtifact]) -> None:
    """Name artifacts of a run; a name that is taken takes the new artifact."""
    insert_or_update(tx, run_artifacts, [{"run_id": run_id, **msgspec.structs.asdict(row)} for row in found])


def params_of(connection: sa.Connection, run_id: str) -> dict[str, Any]:
    """Return a run's parameters."""
    query = sa.select(params.c.key, params.c.value).where(params.c.run_id == run_id).order_by(params.c.key)
    return dict(connection.execute(query).all())


def tags_of(connection: sa.Connection, run_id: str) -> dict[str, str]:
    """Return a run's tags."""
    query = sa.select(tags.c.key, tags.c.value).where(tags.c.run_id == run_id).order_by(tags.c.key)
    return dict(connection.execute(query).all())


def artifacts_of(connection: sa.Connection, run_id: str) -> list[RunArtifact]:
    """Return what a run keeps, by name."""
    columns = [column for column in run_artifacts.c if column.name != "run_id"]
    query = sa.select(*columns).where(run_artifacts.c.run_id == run_id).order_by(run_artifacts.c.name)
    return [RunArtifact(**row._asdict()) for row in connection.execute(query)]


def last_metrics(connection: sa.Connection, run_id: str) -> dict[str, float]:
    """Return the newest value of each metric of a run."""
    return {point.key: point.value for point in _points(connection, run_id, None)}


def metric_history(connection: sa.Connection, run_id: str, key: str) -> list[Point]:
    """Return all values of one metric of a run, along its axis; those of superseded attempts are left out."""
    return _points(connection, run_id, key)


def _points(connection: sa.Connection, run_id: str, key: str | None) -> list[Point]:
    columns = [metrics.c.key, metrics.c.step, metrics.c.value, metrics.c.at]
    joined = metrics.join(journals, metrics.c.journal_id == journals.c.id)
    query = sa.select(*columns).select_from(joined).where(metrics.c.run_id == run_id, journals.c.superseded.is_(False))
    order = [metrics.c.step, metrics.c.at, metrics.c.journal_id, metrics.c.position]
    if key is not None:
        query = query.where(metrics.c.key == key)
    else:
        place = sa.func.row_number().over(partition_by=metrics.c.key, order_by=[column.desc() for column in order])
        newest = query.add_columns(place.label("place")).subquery()
        query = sa.select(*(newest.c[column.name] for column in columns)).where(newest.c.place == 1)
        return [Point(**row._asdict()) for row in connection.execute(query.order_by(newest.c.key))]
    return [Point(**row._asdict()) for row in connection.execute(query.order_by(*order))]
