"""Steps in the calling process, one after the other: breakpoints work, and nothing has to be imported again."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, TextIO, cast

from mlwright.artifacts.port import ArtifactStore
from mlwright.pipelines.execution import execute
from mlwright.pipelines.port import LOG_FILE, Cap, Ended, Task, refuse
from mlwright.project import Project


class InlineExecutor:
    """Runs each task when it is started.

    Args:
        project: The project that steps see; opened by the task's settings when not given.
    """

    lacks: ClassVar[dict[Cap, str]] = {
        Cap.ISOLATION: "the step shares the caller's process",
        Cap.TIMEOUT: "a step in the caller's own process can't be stopped from outside",
        Cap.STOP: "a step in the caller's own process can't be stopped from outside",
        Cap.PARALLEL: "the caller's process runs one step at a time",
    }

    def __init__(self, project: Project | None = None) -> None:
        self._project = project
        self._ended: list[Ended] = []

    def capacity(self) -> int:
        """Return 1."""
        return 1

    def start(self, task: Task) -> str:
        """Run a task to its end; `wait` then returns it."""
        if task.timeout_s is not None:
            refuse(self, Cap.TIMEOUT, f"step '{task.step}' has a timeout, which the executor 'inline' can't keep")
        store: ArtifactStore | None = None
        project = self._project
        if project is not None:
            store = project.store
        before_s = time.process_time()
        with _logged(Path(task.folder) / LOG_FILE):
            report = execute(task, store=store, project=None if project is None else lambda: project)
        self._ended.append(Ended(handle=task.step_run_id, report=report, cpu_s=time.process_time() - before_s))
        return task.step_run_id

    def wait(self, timeout_s: float) -> list[Ended]:
        """Return the tasks that were run since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def stop(self, handle: str) -> None:
        """Refuse: a task that has been started has ended."""
        refuse(self, Cap.STOP, "a step of the executor 'inline' can't be stopped")

    def close(self) -> None:
        """Do nothing: nothing is held."""


class _Tee(io.TextIOBase):
    """Writes to a stream, and to a log that is made with the first text."""

    def __init__(self, stream: TextIO, path: Path, logs: list[TextIO]) -> None:
        self._stream = stream
        self._path = path
        self._logs = logs

    def write(self, text: str) -> int:
        if not self._logs:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._logs.append(self._path.open("a", encoding="utf-8", errors="backslashreplace"))
        self._logs[0].write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Copy what the block prints to a log."""
    logs: list[TextIO] = []
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", _Tee(stream, path, logs)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for log in logs:
            log.close()
