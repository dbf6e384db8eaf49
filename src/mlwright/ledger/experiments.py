"""Experiments: making, finding, renaming, deleting in two steps, and their tags."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.errors import AlreadyExists, Conflict, NotFound, did_you_mean
from mlwright.ledger.conflicts import insert_or_update
from mlwright.ledger.driver import execute
from mlwright.ledger.runs import DEFAULT_EXPERIMENT, ensure_experiment, next_number
from mlwright.ledger.schema import experiment_tags, experiments, runs
from mlwright.ledger.store import Transaction

#: Largest number that an experiment can have.
LAST_NUMBER = 2**31 - 1
_BATCH = 500


class ExperimentRow(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment as the ledger has it.

    Attributes:
        id: Its id.
        number: What MLflow's clients call it by; the default experiment's is 0.
        name: A path: its folders, and its own name.
        note: What people wrote about it.
        settings: Inherited by what lies below it.
        location: Where a client wants its artifacts; empty for mlwright's own store.
        created_at: When it was made.
        changed_at: When it was last renamed, deleted or restored.
        deleted_at: Since when it is in the bin; None when it isn't.
        tags: By key.
    """

    id: str
    number: int
    name: str
    note: str
    settings: dict[str, Any]
    location: str
    created_at: datetime
    changed_at: datetime
    deleted_at: datetime | None
    tags: dict[str, str] = {}


def create(tx: Transaction, name: str, *, location: str = "", tags: dict[str, str] | None = None) -> ExperimentRow:
    """Make an experiment.

    Raises:
        AlreadyExists: There is one of this name, maybe in the bin.
    """
    known = get_by_name(tx.connection, name)
    if known is not None:
        binned = known.deleted_at is not None
        raise AlreadyExists(
            f"the experiment '{name}' already exists.",
            why="it is deleted, and can be restored" if binned else f"its number is {known.number}",
            fix="restore it, or choose another name" if binned else "use it, or choose another name",
        )
    row: dict[str, Any] = {
        "id": new_id(),
        "number": 0 if name == DEFAULT_EXPERIMENT and not _has_default(tx) else next_number(tx),
        "name": name,
        "location": location,
        "created_at": tx.now,
        "changed_at": tx.now,
    }
    tx.execute(sa.insert(experiments), row)
    put_tags(tx, row["id"], tags or {})
    tx.emit("experiment.created", f"experiment/{row['id']}", name=name)
    return ExperimentRow(**row, note="", settings={}, deleted_at=None, tags=tags or {})


def ensure_default(tx: Transaction) -> None:
    """Make the experiment number 0 if a ledger never had one."""
    if not _has_default(tx):
        ensure_experiment(tx, DEFAULT_EXPERIMENT)


def get_by_number(connection: sa.Connection, number: int) -> ExperimentRow:
    """Return the experiment of a number, deleted or not.

    Raises:
        NotFound: There is none.
    """
    found = _first(connection, experiments.c.number == number) if 0 <= number <= LAST_NUMBER else None
    if found is None:
        raise _absent(number)
    return found


class ExperimentState(msgspec.Struct, frozen=True, kw_only=True):
    """What a new run has to know of its experiment; see `ExperimentRow`."""

    id: str
    number: int
    name: str
    location: str
    is_deleted: bool


def state_of(connection: sa.Connection, number: int) -> ExperimentState:
    """Return what a new run has to know of its experiment, in one statement.

    Raises:
        NotFound: There is none of this number.
    """
    query = "SELECT id, number, name, location, deleted_at FROM experiments WHERE number = ?"
    row = execute(connection, query, [number]).one_or_none() if 0 <= number <= LAST_NUMBER else None
    if row is None:
        raise _absent(number)
    return ExperimentState(id=row[0], number=row[1], name=row[2], location=row[3], is_deleted=row[4] is not None)


def get_by_name(connection: sa.Connection, name: str) -> ExperimentRow | None:
    """Return the experiment of a name, deleted or not; None when there is none."""
    return _first(connection, experiments.c.name == name)


def ids_of(connection: sa.Connection, numbers: list[int]) -> list[str]:
    """Return the ids of the experiments of some numbers; numbers of none are passed over."""
    valid = [number for number in numbers if 0 <= number <= LAST_NUMBER]
    return list(connection.execute(sa.select(experiments.c.id).where(experiments.c.number.in_(valid))).scalars())


def list_experiments(
    connection: sa.Connection, *, view: str = "active", limit: int | None = None, offset: int = 0
) -> list[ExperimentRow]:
    """Return experiments, newest first.

    Args:
        connection: Where to look.
        view: active, deleted or all.
        limit: How many at most.
        offset: How many to pass over.
    """
    query = sa.select(experiments).order_by(experiments.c.created_at.desc(), experiments.c.number.desc())
    if view != "all":
        deleted = experiments.c.deleted_at
        query = query.where(deleted.is_(None) if view == "active" else deleted.is_not(None))
    return rows_of(connection, query.limit(limit).offset(offset))


def by_ids(connection: sa.Connection, ids: list[str]) -> list[ExperimentRow]:
    """Return the experiments of some ids, in their order; unknown ids are left out."""
    found = {
        row.id: row
        for start in range(0, len(ids), _BATCH)
        for row in rows_of(connection, sa.select(experiments).where(experiments.c.id.in_(ids[start : start + _BATCH])))
    }
    return [found[id_] for id_ in ids if id_ in found]


def rows_of(connection: sa.Connection, query: sa.Select[Any]) -> list[ExperimentRow]:
    """Return the experiments that a query over the table's columns selects, with their tags."""
    found = [row._asdict() for row in connection.execute(query)]
    tags: dict[str, dict[str, str]] = {row["id"]: {} for row in found}
    wanted = sa.select(experiment_tags).where(experiment_tags.c.experiment_id.in_(list(tags)))
    for tag in connection.execute(wanted.order_by(experiment_tags.c.key)):
        tags[tag.experiment_id][tag.key] = tag.value
    return [ExperimentRow(**row, tags=tags[row["id"]]) for row in found]


def rename(tx: Transaction, experiment: ExperimentRow, name: str) -> None:
    """Give an experiment another name.

    Raises:
        AlreadyExists: Another one has it.
        Conflict: The experiment is deleted.
    """
    _refuse_deleted(experiment, "renamed")
    other = get_by_name(tx.connection, name)
    if other is not None and other.id != experiment.id:
        raise AlreadyExists(f"the experiment '{name}' already exists.", fix="choose another name")
    _change(tx, experiment.id, name=name)
    tx.emit("experiment.renamed", f"experiment/{experiment.id}", old=experiment.name, name=name)


def delete(tx: Transaction, experiment: ExperimentRow) -> None:
    """Put an experiment and its runs into the bin.

    Raises:
        Conflict: It is there already.
    """
    _refuse_deleted(experiment, "deleted")
    _change(tx, experiment.id, deleted_at=tx.now)
    still = (runs.c.experiment_id == experiment.id, runs.c.deleted_at.is_(None))
    tx.execute(sa.update(runs).where(*still).values(deleted_at=tx.now))
    tx.emit("experiment.deleted", f"experiment/{experiment.id}", name=experiment.name)


def restore(tx: Transaction, experiment: ExperimentRow) -> None:
    """Take an experiment and its runs out of the bin.

    Raises:
        Conflict: It isn't there.
    """
    if experiment.deleted_at is None:
        raise Conflict(f"the experiment '{experiment.name}' can't be restored.", why="it isn't deleted")
    _change(tx, experiment.id, deleted_at=None)
    tx.execute(sa.update(runs).where(runs.c.experiment_id == experiment.id).values(deleted_at=None))
    tx.emit("experiment.restored", f"experiment/{experiment.id}", name=experiment.name)


def set_note(tx: Transaction, experiment_id: str, note: str) -> None:
    """Set what people wrote about an experiment."""
    old = tx.execute(sa.select(experiments.c.note).where(experiments.c.id == experiment_id)).scalar_one()
    if old != note:
        _change(tx, experiment_id, note=note)
        tx.emit("experiment.changed", f"experiment/{experiment_id}", old={"note": old}, note=note)


def put_tags(tx: Transaction, experiment_id: str, tags: dict[str, str]) -> None:
    """Set tags of an experiment; a key that is set takes the new value."""
    rows = [{"experiment_id": experiment_id, "key": key, "value": value} for key, value in tags.items()]
    insert_or_update(tx, experiment_tags, rows)


def delete_tag(tx: Transaction, experiment_id: str, key: str) -> None:
    """Take a tag off an experiment.

    Raises:
        NotFound: It has none of this key.
    """
    table = experiment_tags
    gone = tx.execute(sa.delete(table).where(table.c.experiment_id == experiment_id, table.c.key == key))
    if gone.rowcount == 0:
        query = sa.select(table.c.key).where(table.c.experiment_id == experiment_id)
        known = list(tx.execute(query).scalars())
        raise NotFound(f"the experiment has no tag '{key}'.", fix=did_you_mean(key, known) or None)


def _absent(number: int) -> NotFound:
    return NotFound(f"there is no experiment with the id '{number}'.")


def _first(connection: sa.Connection, where: sa.ColumnElement[bool]) -> ExperimentRow | None:
    found = rows_of(connection, sa.select(experiments).where(where))
    return found[0] if found else None


def _has_default(tx: Transaction) -> bool:
    return tx.execute(sa.select(experiments.c.id).where(experiments.c.number == 0)).scalar() is not None


def _change(tx: Transaction, experiment_id: str, **values: Any) -> None:
    update = sa.update(experiments).where(experiments.c.id == experiment_id)
    tx.execute(update.values(changed_at=tx.now, **values))


def _refuse_deleted(experiment: ExperimentRow, what: str) -> None:
    if experiment.deleted_at is not None:
        raise Conflict(
            f"the experiment '{experiment.name}' can't be {what}.", why="it is deleted", fix="restore it first"
        )
