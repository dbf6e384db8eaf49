"""What a journal brings to the ledger besides points, params and artifacts: the run itself, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from mlwright.core.ids import short
from mlwright.errors import NotFound
from mlwright.ledger import datasets, resuming, runs, tracked
from mlwright.ledger.store import Transaction
from mlwright.tracking.records import Captured, Closed, NewRun, Noted, Opened, Record, Used

#: Type, subject and data.
Event = tuple[str, str, dict[str, Any]]


def begin(tx: Transaction, opened: Opened, *, since: int) -> tracked.JournalRow | None:
    """Return how far a journal is shipped; with its first batch, create its run or set it to running again.

    Raises:
        NotFound: Some of it was shipped, and the run isn't there any more.
    """
    row = tracked.read_journal(tx.connection, opened.journal_id)
    if row is not None or opened.run is None:
        return row
    if since > 0:
        raise NotFound(
            f"run {short(opened.run_id)} was deleted while it was being written.",
            why="the ledger no longer knows the run, of which it had a part already",
            fix="mlwright sync --again brings back what the journal has",
            run_id=opened.run_id,
        )
    if opened.run.resumed and resuming.exists(tx.connection, opened.run_id):
        resuming.reopen(tx, opened.run_id)
        tx.emit("run.resumed", f"run/{opened.run_id}", name=opened.run.name, kind="script")
    else:
        _create(tx, opened, opened.run)
    if opened.run.note:
        resuming.describe_run(tx, opened.run_id, note=opened.run.note)
    return None


def write(tx: Transaction, run_id: str, records: Iterable[Record]) -> None:
    """Write notes, what was captured, and the datasets used."""
    for record in records:
        if isinstance(record, Noted):
            resuming.describe_run(tx, run_id, note=record.text)
        elif isinstance(record, Captured):
            resuming.describe_run(
                tx, run_id, source=record.source or None, environment_digest=record.environment_digest
            )
        elif isinstance(record, Used):
            fields = {name: getattr(record, name) for name in datasets.Dataset.__struct_fields__}
            dataset_id = datasets.put_dataset(tx, datasets.Dataset(**fields))
            datasets.use_dataset(tx, run_id, dataset_id, context=record.context, tags=record.tags)


def end_run(tx: Transaction, run_id: str, closing: Closed) -> None:
    """Record how a run ended, with its event; one that has ended already is left alone."""
    if runs.end_run(tx, run_id, closing.status, error=closing.error, duration_s=closing.duration_s):
        type_, subject, data = _ended(run_id, closing)
        tx.emit(type_, subject, **data)


def create_ended(tx: Transaction, found: list[tuple[Opened, NewRun, Captured | None, Closed]]) -> None:
    """Write runs whose journals arrived whole, and their events; the rest of what they hold is written after that."""
    rows, events = [], []
    for opened, run, captured, closed in found:
        new = _new(opened, run)
        if captured is not None:
            new = msgspec.structs.replace(
                new, source=captured.source or new.source, environment_digest=captured.environment_digest
            )
        rows.append((new, runs.Ending(status=closed.status, error=closed.error, duration_s=closed.duration_s)))
        events += [_started(opened, run), _ended(opened.run_id, closed)]
    runs.insert_ended(tx, rows)
    tx.emit_many(events)


def _create(tx: Transaction, opened: Opened, run: NewRun) -> None:
    runs.create_run(tx, _new(opened, run))
    type_, subject, data = _started(opened, run)
    tx.emit(type_, subject, **data)


def _new(opened: Opened, run: NewRun) -> runs.NewRun:
    return runs.NewRun(
        id=opened.run_id,
        experiment=run.experiment,
        name=run.name,
        kind="script",
        source=run.source or None,
        parent_id=run.parent_id,
    )


def _started(opened: Opened, run: NewRun) -> Event:
    data = {"name": run.name, "kind": "script", "experiment": run.experiment}
    return "run.started", f"run/{opened.run_id}", data


def _ended(run_id: str, closing: Closed) -> Event:
    error = {} if closing.error is None else {"error": closing.error}
    return f"run.{closing.status}", f"run/{run_id}", {"kind": "script", "duration_s": closing.duration_s, **error}
