"""Runs and experiments: creating, ending, finding and listing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id, short
from mlwright.errors import Conflict, NotFound
from mlwright.ledger import folders
from mlwright.ledger.conflicts import insert_or_keep
from mlwright.ledger.driver import execute, execute_many
from mlwright.ledger.schema import experiments, runs
from mlwright.ledger.schema.types import to_microseconds
from mlwright.ledger.store import Transaction

_GIVEN = (
    "id",
    "name",
    "kind",
    "pipeline",
    "ir_digest",
    "code_digest",
    "environment_digest",
    "source",
    "arguments",
    "cause",
    "idempotency_key",
    "parent_id",
    "note",
)
_COLUMNS = (*_GIVEN, "experiment_id", "status", "actor", "created_at", "started_at")
_INSERT = f"INSERT INTO runs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_OF_ENDED = (*_COLUMNS, "error", "ended_at", "duration_s")
_INSERT_ENDED = f"INSERT INTO runs ({', '.join(_OF_ENDED)}) VALUES ({', '.join('?' * len(_OF_ENDED))})"
LATEST = "@latest"
DEFAULT_EXPERIMENT = "Default"
_SHORTEST = 4


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is about to begin.

    Attributes:
        id: Its id.
        experiment: Name of the experiment; created when it doesn't exist.
        name: What people call it.
        kind: `pipeline` or `script`.
        pipeline: Name of the pipeline; empty for a script.
        ir_digest: The pipeline's IR, an artifact.
        code_digest: Digest of the project's code that the steps reach.
        environment_digest: The description of the Python environment, an artifact.
        source: Entry point, import roots, git commit.
        arguments: The pipeline's parameters as bound.
        cause: What started it.
        idempotency_key: At most one run has it.
        parent_id: The run that it is part of.
        started_at: When it began, if a client knows that better than the ledger.
        note: What people wrote about it.
        actor: Who runs it; the transaction's actor when empty.
    """

    id: str
    experiment: str
    name: str
    kind: str
    pipeline: str = ""
    ir_digest: str | None = None
    code_digest: str | None = None
    environment_digest: str | None = None
    source: dict[str, Any] | None = None
    arguments: dict[str, Any] = {}
    cause: dict[str, Any] | None = None
    idempotency_key: str | None = None
    parent_id: str | None = None
    started_at: datetime | None = None
    note: str = ""
    actor: str = ""


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the ledger has it; see `NewRun` for the fields that it shares.

    Attributes:
        status: scheduled, running, succeeded, failed or cancelled.
        error: Why it failed: code, what, why, fix.
        created_at: When the ledger heard of it, by the system's clock.
        ended_at: When it ended; None while it runs.
        duration_s: How long it took, by the machine's clock.
        experiment_number: What MLflow's clients call its experiment by.
        experiment_location: Where a client wants the experiment's artifacts; empty for mlwright's own store.
        started_at: When it began.
        deleted_at: Since when it is in the bin; None when it isn't.
        note: What people wrote about it.
        forked_from: The run that it began with a copy of.
        forked_step: Up to which step it was copied.
    """

    id: str
    experiment: str
    name: str
    kind: str
    status: str
    pipeline: str
    ir_digest: str | None
    code_digest: str | None
    environment_digest: str | None
    source: dict[str, Any] | None
    arguments: dict[str, Any]
    cause: dict[str, Any] | None
    idempotency_key: str | None
    parent_id: str | None
    actor: str
    error: dict[str, Any] | None
    created_at: datetime
    ended_at: datetime | None
    duration_s: float | None
    experiment_number: int
    experiment_location: str
    started_at: datetime
    deleted_at: datetime | None
    note: str
    forked_from: str | None
    forked_step: int | None


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs to list; what is None doesn't restrict.

    Attributes:
        experiment: Name of the experiment.
        pipeline: Name of the pipeline.
        status: running, succeeded, failed or cancelled.
        kind: pipeline or script.
        since: Begun at or after.
        until: Begun before.
        parent_id: Part of this run.
    """

    experiment: str | None = None
    pipeline: str | None = None
    status: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    parent_id: str | None = None


def create_run(tx: Transaction, run: NewRun) -> None:
    """Insert a run, with its experiment when that is new; a run that is there already is left alone.

    The run gets what its experiment, or a folder of that, hands down.
    """
    execute(tx.connection, f"{_INSERT} ON CONFLICT DO NOTHING", _values(tx, run, ensure_experiment(tx, run.experiment)))
    folders.inherit(tx, run.id, run.experiment)


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: status, error and duration of its `RunRow`."""

    status: str
    error: dict[str, Any] | None
    duration_s: float


def insert_ended(tx: Transaction, found: list[tuple[NewRun, Ending]]) -> None:
    """Insert runs that have ended already, with their experiments when these are new; see `create_run`."""
    ids = {name: ensure_experiment(tx, name) for name in dict.fromkeys(run.experiment for run, _ in found)}
    now = to_microseconds(tx.now)
    rows = [
        (*_values(tx, run, ids[run.experiment], ending.status), _kept(ending.error), now, ending.duration_s)
        for run, ending in found
    ]
    execute_many(tx.connection, _INSERT_ENDED, rows)
    for name in ids:
        folders.inherit_all(tx, [run.id for run, _ in found if run.experiment == name], name)


def insert_run(tx: Transaction, run: NewRun, experiment_id: str) -> None:
    """Insert a run that isn't there yet into an experiment that is."""
    execute(tx.connection, _INSERT, _values(tx, run, experiment_id))


def new_row(tx: Transaction, run: NewRun, *, number: int, location: str) -> RunRow:
    """Return what the ledger has of a run that was inserted just now, without reading it.

    Args:
        tx: The transaction that inserted it.
        run: The run.
        number: Its experiment's number.
        location: Its experiment's location.
    """
    values = msgspec.structs.asdict(run) | {"actor": run.actor or tx.actor, "started_at": run.started_at or tx.now}
    empty = ("error", "ended_at", "duration_s", "deleted_at", "forked_from", "forked_step")
    unknown: dict[str, Any] = dict.fromkeys(empty)
    return RunRow(
        **values,
        **unknown,
        status="running",
        created_at=tx.now,
        experiment_number=number,
        experiment_location=location,
    )


def _values(tx: Transaction, run: NewRun, experiment_id: str, status: str = "running") -> list[Any]:
    """Return a new run in the order of `_COLUMNS`."""
    now = to_microseconds(tx.now)
    started = now if run.started_at is None else to_microseconds(run.started_at)
    given = [_kept(getattr(run, name)) for name in _GIVEN]
    return [*given, experiment_id, status, run.actor or tx.actor, now, started]


# Statements that are executed often are built once: to build one takes as long as to execute it.
@cache
def _by_id() -> sa.Select[Any]:
    return _select().where(runs.c.id == sa.bindparam("run_id"))


def ensure_experiment(tx: Transaction, name: str) -> str:
    """Return the id of an experiment, creating it when it doesn't exist."""
    query = "SELECT id FROM experiments WHERE name = ?"
    found = execute(tx.connection, query, [name]).scalar()
    if found is None:
        number = 0 if name == DEFAULT_EXPERIMENT else next_number(tx)
        row = {"id": new_id(), "number": number, "name": name, "created_at": tx.now, "changed_at": tx.now}
        insert_or_keep(tx, experiments, [row])
        found = execute(tx.connection, query, [name]).scalar()
    return str(found)


def next_number(tx: Transaction) -> int:
    """Return the number of the next experiment; 0 is the default one's."""
    if tx.connection.dialect.name == "postgresql":
        tx.execute(sa.text("LOCK TABLE experiments IN SHARE ROW EXCLUSIVE MODE"))
    return int(tx.execute(sa.select(sa.func.coalesce(sa.func.max(experiments.c.number), 0))).scalar_one()) + 1


def end_run(
    tx: Transaction, run_id: str, status: str, *, error: dict[str, Any] | None = None, duration_s: float | None = None
) -> bool:
    """Record how a run ended; a run that has ended already is left alone, and the answer is False."""
    change = "UPDATE runs SET status = ?, error = ?, ended_at = ?, duration_s = ? WHERE id = ? AND status = 'running'"
    values = (status, _kept(error), to_microseconds(tx.now), duration_s, run_id)
    return execute(tx.connection, change, values).rowcount == 1


def reopen_run(tx: Transaction, run_id: str) -> None:
    """Set a run that ended without success to running again."""
    values = {"status": "running", "error": None, "ended_at": None, "duration_s": None}
    tx.execute(sa.update(runs).where(runs.c.id == run_id, runs.c.status != "succeeded").values(values))


def update_run(tx: Transaction, run_id: str, **values: Any) -> None:
    """Set columns of a run: status, name, note, parent_id, ended_at, ..."""
    if values:
        columns = ", ".join(f"{name} = ?" for name in values)
        kept = [_kept(value) for value in values.values()]
        execute(tx.connection, f"UPDATE runs SET {columns} WHERE id = ?", (*kept, run_id))


def _kept(value: Any) -> Any:
    """Return a value as its column has it."""
    if isinstance(value, datetime):
        return to_microseconds(value)
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value


def delete_run(tx: Transaction, run_id: str) -> None:
    """Put a run into the bin; one that is there already stays."""
    still = (runs.c.id == run_id, runs.c.deleted_at.is_(None))
    if tx.execute(sa.update(runs).where(*still).values(deleted_at=tx.now)).rowcount:
        tx.emit("run.deleted", f"run/{run_id}")


def restore_run(tx: Transaction, run_id: str) -> None:
    """Take a run out of the bin; one that isn't there stays as it is."""
    binned = (runs.c.id == run_id, runs.c.deleted_at.is_not(None))
    if tx.execute(sa.update(runs).where(*binned).values(deleted_at=None)).rowcount:
        tx.emit("run.restored", f"run/{run_id}")


def get_run(connection: sa.Connection, run_id: str) -> RunRow:
    """Return the run of a whole id.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(_by_id(), {"run_id": run_id}).one_or_none()
    if row is None:
        raise NotFound(f"run '{run_id}' does not exist.", fix="mlwright runs")
    return _row(row)


def run_of_key(connection: sa.Connection, idempotency_key: str) -> RunRow | None:
    """Return the run that has an idempotency key, None when there is none."""
    row = connection.execute(_select().where(runs.c.idempotency_key == idempotency_key)).one_or_none()
    return None if row is None else _row(row)


def find_run(connection: sa.Connection, text: str) -> RunRow:
    """Return the run that a person means.

    Args:
        connection: Where to look.
        text: A whole id, the beginning or end of one (at least 4 characters, fitting one run), the name that one run
            alone has, or `@latest`.

    Raises:
        NotFound: No run fits.
        Conflict: Several runs fit.
    """
    query = _select().order_by(runs.c.id.desc()).limit(6)
    found: Sequence[sa.Row[Any]] = ()
    if text == LATEST:
        found = connection.execute(query.where(runs.c.deleted_at.is_(None)).limit(1)).all()
    elif len(text) >= _SHORTEST:
        wanted = text.lower()
        starts, ends = runs.c.id.startswith(wanted, autoescape=True), runs.c.id.endswith(wanted, autoescape=True)
        found = connection.execute(query.where(sa.or_(starts, ends))).all()
    if not found:
        found = connection.execute(query.where(runs.c.name == text, runs.c.deleted_at.is_(None))).all()
    if not found:
        raise _no_run(text)
    if len(found) > 1:
        raise Conflict(
            f"'{text}' fits several runs.",
            why="for example " + ", ".join(short(row.id) for row in found[:5]),
            fix="give the id of one, or more characters of it",
        )
    return _row(found[0])


def _no_run(text: str) -> NotFound:
    if text == LATEST:
        return NotFound("there is no run yet.", fix="mlwright run <file.py>")
    if len(text) < _SHORTEST:
        return NotFound(f"'{text}' is too short for a run's id.", fix=f"give at least {_SHORTEST} characters of it")
    return NotFound(f"run '{text}' does not exist.", fix="mlwright runs")


def list_runs(
    connection: sa.Connection, where: RunFilter | None = None, *, before: str | None = None, limit: int = 50
) -> list[RunRow]:
    """Return runs, newest first; those in the bin are left out.

    Args:
        connection: Where to look.
        where: Which ones.
        before: Id of the last run of the page before.
        limit: How many at most.
    """
    where = where or RunFilter()
    query = _select().where(runs.c.deleted_at.is_(None)).order_by(runs.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(runs.c.id < before)
    if where.experiment is not None:
        query = query.where(experiments.c.name == where.experiment)
    for name in ("pipeline", "status", "kind", "parent_id"):
        value = getattr(where, name)
        if value is not None:
            query = query.where(runs.c[name] == value)
    if where.since is not None:
        query = query.where(runs.c.created_at >= where.since)
    if where.until is not None:
        query = query.where(runs.c.created_at < where.until)
    return [_row(row) for row in connection.execute(query)]


def count_runs(connection: sa.Connection) -> dict[str, int]:
    """Return how many runs there are of each status, without those in the bin."""
    query = sa.select(runs.c.status, sa.func.count()).where(runs.c.deleted_at.is_(None)).group_by(runs.c.status)
    return dict(connection.execute(query).all())


def _select() -> sa.Select[Any]:
    joined = runs.join(experiments, runs.c.experiment_id == experiments.c.id)
    return sa.select(*run_columns()).select_from(joined)


def run_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns that make a `RunRow`, for a query over runs and their experiments."""
    of_experiment: dict[str, sa.ColumnElement[Any]] = {
        "experiment": experiments.c.name.label("experiment"),
        "experiment_number": experiments.c.number.label("experiment_number"),
        "experiment_location": experiments.c.location.label("experiment_location"),
    }
    return [of_experiment[name] if name in of_experiment else runs.c[name] for name in RunRow.__struct_fields__]


def _row(row: sa.Row[Any]) -> RunRow:
    # The columns are in the order of the fields.
    return RunRow(**dict(zip(RunRow.__struct_fields__, row, strict=True)))
