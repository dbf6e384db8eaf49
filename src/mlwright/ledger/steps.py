"""Step runs, their outputs, and the cache that later runs take outputs from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger.conflicts import insert_or_keep
from mlwright.ledger.schema import cache_entries, step_outputs, step_runs
from mlwright.ledger.store import Transaction


class StoredOutput(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a step gave, in the artifact store.

    Attributes:
        name: Name of the output.
        digest: The artifact.
        codec: How it was written.
        type: What it was.
        size_bytes: How big it is.
    """

    name: str
    digest: str
    codec: str
    type: str
    size_bytes: int


class StepRunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one step of a run.

    Attributes:
        id: Its id.
        run_id: The run.
        step: The step's key in the run's `PipelineSpec`.
        status: running, succeeded, cached, failed or cancelled.
        attempt: 1 for the first.
        fence: Fencing token of the engine that wrote it.
        cache_key: What its result is cached under; None when it can't be.
        cached_from: The step run whose outputs were taken.
        reason: Why it ran or didn't, one sentence.
        error: Why it failed.
        log_digest: What it printed, an artifact.
        usage: cpu_s and peak_memory_bytes.
        started_at: By the system's clock.
        ended_at: By the system's clock; None while it runs.
        duration_s: By the machine's clock.
    """

    id: str
    run_id: str
    step: str
    status: str
    attempt: int
    fence: int
    started_at: datetime
    cache_key: str | None = None
    cached_from: str | None = None
    reason: str = ""
    error: dict[str, Any] | None = None
    log_digest: str | None = None
    usage: dict[str, Any] | None = None
    ended_at: datetime | None = None
    duration_s: float | None = None


class CacheEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A step's result that later runs may take.

    Attributes:
        cache_key: Digest of `parts`.
        step_run_id: The step run that made it.
        step: The step's function.
        parts: What the key was made of.
        outputs: The result.
        journal_id: What the step logged; None when it logged nothing.
    """

    cache_key: str
    step_run_id: str
    step: str
    parts: dict[str, Any]
    outputs: list[StoredOutput]
    journal_id: str | None = None


def begin_step_runs(tx: Transaction, rows: list[StepRunRow]) -> None:
    """Insert step runs that have begun (and may have ended already)."""
    if rows:
        tx.execute(sa.insert(step_runs), [msgspec.structs.asdict(row) for row in rows])


def end_step_runs(tx: Transaction, rows: list[StepRunRow]) -> None:
    """Record how step runs that were inserted before ended."""
    if not rows:
        return
    changing = ("status", "cached_from", "reason", "error", "log_digest", "usage", "ended_at", "duration_s")
    new = {name: sa.bindparam(f"new_{name}", type_=step_runs.c[name].type) for name in changing}
    statement = sa.update(step_runs).where(step_runs.c.id == sa.bindparam("which")).values(new)
    tx.execute(
        statement, [{"which": row.id, **{f"new_{name}": getattr(row, name) for name in changing}} for row in rows]
    )


def commit_outputs(tx: Transaction, run_id: str, step: str, step_run_id: str, outputs: list[StoredOutput]) -> None:
    """Commit a step's outputs: the primary key lets it happen once for each step of a run."""
    commit_many(tx, [(run_id, step, step_run_id, outputs)])


def commit_many(tx: Transaction, commits: list[tuple[str, str, str, list[StoredOutput]]]) -> None:
    """Commit the outputs of many steps, each given as (run id, step, step run id, outputs)."""
    rows = [
        {"run_id": run_id, "step": step, "step_run_id": step_run_id, **msgspec.structs.asdict(output)}
        for run_id, step, step_run_id, outputs in commits
        for output in outputs
    ]
    if rows:
        tx.execute(sa.insert(step_outputs), rows)


def cancel_running(tx: Transaction, run_id: str, reason: str) -> int:
    """Mark the step runs of a run that nobody is running any more; return how many there were."""
    values = {"status": "cancelled", "reason": reason, "ended_at": tx.now}
    update = sa.update(step_runs).where(step_runs.c.run_id == run_id, step_runs.c.status == "running").values(values)
    return tx.execute(update).rowcount


def step_runs_of(connection: sa.Connection, run_id: str) -> list[StepRunRow]:
    """Return all attempts at all steps of a run, in the order in which they began."""
    query = sa.select(step_runs).where(step_runs.c.run_id == run_id).order_by(step_runs.c.id)
    return [StepRunRow(**row._asdict()) for row in connection.execute(query)]


def outputs_of(connection: sa.Connection, run_id: str) -> dict[str, list[StoredOutput]]:
    """Return the committed outputs of a run by step."""
    query = sa.select(step_outputs).where(step_outputs.c.run_id == run_id)
    found: dict[str, list[StoredOutput]] = {}
    for row in connection.execute(query):
        output = StoredOutput(
            name=row.name, digest=row.digest, codec=row.codec, type=row.type, size_bytes=row.size_bytes
        )
        found.setdefault(row.step, []).append(output)
    return found


def find_cached(connection: sa.Connection, cache_key: str) -> CacheEntry | None:
    """Return the result cached under a key, None when there is none."""
    return _entry(connection.execute(_BY_KEY, {"key": cache_key}).one_or_none())


def newest_cached(connection: sa.Connection, step: str) -> CacheEntry | None:
    """Return the newest cached result of a step's function, whatever its key; None when there is none."""
    return _entry(connection.execute(_NEWEST, {"name": step}).one_or_none())


def run_of_step_run(connection: sa.Connection, step_run_id: str) -> str | None:
    """Return the run that a step run belongs to."""
    return connection.execute(sa.select(step_runs.c.run_id).where(step_runs.c.id == step_run_id)).scalar()


def cache_many(tx: Transaction, entries: list[CacheEntry]) -> None:
    """Cache results; a key that has one already keeps it."""
    rows = [
        {
            **msgspec.structs.asdict(entry),
            "outputs": [msgspec.structs.asdict(output) for output in entry.outputs],
            "created_at": tx.now,
        }
        for entry in entries
    ]
    insert_or_keep(tx, cache_entries, rows)


def forget_cached(tx: Transaction, cache_key: str) -> None:
    """Remove a cached result, for example because its artifacts are gone."""
    tx.execute(sa.delete(cache_entries).where(cache_entries.c.cache_key == cache_key))


_BY_KEY = sa.select(cache_entries).where(cache_entries.c.cache_key == sa.bindparam("key"))
_NEWEST = (
    sa.select(cache_entries)
    .where(cache_entries.c.step == sa.bindparam("name"))
    .order_by(cache_entries.c.step_run_id.desc())
    .limit(1)
)


def _entry(row: sa.Row[Any] | None) -> CacheEntry | None:
    if row is None:
        return None
    return CacheEntry(
        cache_key=row.cache_key,
        step_run_id=row.step_run_id,
        step=row.step,
        parts=row.parts,
        outputs=msgspec.convert(row.outputs, list[StoredOutput]),
        journal_id=row.journal_id,
    )
