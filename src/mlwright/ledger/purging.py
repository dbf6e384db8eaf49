"""Removing deleted runs and experiments for good, and what keeps them.

Tables are found by their foreign keys, so that a new one need not be told to the collector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger import curves
from mlwright.ledger.folders import settings_of
from mlwright.ledger.schema import (
    cache_entries,
    experiments,
    journals,
    logged_models,
    metadata,
    model_versions,
    params,
    run_artifacts,
    runs,
    series,
    step_outputs,
    step_runs,
    tags,
)
from mlwright.ledger.store import Transaction

_BATCH = 500
_POINT_BYTES = 24
#: A run that nobody ended may still be written to for so long after it was deleted.
WRITING = timedelta(days=1)


class Goner(msgspec.Struct, frozen=True, kw_only=True):
    """A deleted run that can be removed for good.

    Attributes:
        id: Its id.
        name: What people call it.
        experiment: What it was filed under.
        deleted_at: Since when it is in the bin.
        points: How many points it has.
        params: How many parameters.
        tags: How many tags.
        artifacts: How many artifacts only it and other such runs keep.
        size_bytes: What these artifacts and the points take.
    """

    id: str
    name: str
    experiment: str
    deleted_at: datetime
    points: int
    params: int
    tags: int
    artifacts: int
    size_bytes: int


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A deleted run or experiment that stays, and why.

    Attributes:
        id: Its id.
        name: What people call it.
        reason: What depends on it.
    """

    id: str
    name: str
    reason: str


class PurgePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What removing for good would remove, and what it would leave.

    Attributes:
        runs: Those that would go.
        experiments: Id and name of the experiments that would go.
        kept: Those that stay although they are old enough.
        young: How many deleted runs aren't old enough.
    """

    runs: list[Goner]
    experiments: list[tuple[str, str]]
    kept: list[Kept]
    young: int


def plan_purge(connection: sa.Connection, *, now: datetime, older_than: timedelta) -> PurgePlan:
    """Return which deleted runs and experiments can be removed for good.

    Args:
        connection: Where to look.
        now: The ledger's time.
        older_than: How long something has to have been in the bin; the setting of its experiment wins.
    """
    query = sa.select(runs.c.id, runs.c.name, runs.c.status, runs.c.deleted_at, experiments.c.name.label("experiment"))
    joined = query.select_from(runs.join(experiments, runs.c.experiment_id == experiments.c.id))
    binned = connection.execute(joined.where(runs.c.deleted_at.is_not(None)).order_by(runs.c.id)).all()
    ages = {name: _age(connection, name, older_than) for name in {row.experiment for row in binned}}
    old = [row for row in binned if row.deleted_at <= now - ages[row.experiment]]
    reasons = _reasons(connection, {row.id for row in old})
    for row in old:
        if row.status == "running" and row.deleted_at > now - WRITING:
            reasons.setdefault(row.id, "it may still be written to")
    _spread(connection, reasons, {row.id for row in old})
    going = [row for row in old if row.id not in reasons]
    gone = {row.id for row in going}
    return PurgePlan(
        runs=list(_goners(connection, going)),
        experiments=_experiments(connection, gone, now, older_than),
        kept=[Kept(id=row.id, name=row.name, reason=reasons[row.id]) for row in old if row.id in reasons],
        young=len(binned) - len(old),
    )


def purge(tx: Transaction, plan: PurgePlan) -> None:
    """Remove runs and experiments for good, with everything that is only theirs."""
    ids = [run.id for run in plan.runs]
    for batch in _batches(ids):
        curves.drop_runs(tx, batch)
        for table, column in _pointing_to(runs):
            tx.execute(sa.delete(table).where(column.in_(batch)))
        tx.execute(sa.delete(runs).where(runs.c.id.in_(batch)))
    for run in plan.runs:
        tx.emit("run.purged", f"run/{run.id}", name=run.name, points=run.points)
    for experiment_id, name in plan.experiments:
        for table, column in _pointing_to(experiments):
            if table is not runs:
                tx.execute(sa.delete(table).where(column == experiment_id))
        tx.execute(sa.delete(experiments).where(experiments.c.id == experiment_id))
        tx.emit("experiment.purged", f"experiment/{experiment_id}", name=name)


def _age(connection: sa.Connection, experiment: str, older_than: timedelta) -> timedelta:
    days = settings_of(connection, experiment).keep_deleted_days
    return older_than if days is None else timedelta(days=days)


def _reasons(connection: sa.Connection, ids: set[str]) -> dict[str, str]:
    """Return why runs are needed by what stays."""
    found: dict[str, str] = {}

    def keep(query: sa.Select[Any], tell: str) -> None:
        for run_id, name in connection.execute(query):
            if run_id in ids:
                found.setdefault(run_id, tell.format(name))

    version = model_versions.c.model + "/" + sa.cast(model_versions.c.version, sa.Text)
    keep(sa.select(model_versions.c.run_id, version), "the model version {} was made by it")
    alive = logged_models.c.deleted_at.is_(None)
    keep(sa.select(logged_models.c.run_id, logged_models.c.name).where(alive), "the logged model '{}' was made by it")
    steps = cache_entries.join(step_runs, cache_entries.c.step_run_id == step_runs.c.id)
    keep(
        sa.select(step_runs.c.run_id, step_runs.c.step).select_from(steps), "the cache has the result of its step '{}'"
    )
    logs = cache_entries.join(journals, cache_entries.c.journal_id == journals.c.id)
    keep(sa.select(journals.c.run_id, journals.c.step).select_from(logs), "the cache has what its step '{}' logged")
    return found


def _spread(connection: sa.Connection, reasons: dict[str, str], old: set[str]) -> None:
    """Keep what runs that stay are a part of, or were forked from."""
    links = {"parent_id": "its part {} stays", "forked_from": "{} was forked from it"}
    columns = [runs.c.id, runs.c.parent_id, runs.c.forked_from]
    linked = sa.or_(runs.c.parent_id.is_not(None), runs.c.forked_from.is_not(None))
    rows = connection.execute(sa.select(*columns).where(linked)).all()
    changed = True
    while changed:
        changed = False
        for row in rows:
            if row.id in old and row.id not in reasons:
                continue
            for name, tell in links.items():
                target = getattr(row, name)
                if target in old and target not in reasons:
                    reasons[target] = tell.format(f"run {row.id}")
                    changed = True


def _goners(connection: sa.Connection, going: list[Any]) -> Iterator[Goner]:
    ids = [row.id for row in going]
    points = _counts(connection, series, sa.func.sum(series.c.count), ids)
    found_params = _counts(connection, params, sa.func.count(), ids)
    found_tags = _counts(connection, tags, sa.func.count(), ids)
    sizes = _only_theirs(connection, set(ids))
    for row in going:
        count, size_bytes = sizes.get(row.id, (0, 0))
        yield Goner(
            id=row.id,
            name=row.name,
            experiment=row.experiment,
            deleted_at=row.deleted_at,
            points=points.get(row.id, 0),
            params=found_params.get(row.id, 0),
            tags=found_tags.get(row.id, 0),
            artifacts=count,
            size_bytes=size_bytes + points.get(row.id, 0) * _POINT_BYTES,
        )


def _counts(connection: sa.Connection, table: sa.Table, what: Any, ids: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in _batches(ids):
        query = sa.select(table.c.run_id, what).where(table.c.run_id.in_(batch)).group_by(table.c.run_id)
        found.update({run_id: int(count) for run_id, count in connection.execute(query)})
    return found


def _only_theirs(connection: sa.Connection, ids: set[str]) -> dict[str, tuple[int, int]]:
    """Return number and size of the artifacts that no other run has; each is counted with the first run that has it."""
    owners: dict[str, str] = {}
    sizes: dict[str, int] = {}
    others: set[str] = set()
    for table in (run_artifacts, step_outputs):
        for run_id, digest, size in connection.execute(sa.select(table.c.run_id, table.c.digest, table.c.size_bytes)):
            if run_id in ids:
                owners.setdefault(digest, run_id)
                sizes[digest] = size
            else:
                others.add(digest)
    found: dict[str, tuple[int, int]] = {}
    for digest, run_id in owners.items():
        if digest not in others:
            count, total = found.get(run_id, (0, 0))
            found[run_id] = count + 1, total + sizes[digest]
    return found


def _experiments(
    connection: sa.Connection, gone: set[str], now: datetime, older_than: timedelta
) -> list[tuple[str, str]]:
    """Return the deleted experiments that nothing is left of."""
    binned = (experiments.c.deleted_at.is_not(None), experiments.c.number != 0)
    found = []
    for row in connection.execute(sa.select(experiments).where(*binned).order_by(experiments.c.name)).all():
        old = row.deleted_at <= now - _age(connection, row.name, older_than)
        left = set(connection.execute(sa.select(runs.c.id).where(runs.c.experiment_id == row.id)).scalars()) - gone
        models = sa.select(sa.func.count()).select_from(logged_models).where(logged_models.c.experiment_id == row.id)
        if old and not left and connection.execute(models).scalar_one() == 0:
            found.append((row.id, row.name))
    return found


def _pointing_to(target: sa.Table) -> Iterator[tuple[sa.Table, sa.Column[Any]]]:
    """Go through the columns that refer to a table, those of tables that others refer to last."""
    for table in reversed(metadata.sorted_tables):
        for column in table.columns:
            if any(key.column.table is target for key in column.foreign_keys):
                yield table, column


def _batches(ids: list[str]) -> Iterable[list[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
