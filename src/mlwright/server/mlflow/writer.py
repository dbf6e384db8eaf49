"""Changes that wait at the same moment share one transaction, so that twenty clients don't wait for twenty commits."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlwright.api import wire
from mlwright.errors import MlwrightError
from mlwright.ledger import Transaction

if TYPE_CHECKING:
    from mlwright.project import Project

#: How many changes may share a commit: those of the first wait for those of the last.
MOST_AT_ONCE = 64

_log = logging.getLogger("mlwright.server")


class _Job:
    """A change that waits, and who waits for it."""

    __slots__ = ("future", "loop", "outcome", "work")

    def __init__(self, work: Callable[[Transaction], Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.outcome: Any = None


class Writer:
    """A thread that makes changes, one transaction after the other.

    Args:
        project: Whose ledger is changed.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mlwright-mlflow-writer", daemon=True)
        self._thread.start()

    async def change(self, work: Callable[[Transaction], Any]) -> Any:
        """Run some work in a transaction; return what it returns once that is committed.

        Raises:
            MlwrightError: What the work raised (nothing of it is kept), or why the commit failed.
        """
        job = _Job(work)
        self._jobs.put(job)
        return await job.future

    def close(self) -> None:
        """Make the changes that wait, and stop."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, is_last = [first], False
            while len(batch) < MOST_AT_ONCE and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    is_last = True
                    break
                batch.append(job)
            self._commit(batch)
            for loop in {job.loop for job in batch}:
                mine = [job for job in batch if job.loop is loop]
                loop.call_soon_threadsafe(_tell, mine)
            if is_last:
                return

    def _commit(self, batch: list[_Job]) -> None:
        try:
            with self._project.ledger.write(self._project.actor) as tx:
                if len(batch) == 1:
                    batch[0].outcome = batch[0].work(tx)
                else:
                    for job in batch:
                        _attempt(tx, job)
        except Exception as error:  # noqa: BLE001  # boundary: worker loop; each waiting request is told
            for job in batch:
                job.outcome = error


def _attempt(tx: Transaction, job: _Job) -> None:
    """Make one of several changes; its fault is its own, unless the transaction itself is lost."""
    try:
        with tx.nested():
            job.outcome = job.work(tx)
    except (MlwrightError, RecursionError) as error:
        job.outcome = error
    except Exception:  # noqa: BLE001  # boundary: worker loop; a fault of one change must not undo its neighbours
        _log.exception("a change failed")
        job.outcome = wire.internal_error()


def _tell(batch: list[_Job]) -> None:
    for job in batch:
        if job.future.cancelled():
            continue
        if isinstance(job.outcome, Exception):
            job.future.set_exception(job.outcome)
        else:
            job.future.set_result(job.outcome)
