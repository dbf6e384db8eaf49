"""Each step in a process of its own on this machine: isolated, stoppable, and gone when the engine is gone."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import msgspec

from mlwright.errors import StorageFull, StoreUnavailable
from mlwright.pipelines.faults import LOST, Failure
from mlwright.pipelines.port import LOG_FILE, TASK_FILE, Cap, Ended, Report, Task, read_report
from mlwright.project import Project

_KILL_AFTER_S = 2.0
_POLL_S = 0.02


class _Worker(msgspec.Struct):
    """A running worker: the guard's process, the engine's end of its lifeline, and what becomes ready at its end."""

    task: Task
    process: subprocess.Popen[bytes]
    watched: int = -1


class ProcessExecutor:
    """Starts a fresh Python process for each task.

    Args:
        project: Not needed; workers open the project by the task's settings.
        slots: How many tasks may run at once; one for each processor by default.
    """

    lacks: ClassVar[dict[Cap, str]] = {}

    def __init__(self, project: Project | None = None, *, slots: int | None = None) -> None:
        self._slots = slots or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._workers: dict[str, _Worker] = {}
        self._selector = selectors.DefaultSelector()

    def capacity(self) -> int:
        """Return how many tasks may run at once."""
        return self._slots

    def start(self, task: Task) -> str:
        """Start a worker."""
        folder = Path(task.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = folder / TASK_FILE
            file.write_bytes(msgspec.json.encode(task))
            with (folder / LOG_FILE).open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "mlwright.pipelines.worker", "--lifeline", str(file)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **task.env},
                    start_new_session=True,
                )
        except OSError as error:
            kind = StorageFull if error.errno in (28, 122) else StoreUnavailable
            raise kind(f"the step '{task.step}' can't be started.", why=str(error)) from error
        worker = _Worker(task, process)
        if hasattr(os, "pidfd_open"):
            worker.watched = os.pidfd_open(process.pid)
            self._selector.register(worker.watched, selectors.EVENT_READ, task.step_run_id)
        self._workers[task.step_run_id] = worker
        return task.step_run_id

    def wait(self, timeout_s: float) -> list[Ended]:
        """Return the tasks that have ended since the last call."""
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = max(deadline - time.monotonic(), 0.0)
            if hasattr(os, "pidfd_open"):
                handles = [key.data for key, _ in self._selector.select(left_s)]
            else:
                handles = list(self._workers)
                time.sleep(min(_POLL_S, left_s))
            ended = [found for handle in handles if (found := self._reap(handle)) is not None]
            if ended or time.monotonic() >= deadline:
                return ended

    def stop(self, handle: str) -> None:
        """Kill a worker with everything that it started."""
        worker = self._workers.pop(handle, None)
        if worker is not None:
            self._break_lifeline(worker)
            self._end(worker)

    def close(self) -> None:
        """Kill all workers."""
        for worker in self._workers.values():
            self._break_lifeline(worker)
        for worker in self._workers.values():
            self._end(worker)
        self._workers.clear()
        self._selector.close()

    def _reap(self, handle: str) -> Ended | None:
        worker = self._workers[handle]
        pid, status, usage = os.wait4(worker.process.pid, os.WNOHANG)
        if pid == 0:
            return None
        del self._workers[handle]
        worker.process.returncode = os.waitstatus_to_exitcode(status)
        self._break_lifeline(worker)
        self._forget(worker)
        report = read_report(Path(worker.task.folder)) or Report(failure=_lost(worker.process.returncode))
        # The kernel counts kibibytes on Linux and bytes on macOS.
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Ended(handle=handle, report=report, cpu_s=usage.ru_utime + usage.ru_stime, peak_memory_bytes=peak)

    def _break_lifeline(self, worker: _Worker) -> None:
        if worker.process.stdin is not None:
            with suppress(OSError):
                worker.process.stdin.close()

    def _end(self, worker: _Worker) -> None:
        """Wait until the guard has cleaned up; one that doesn't is killed, and the kernel kills its child with it."""
        try:
            worker.process.wait(_KILL_AFTER_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGKILL)
            worker.process.wait()
        self._forget(worker)

    def _forget(self, worker: _Worker) -> None:
        if worker.watched >= 0:
            self._selector.unregister(worker.watched)
            os.close(worker.watched)
            worker.watched = -1


def _lost(code: int) -> Failure:
    number = -code if code < 0 else code - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = ""
    hint = " (when memory runs out, the kernel does that)" if number == signal.SIGKILL else ""
    return Failure(
        type=LOST,
        what="its worker process ended without a report.",
        why=f"it was killed by {name}{hint}" if name else f"it ended with exit code {code}",
        fix="see its log; with retries it is started again",
        kinds=(LOST,),
        transient=True,
    )
