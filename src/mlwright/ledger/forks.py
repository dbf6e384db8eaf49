"""Runs that were amended, rewound or forked: what changes in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.ledger import curves, runs, tracked
from mlwright.ledger.runs import NewRun, RunRow
from mlwright.ledger.schema import run_artifacts, run_datasets, series, tags
from mlwright.ledger.schema import runs as runs_table
from mlwright.ledger.store import Transaction

#: Tags that tell of a run itself, and not of what it is about: a fork begins without them.
_OWN_TAGS = ("mlwright.trial", "mlwright.sweep", "mlflow.runName", "mlflow.parentRunId", "mlflow.note.content")


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed of a run; what is None or empty stays.

    Attributes:
        name: What people call it.
        note: What people should know of it.
        tags: To set.
        untag: Keys of tags to take off.
    """

    name: str | None = None
    note: str | None = None
    tags: dict[str, str] = {}
    untag: list[str] = []


def amend(tx: Transaction, row: RunRow, amendment: Amendment) -> dict[str, Any]:
    """Change what people say of a run; return old and new of what changed, which the event has, too."""
    before = tracked.tags_of(tx.connection, row.id)
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name in ("name", "note"):
        value = getattr(amendment, name)
        if value is not None and value != getattr(row, name):
            old[name], new[name] = getattr(row, name), value
    set_tags = {key: value for key, value in amendment.tags.items() if before.get(key) != value}
    gone = [key for key in amendment.untag if key in before and key not in amendment.tags]
    touched = [*set_tags, *gone]
    if touched:
        old["tags"] = {key: before[key] for key in touched if key in before}
        new["tags"] = set_tags
    if not new:
        return {}
    _write_amendment(tx, row.id, {key: new[key] for key in ("name", "note") if key in new}, set_tags, gone)
    tx.emit("run.amended", f"run/{row.id}", old=old, new=new)
    return {"old": old, "new": new}


def _write_amendment(
    tx: Transaction, run_id: str, columns: dict[str, str], set_tags: dict[str, str], gone: Iterable[str]
) -> None:
    if columns:
        runs.update_run(tx, run_id, **columns)
    # What MLflow's clients know as tags is said once more there, if they said it.
    mirrored = {"mlflow.runName": columns.get("name"), "mlflow.note.content": columns.get("note")}
    known = tracked.tags_of(tx.connection, run_id)
    tracked.put_tags(tx, run_id, {key: value for key, value in mirrored.items() if value and key in known})
    gone = [*gone, *(key for key, value in mirrored.items() if value == "")]
    tracked.put_tags(tx, run_id, set_tags)
    tx.execute(sa.delete(tags).where(tags.c.run_id == run_id, tags.c.key.in_(list(gone))))


def fork(tx: Transaction, row: RunRow, *, at_step: int | None, name: str) -> str:
    """Make a run that begins with what another one had; return its id.

    It has that one's params, tags, datasets and note, and its points up to a step. It waits to be gone on with.
    """
    run_id = new_id()
    runs.create_run(
        tx,
        NewRun(
            id=run_id,
            experiment=row.experiment,
            name=name,
            kind="script",
            parent_id=row.parent_id,
            note=row.note,
            source=row.source,
            arguments=row.arguments,
            code_digest=row.code_digest,
            environment_digest=row.environment_digest,
        ),
    )
    runs.update_run(tx, run_id, status="scheduled", forked_from=row.id, forked_step=at_step)
    tracked.put_params(tx, run_id, tracked.params_of(tx.connection, row.id))
    kept = {
        key: value for key, value in tracked.tags_of(tx.connection, row.id).items() if not key.startswith(_OWN_TAGS)
    }
    tracked.put_tags(tx, run_id, kept)
    used = tx.execute(sa.select(run_datasets).where(run_datasets.c.run_id == row.id)).all()
    if used:
        tx.execute(sa.insert(run_datasets), [{**one._asdict(), "run_id": run_id} for one in used])
    curves.copy_run(tx, row.id, run_id, up_to_step=at_step)
    tx.emit("run.forked", f"run/{run_id}", name=name, forked_from=row.id, forked_step=at_step)
    return run_id


def last_step(connection: sa.Connection, run_id: str) -> int | None:
    """Return the largest step of any metric of a run, None when it has none."""
    query = sa.select(sa.func.max(series.c.last_step)).where(series.c.run_id == run_id)
    found = connection.execute(query).scalar()
    return None if found is None else int(found)


def keys_behind(connection: sa.Connection, run_id: str, step: int) -> list[str]:
    """Return the metrics of a run that have points behind a step."""
    query = sa.select(series.c.key).where(series.c.run_id == run_id, series.c.last_step > step).distinct()
    return list(connection.execute(query.order_by(series.c.key)).scalars())


def drop_artifact(tx: Transaction, run_id: str, name: str) -> None:
    """Take a name off what a run keeps."""
    tx.execute(sa.delete(run_artifacts).where(run_artifacts.c.run_id == run_id, run_artifacts.c.name == name))


def with_parts(connection: sa.Connection, run_id: str) -> list[str]:
    """Return a run and all runs that are parts of it, of its parts, and so on."""
    found, pending = [run_id], [run_id]
    while pending:
        query = sa.select(runs_table.c.id).where(runs_table.c.parent_id.in_(pending)).order_by(runs_table.c.id)
        pending = [part for part in connection.execute(query).scalars() if part not in found]
        found += pending
    return found
