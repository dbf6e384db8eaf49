"""What an engine writes down, from a thread of its own: facts are gathered and written many at a time, under the fence.

A step's result is work that would be done again if the process died before it is written. So facts are written at
once when they stand for more than a little work, and together when they stand for many small steps. The thread also
keeps the run's lease, and ships the journals of steps that are still running.
"""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from mlwright.errors import Transient
from mlwright.ledger import artifacts as artifact_rows
from mlwright.ledger import leases, steps
from mlwright.ledger.store import Transaction
from mlwright.pipelines.port import JOURNAL_FILE, StoredValue
from mlwright.project import Project
from mlwright.tracking import journal as journals
from mlwright.tracking import shipping

WRITE_EVERY_S = 0.25
WORK_AT_RISK_S = 0.02
MAX_PENDING = 512
LEASE_TTL_S = 15.0
RENEW_EVERY_S = 5.0
PATIENCE_S = 60.0


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended.

    Attributes:
        row: The step run as it now is.
        outputs: What it gave.
        log: The log's digest and size.
        cached: The result for later runs; None when there is none to keep.
        copied: The journal of the step run whose result was taken, and the id that its copy gets.
        folder: The attempt's folder, whose journal is shipped and which is then removed.
        event: Type of the event.
        data: Data of the event.
    """

    row: steps.StepRunRow
    outputs: tuple[StoredValue, ...] = ()
    log: tuple[str, int] | None = None
    cached: steps.CacheEntry | None = None
    copied: tuple[str, str] | None = None
    folder: Path | None = None
    event: str = ""
    data: dict[str, Any] = {}


class Recorder:
    """Writes the facts of one run.

    Args:
        project: Whose ledger.
        run_id: The run.
        lease: The engine's right to write them.
        actor: Who runs it.
    """

    def __init__(self, project: Project, run_id: str, lease: leases.Lease, actor: str) -> None:
        self._project = project
        self._run_id = run_id
        self._lease = lease
        self._actor = actor
        self._begun: dict[str, steps.StepRunRow] = {}
        self._ended: list[Ending] = []
        self._written: set[str] = set()
        self._live: dict[str, Path] = {}
        self._at_risk_s = 0.0
        self._fault: BaseException | None = None
        self._closing = False
        self._change = threading.Condition()
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._work, name=f"mlwright-facts-{run_id[-8:]}", daemon=True)
        self._thread.start()

    def begin(self, row: steps.StepRunRow, journal: Path) -> None:
        """Note that an attempt has begun."""
        with self._change:
            self._begun[row.id] = row
            self._live[row.id] = journal

    def end(self, ending: Ending) -> None:
        """Note how an attempt ended; its outputs are committed with the next write."""
        with self._change:
            while len(self._ended) >= MAX_PENDING and self._fault is None:
                self._change.notify_all()
                self._change.wait(WRITE_EVERY_S)
            self._ended.append(ending)
            self._live.pop(ending.row.id, None)
            self._at_risk_s += ending.row.duration_s or 0.0
            if self._at_risk_s >= WORK_AT_RISK_S:
                self._change.notify_all()

    def check(self) -> None:
        """Raise what went wrong with writing, in the engine's thread.

        Raises:
            LostLease: Another engine has taken the run over.
            MlwrightError: The ledger can't be written.
        """
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """Write everything that is left and stop.

        Raises:
            LostLease: Another engine has taken the run over; what is left is not written.
            MlwrightError: The ledger can't be written.
        """
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join()
        self.check()

    def _work(self) -> None:
        try:
            while True:
                with self._change:
                    if not self._closing and self._at_risk_s < WORK_AT_RISK_S:
                        self._change.wait(WRITE_EVERY_S)
                    closing = self._closing
                self._write_patiently(final=closing)
                if closing:
                    return
        except BaseException as error:  # noqa: BLE001  # boundary: the engine's thread raises it, see `check`
            self._fault = error
            with self._change:
                self._change.notify_all()

    def _write_patiently(self, *, final: bool) -> None:
        """Write; while the ledger is away, keep the facts. Only at the end is there nothing else to do than to wait."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._renew()
                self._write()
                return
            except Transient:
                if not final:
                    return
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(WRITE_EVERY_S)

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_at > RENEW_EVERY_S:
            leases.renew(self._project.ledger, self._lease, ttl_s=LEASE_TTL_S)
            self._renewed_at = time.monotonic()

    def _write(self) -> None:
        with self._change:
            begun, ended, live = dict(self._begun), list(self._ended), dict(self._live)
            at_risk_s = self._at_risk_s
        journals_to_ship = [path for path in live.values() if path.exists()]
        if begun or ended or journals_to_ship:
            with self._project.ledger.write(self._actor) as tx:
                leases.check(tx, self._lease)
                self._write_steps(tx, begun, ended)
                for path in journals_to_ship:
                    ship_in(tx, path)
        with self._change:
            for id_ in begun:
                del self._begun[id_]
            self._written.update(begun)
            self._written.difference_update(ending.row.id for ending in ended)
            del self._ended[: len(ended)]
            self._at_risk_s -= at_risk_s
            self._change.notify_all()
        for ending in ended:
            if ending.folder is not None:
                shutil.rmtree(ending.folder, ignore_errors=True)

    def _write_steps(self, tx: Transaction, begun: dict[str, steps.StepRunRow], ended: list[Ending]) -> None:
        over = {ending.row.id: ending.row for ending in ended}
        new = {id_: over.get(id_, row) for id_, row in begun.items()}
        new.update({id_: row for id_, row in over.items() if id_ not in self._written})
        steps.begin_step_runs(tx, list(new.values()))
        steps.end_step_runs(tx, [row for id_, row in over.items() if id_ not in new])
        commits, found = [], {}
        for ending in ended:
            commits.append((self._run_id, ending.row.step, ending.row.id, _stored(ending.outputs)))
            found.update({value.digest: (value.kind, value.size_bytes) for value in ending.outputs})
            if ending.log is not None:
                found[ending.log[0]] = ("blob", ending.log[1])
        steps.commit_many(tx, commits)
        artifact_rows.record_many(tx, found)
        steps.cache_many(tx, [ending.cached for ending in ended if ending.cached is not None])
        for ending in ended:
            self._write_logged(tx, ending)
            if ending.event:
                tx.emit(ending.event, f"run/{self._run_id}/step/{ending.row.step}", **ending.data)

    def _write_logged(self, tx: Transaction, ending: Ending) -> None:
        if ending.folder is not None:
            ship_in(tx, ending.folder / JOURNAL_FILE)
        if ending.copied is not None:
            source, copy = ending.copied
            shipping.repeat_for(tx, source, new_id=copy, run_id=self._run_id, step=ending.row.step)


def _stored(values: tuple[StoredValue, ...]) -> list[steps.StoredOutput]:
    return [
        steps.StoredOutput(
            name=value.name, digest=value.digest, codec=value.codec, type=value.type, size_bytes=value.size_bytes
        )
        for value in values
    ]


def ship_in(tx: Transaction, path: Path) -> None:
    """Bring a journal's records to the ledger in the transaction of the step's other facts."""
    opened = journals.header(path) if path.exists() else None
    while opened is not None and shipping.ship_batch(tx, path, opened).is_full:
        pass
