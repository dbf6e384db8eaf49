"""The way from a journal to the ledger.

A batch of records and the offset up to which the journal is shipped are written in one transaction, so that a record
is in the ledger exactly once, whoever ships and whenever they are killed. Points are named by journal and position
besides.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from mlwright.ledger import artifacts as artifact_rows
from mlwright.ledger import curves, tracked
from mlwright.ledger.schema.types import to_microseconds
from mlwright.ledger.store import Transaction
from mlwright.project import Project
from mlwright.tracking import arrivals
from mlwright.tracking import journal as journals
from mlwright.tracking.records import (
    Artifact,
    Captured,
    Closed,
    NewRun,
    Noted,
    Opened,
    Params,
    Points,
    Record,
    Tags,
)

#: A batch ends with so many records, or with the record that brings it to so many points.
BATCH = 10_000
MOST_ROWS = 50_000


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
        if batch.closed or not batch.is_full:
            return total


def recover(project: Project) -> int:
    """Ship the journals of scripts that died; a run that its process never closed has failed.

    Returns:
        How many journals there were.
    """
    from mlwright.tracking import recovery
    from mlwright.tracking.destinations import LedgerDestination

    return recovery.recover(LedgerDestination(project)).journals


class _Batch(msgspec.Struct):
    """What one batch of records brings to the ledger."""

    end: int
    rows: list[tuple[str, int, float, int]] = []
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    artifacts: dict[str, tracked.RunArtifact] = {}
    others: list[Record] = []
    closing: Closed | None = None
    count: int = 0

    @property
    def closed(self) -> bool:
        return self.closing is not None

    @property
    def is_full(self) -> bool:
        """Tell whether the journal may have more."""
        return self.count >= BATCH or len(self.rows) >= MOST_ROWS


def ship_batch(tx: Transaction, path: journals.Source, opened: Opened, *, since: int = 0) -> _Batch:
    """Bring the next records of a journal to the ledger in a transaction that the caller commits.

    Args:
        tx: The caller's transaction.
        path: The journal, or the part of it that a client sent.
        opened: Its first record.
        since: How far the caller knows it to be shipped.

    Raises:
        NotFound: Some of it was shipped, and the run isn't there any more.
    """
    row = arrivals.begin(tx, opened, since=since)
    batch = _read(path, opened, start=row.position if row else 0)
    if batch.count == 0 and row is not None:
        return batch
    _write(tx, opened, batch)
    tracked.write_journal(
        tx,
        tracked.JournalRow(
            id=opened.journal_id,
            run_id=opened.run_id,
            step=opened.step,
            position=batch.end,
            superseded=row.superseded if row else False,
            logged=_logged(row, batch) if opened.step else {},
        ),
    )
    if opened.step and row is None:
        tracked.supersede_journals(tx, opened.run_id, opened.step, but=opened.journal_id)
    return batch


def ship_whole(tx: Transaction, found: list[tuple[journals.Source, Opened]]) -> list[_Batch | None]:
    """Bring journals of runs that begin and end in them to the ledger at once, in a few statements for all of them.

    Args:
        tx: The caller's transaction.
        found: Journals that nothing is known to be shipped of, and their first records.

    Returns:
        For each what it brought; None for a journal that isn't such a one, of which nothing is shipped.
    """
    known = tracked.known_journals(tx.connection, [opened.journal_id for _, opened in found])
    batches: list[_Batch | None] = []
    wholes: list[tuple[Opened, NewRun, _Batch, Closed]] = []
    rows = 0
    for source, opened in found:
        run, batch = opened.run, None
        if run is not None and not run.resumed and opened.journal_id not in known and rows < MOST_ROWS:
            batch = _read(source, opened, start=0)
            if batch.closing is None:
                batch = None
            else:
                wholes.append((opened, run, batch, batch.closing))
                rows += len(batch.rows)
        batches.append(batch)
    arrivals.create_ended(tx, [(opened, run, _taken_out(batch), closing) for opened, run, batch, closing in wholes])
    for opened, run, batch, _ in wholes:
        if run.note:
            arrivals.write(tx, opened.run_id, [Noted(text=run.note)])
        _write_contents(tx, opened, batch)
    tracked.write_journals(
        tx,
        [
            tracked.JournalRow(
                id=opened.journal_id, run_id=opened.run_id, step="", position=batch.end, superseded=False, logged={}
            )
            for opened, _, batch, _ in wholes
        ],
    )
    return batches


def _taken_out(batch: _Batch) -> Captured | None:
    """Take the last record of what was captured out of a batch."""
    found = [record for record in batch.others if isinstance(record, Captured)]
    batch.others = [record for record in batch.others if not isinstance(record, Captured)]
    return found[-1] if found else None


def _logged(row: tracked.JournalRow | None, batch: _Batch) -> dict[str, Any]:
    """Return what a step's journal has brought so far, for the runs that take the step's result from the cache."""
    before = row.logged if row else {}
    logged = {
        "params": {**before.get("params", {}), **batch.params},
        "tags": {**before.get("tags", {}), **batch.tags},
        "artifacts": {**before.get("artifacts", {}), **batch.artifacts},
    }
    return {key: value for key, value in logged.items() if value}


def repeat_for(tx: Transaction, journal_id: str, *, new_id: str, run_id: str, step: str) -> None:
    """Log again, for a run that took a step's result from the cache, what the step logged when it ran."""
    row = tracked.read_journal(tx.connection, journal_id)
    if row is None:
        return
    curves.copy(tx, journal_id, of_run=row.run_id, to_origin=new_id, to_run=run_id)
    found = row.logged.get("artifacts", {}).values()
    artifacts = [msgspec.convert({**value, "step": step}, tracked.RunArtifact) for value in found]
    tracked.put_params(tx, run_id, row.logged.get("params", {}))
    tracked.put_tags(tx, run_id, row.logged.get("tags", {}))
    tracked.put_artifacts(tx, run_id, artifacts)
    copied = msgspec.structs.replace(row, id=new_id, run_id=run_id, step=step, superseded=False)
    tracked.write_journal(tx, copied)
    tracked.supersede_journals(tx, run_id, step, but=new_id)


def _read(path: journals.Source, opened: Opened, *, start: int) -> _Batch:
    batch = _Batch(end=start)
    rows = batch.rows
    for frame in islice(journals.read(path, start=start), BATCH):
        record, batch.end = frame.record, frame.end
        batch.count += 1
        if isinstance(record, Points):
            at = to_microseconds(record.at)
            rows += [(key, step, value, at) for key, (step, value) in record.values.items()]
            if len(rows) >= MOST_ROWS:
                break
        elif isinstance(record, Params):
            batch.params.update(record.values)
        elif isinstance(record, Tags):
            batch.tags.update(record.values)
        elif isinstance(record, Artifact):
            batch.artifacts[record.name] = _named(record, opened.step)
        elif isinstance(record, Closed):
            batch.closing = record
            break
        elif not isinstance(record, Opened):
            batch.others.append(record)
    return batch


def _write(tx: Transaction, opened: Opened, batch: _Batch) -> None:
    _write_contents(tx, opened, batch)
    if batch.closing is not None:
        arrivals.end_run(tx, opened.run_id, batch.closing)


def _write_contents(tx: Transaction, opened: Opened, batch: _Batch) -> None:
    run_id = opened.run_id
    curves.add_rows(tx, run_id, batch.rows, opened.journal_id if opened.step else "")
    tracked.put_params(tx, run_id, batch.params)
    tracked.put_tags(tx, run_id, batch.tags)
    for row in batch.artifacts.values():
        artifact_rows.record(tx, row.digest, "blob", row.size_bytes)
    tracked.put_artifacts(tx, run_id, list(batch.artifacts.values()))
    arrivals.write(tx, run_id, batch.others)


def _named(record: Artifact, step: str) -> tracked.RunArtifact:
    return tracked.RunArtifact(
        name=record.name,
        digest=record.digest,
        codec=record.codec,
        size_bytes=record.size_bytes,
        step=step,
        created_at=record.at,
    )
