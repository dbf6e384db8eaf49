"""The way from a journal to the ledger.

A batch of records and the offset up to which the journal is shipped are written in one transaction, so that a record
is in the ledger exactly once, whoever ships and whenever they are killed. Points are named by journal and position
besides.
"""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from mlwright.ledger import artifacts as artifact_rows
from mlwright.ledger import curves, runs, tracked
from mlwright.ledger.leases import is_gone
from mlwright.ledger.store import Transaction
from mlwright.project import Project
from mlwright.tracking import journal as journals
from mlwright.tracking.records import Artifact, Closed, NewRun, Opened, Params, Points, Tags
from mlwright.tracking.scripts import journals_folder

BATCH = 5_000
STALE_S = 60.0


def ship(project: Project, path: Path) -> int:
    """Bring a journal's records to the ledger, each exactly once.

    The journal of a plain script that has ended is removed once all of it is in the ledger.

    Args:
        project: Whose ledger.
        path: The journal; it may still be written to.

    Returns:
        How many records were new.

    Raises:
        LedgerUnavailable: The ledger is locked or out of reach; the journal keeps everything.
    """
    opened = journals.header(path)
    if opened is None:
        return 0
    total = 0
    while True:
        with project.ledger.write(opened.run.actor if opened.run else project.actor) as tx:
            batch = ship_batch(tx, path, opened)
        total += batch.count
        if batch.closed:
            path.unlink(missing_ok=True)
        if batch.closed or batch.count < BATCH:
            return total


def recover(project: Project) -> int:
    """Ship the journals of scripts that died; a run that its process never closed has failed.

    Returns:
        How many journals there were.
    """
    found = 0
    for path in sorted(journals_folder(project).glob("*.journal")):
        try:
            opened = journals.header(path)
            if opened is None:
                # Its writer died in the first write; one that is alive would have finished it by now.
                _remove_stale(path)
                continue
            if not is_gone(opened.owner):
                continue
            ship(project, path)
            _close_lost(project, path, opened)
        except FileNotFoundError:
            # Another process recovers too, and was faster.
            continue
        found += 1
    return found


class _Batch(msgspec.Struct):
    """What one batch of records brings to the ledger."""

    end: int
    points: list[curves.Point] = []
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    artifacts: dict[str, tracked.RunArtifact] = {}
    closing: Closed | None = None
    count: int = 0

    @property
    def closed(self) -> bool:
        return self.closing is not None


def ship_batch(tx: Transaction, path: Path, opened: Opened) -> _Batch:
    """Bring the next records of a journal to the ledger in a transaction that the caller commits."""
    if opened.run is not None:
        _create_run(tx, opened, opened.run)
    row = tracked.read_journal(tx.connection, opened.journal_id)
    batch = _read(path, opened, start=row.position if row else 0)
    if batch.count == 0 and row is not None:
        return batch
    _write(tx, opened, batch)
    before = row.logged if row else {}
    logged = {
        "params": {**before.get("params", {}), **batch.params},
        "tags": {**before.get("tags", {}), **batch.tags},
        "artifacts": {**before.get("artifacts", {}), **batch.artifacts},
    }
    tracked.write_journal(
        tx,
        tracked.JournalRow(
            id=opened.journal_id,
            run_id=opened.run_id,
            step=opened.step,
            position=batch.end,
            superseded=row.superseded if row else False,
            logged={key: value for key, value in logged.items() if value},
        ),
    )
    if opened.step and row is None:
        tracked.supersede_journals(tx, opened.run_id, opened.step, but=opened.journal_id)
    return batch


def repeat_for(tx: Transaction, journal_id: str, *, new_id: str, run_id: str, step: str) -> None:
    """Log again, for a run that took a step's result from the cache, what the step logged when it ran."""
    row = tracked.read_journal(tx.connection, journal_id)
    if row is None:
        return
    curves.copy(tx, journal_id, to_origin=new_id, to_run=run_id)
    found = row.logged.get("artifacts", {}).values()
    artifacts = [msgspec.convert({**value, "step": step}, tracked.RunArtifact) for value in found]
    tracked.put_params(tx, run_id, row.logged.get("params", {}))
    tracked.put_tags(tx, run_id, row.logged.get("tags", {}))
    tracked.put_artifacts(tx, run_id, artifacts)
    copied = msgspec.structs.replace(row, id=new_id, run_id=run_id, step=step, superseded=False)
    tracked.write_journal(tx, copied)
    tracked.supersede_journals(tx, run_id, step, but=new_id)


def _read(path: Path, opened: Opened, *, start: int) -> _Batch:
    batch = _Batch(end=start)
    for frame in islice(journals.read(path, start=start), BATCH):
        record, batch.end = frame.record, frame.end
        batch.count += 1
        if isinstance(record, Points):
            batch.points += [
                curves.Point(key=key, step=step, value=value, at=record.at)
                for key, (step, value) in record.values.items()
            ]
        elif isinstance(record, Params):
            batch.params.update(record.values)
        elif isinstance(record, Tags):
            batch.tags.update(record.values)
        elif isinstance(record, Artifact):
            batch.artifacts[record.name] = _named(record, opened.step)
        elif isinstance(record, Closed):
            batch.closing = record
            break
    return batch


def _write(tx: Transaction, opened: Opened, batch: _Batch) -> None:
    run_id = opened.run_id
    curves.add_points(tx, run_id, batch.points, origin=opened.journal_id if opened.step else "")
    tracked.put_params(tx, run_id, batch.params)
    tracked.put_tags(tx, run_id, batch.tags)
    for row in batch.artifacts.values():
        artifact_rows.record(tx, row.digest, "blob", row.size_bytes)
    tracked.put_artifacts(tx, run_id, list(batch.artifacts.values()))
    if batch.closing is not None:
        _end_run(tx, run_id, batch.closing)


def _create_run(tx: Transaction, opened: Opened, run: NewRun) -> None:
    if tracked.read_journal(tx.connection, opened.journal_id) is not None:
        return
    new = runs.NewRun(
        id=opened.run_id, experiment=run.experiment, name=run.name, kind="script", source=run.source or None
    )
    runs.create_run(tx, new)
    tx.emit("run.started", f"run/{opened.run_id}", name=run.name, kind="script", experiment=run.experiment)


def _end_run(tx: Transaction, run_id: str, closing: Closed) -> None:
    if runs.end_run(tx, run_id, closing.status, error=closing.error, duration_s=closing.duration_s):
        error = {} if closing.error is None else {"error": closing.error}
        tx.emit(f"run.{closing.status}", f"run/{run_id}", kind="script", duration_s=closing.duration_s, **error)


def _close_lost(project: Project, path: Path, opened: Opened) -> None:
    if not path.exists():
        return
    lost = {"type": "ProcessDied", "what": "the script's process ended without closing its run (was it killed?)"}
    with project.ledger.write(project.actor) as tx:
        _end_run(tx, opened.run_id, Closed(status="failed", at=tx.now, duration_s=_lasted_s(opened, path), error=lost))
    path.unlink(missing_ok=True)


def _lasted_s(opened: Opened, path: Path) -> float:
    """Return how long a killed script is known to have lived: from its start to its last record."""
    # By the file's own times: the records carry the system's clock, which may be that of a replay.
    stat = path.stat()
    born = getattr(stat, "st_birthtime", opened.at.timestamp())
    return max(stat.st_mtime - float(born), 0.0)


def _remove_stale(path: Path) -> None:
    age_s = time.time() - path.stat().st_mtime
    if age_s > STALE_S:
        path.unlink(missing_ok=True)


def _named(record: Artifact, step: str) -> tracked.RunArtifact:
    return tracked.RunArtifact(
        name=record.name,
        digest=record.digest,
        codec=record.codec,
        size_bytes=record.size_bytes,
        step=step,
        created_at=record.at,
    )
