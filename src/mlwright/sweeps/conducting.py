"""The facts of a running sweep: which trial is next, how it ended, and that only one process conducts it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from mlwright.core.ids import new_id
from mlwright.errors import LedgerUnavailable, LostLease
from mlwright.ledger import leases, sweeps
from mlwright.ledger.sweeps import FAILED, LOST, SweepRow, TrialRow
from mlwright.project import Project
from mlwright.sweeps.keeping import Keeper
from mlwright.sweeps.port import Adviser
from mlwright.sweeps.trial import Task
from mlwright.sweeps.values import Outcome, Plan
from mlwright.sweeps.workers import CRASHED

LEASE_TTL_S = 15.0
RENEW_EVERY_S = 4.0
#: A trial whose worker died so often has failed.
MOST_CRASHES = 3
#: So many trials that fail one after the other, with none before that finished, end a sweep: its objective is broken.
MOST_FAILURES = 5

#: Is told of each trial that ended, of how many have, and of how many there will be.
OnTrial = Callable[[TrialRow, int, int], None]


class Progress(msgspec.Struct):
    """How a sweep stands, shared by its workers.

    Attributes:
        trials: The newest attempt at each trial, by number.
        stopped: Why no trial is begun any more; empty while some are.
    """

    trials: dict[int, TrialRow] = {}
    stopped: str = ""


class Conductor:
    """Gives out trials and takes in what they came to. Safe to share between threads.

    Args:
        project: Where the sweep is recorded.
        sweep: Its row.
        plan: What is looked for.
        adviser: What chooses.
        lease: The right to conduct it.
    """

    def __init__(self, project: Project, sweep: SweepRow, plan: Plan, adviser: Adviser, lease: leases.Lease) -> None:
        self.progress = Progress(trials={})
        self.on_trial: OnTrial | None = None
        self.deadline_s: float | None = None
        self._project = project
        self._sweep = sweep
        self._plan = plan
        self._adviser = adviser
        self._lease = lease
        self._lock = threading.RLock()
        self._renewed_s = time.monotonic()
        self._again: list[TrialRow] = []
        self._keeper = Keeper(project, sweep, plan)

    def remember(self) -> None:
        """Read what the ledger has: trials that were running when their process died are lost, and tried again."""
        with self._project.ledger.read() as connection:
            rows = sweeps.trials_of(connection, self._sweep.run_id, reports=bool(self._plan.pruner))
        interrupted = [row for row in rows if not row.outcome]
        with self._project.ledger.write(self._sweep.actor) as tx:
            leases.check(tx, self._lease)
            for row in interrupted:
                sweeps.end_trial(tx, _lost(row))
        newest = sweeps.newest_of([row if row.outcome else _lost(row) for row in rows])
        again = [row for row in newest if row.outcome == LOST]
        self._again = [_next_attempt(row) for row in again]
        self.progress.trials = {row.number: row for row in newest if row.outcome != LOST}
        waiting = {row.number: row for row in self._again}
        self._adviser.remember([waiting.get(row.number, row) for row in newest])

    def next(self) -> Task | None:
        """Begin the next trial; None when there is none to begin."""
        with self._lock:
            row = None if self._is_over() else self._begin()
            if row is None:
                return None
            name = f"{self._sweep.name}-{row.number}"
            return Task(
                run_id=row.run_id,
                name=name,
                number=row.number,
                params=row.params,
                values=len(self._plan.directions),
            )

    def report(self, number: int, step: int, value: float) -> bool:
        """Take in what a trial reported; tell whether it is to be stopped."""
        with self._lock:
            return bool(self._plan.pruner) and self._adviser.report(number, step, value)

    def end(self, task: Task, outcome: Outcome) -> None:
        """Record what a trial came to."""
        with self._lock:
            row = self.progress.trials.pop(task.number)
            kind, crashed = outcome.kind, (outcome.error or {}).get("type") == CRASHED
            if crashed and row.attempt < MOST_CRASHES and not self.progress.stopped:
                kind = LOST
            ended = _ended(row, msgspec.structs.replace(outcome, kind=kind))
            with self._project.ledger.write(self._sweep.actor) as tx:
                leases.check(tx, self._lease)
                sweeps.end_trial(tx, ended)
            if kind == LOST:
                self._again.append(_next_attempt(ended))
                return
            self.progress.trials[task.number] = ended
            self._adviser.tell(task.number, kind, ended.values)
            self._stop_if_broken(ended)
            self._keep(last=False)
            if self.on_trial is not None:
                self.on_trial(ended, len(self.counted()), self._plan.trials)

    def stop(self, why: str) -> None:
        """Begin no trial any more."""
        with self._lock:
            self.progress.stopped = self.progress.stopped or why

    def renew(self, over: threading.Event) -> None:
        """Keep the right to conduct until the sweep is over; one that is lost stops it."""
        while not over.wait(RENEW_EVERY_S):
            try:
                leases.renew(self._project.ledger, self._lease, ttl_s=LEASE_TTL_S)
            except LostLease as error:
                self.stop(str(error))
                return
            except LedgerUnavailable:
                continue

    def finish(self, status: str, error: dict[str, Any] | None, *, duration_s: float) -> None:
        """Record how the sweep ended; trials that are still running are lost."""
        with self._lock:
            running = [row for row in self.progress.trials.values() if not row.outcome]
            with self._project.ledger.write(self._sweep.actor) as tx:
                leases.check(tx, self._lease)
                for row in running:
                    sweeps.end_trial(tx, _lost(row))
                    del self.progress.trials[row.number]
                sweeps.end_sweep(tx, self._sweep.run_id, status, error=error, duration_s=duration_s)
            self._keep(last=True)

    def importances(self) -> dict[str, float]:
        """Return how much each parameter matters."""
        with self._lock:
            return self._adviser.importances()

    def counted(self) -> list[TrialRow]:
        """Return the trials that have ended, by number."""
        with self._lock:
            return [row for _, row in sorted(self.progress.trials.items()) if row.outcome]

    def _is_over(self) -> bool:
        if self.deadline_s is not None and time.monotonic() >= self.deadline_s:
            self.stop("the time was up")
        return bool(self.progress.stopped)

    def _begin(self) -> TrialRow | None:
        if self._again:
            row = self._again.pop(0)
        else:
            number = max([*self.progress.trials, -1]) + 1
            if number >= self._plan.trials:
                return None
            row = _new_trial(number, self._adviser.suggest(number), self._project)
        with self._project.ledger.write(self._sweep.actor) as tx:
            leases.check(tx, self._lease)
            sweeps.begin_trial(tx, self._sweep, row)
        self.progress.trials[row.number] = row
        return row

    def _stop_if_broken(self, ended: TrialRow) -> None:
        done = self.counted()
        if ended.outcome == FAILED and len(done) == MOST_FAILURES and all(row.outcome == FAILED for row in done):
            self.stop(f"the first {MOST_FAILURES} trials failed")

    def _keep(self, *, last: bool) -> None:
        self._keeper.keep(self.counted(), self._adviser.importances, last=last)


def _new_trial(number: int, params: dict[str, Any], project: Project) -> TrialRow:
    return TrialRow(
        run_id=new_id(),
        number=number,
        attempt=1,
        status="running",
        outcome="",
        params=params,
        values=[],
        error=None,
        started_at=project.clock.now(),
        duration_s=None,
    )


def _next_attempt(row: TrialRow) -> TrialRow:
    return msgspec.structs.replace(
        row,
        run_id=new_id(),
        attempt=row.attempt + 1,
        status="running",
        outcome="",
        values=[],
        error=None,
        duration_s=None,
        reported={},
    )


def _ended(row: TrialRow, outcome: Outcome) -> TrialRow:
    return msgspec.structs.replace(
        row,
        outcome=outcome.kind,
        status=sweeps.STATUS[outcome.kind],
        values=outcome.values,
        error=outcome.error,
        duration_s=outcome.duration_s,
    )


def _lost(row: TrialRow) -> TrialRow:
    error = {"type": "lost", "what": "the process of the sweep ended while the trial was running; it is tried again."}
    return msgspec.structs.replace(row, outcome=LOST, status="failed", error=error)
