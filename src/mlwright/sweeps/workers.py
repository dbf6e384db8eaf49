"""Where trials run: in this process, or in worker processes that end when this one does.

Worker processes are the rule for `parallel` above 1: training holds Python's lock between the calls of its libraries,
and those keep state of the whole process (seeds, thread pools, open files). A trial that brings its process down takes
no other one with it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from mlwright.errors import InvalidDefinition
from mlwright.ledger.sweeps import FAILED
from mlwright.pipelines.entry import entry_of, why_not_findable
from mlwright.pipelines.spec import Entry
from mlwright.project import Project
from mlwright.sweeps.trial import OnReport, Task, carry_out
from mlwright.sweeps.values import Outcome

SETTINGS = ("root", "home", "ledger", "artifacts", "actor", "durability")
#: An outcome of this kind is a worker's death: the trial itself may be tried again.
CRASHED = "crashed"


class Setup(msgspec.Struct, frozen=True, kw_only=True, tag="setup"):
    """The first message to a worker.

    Attributes:
        entry: Where the objective is.
        roots: Folders to import it from.
        settings: Of the project, as text.
    """

    entry: Entry
    roots: list[str]
    settings: dict[str, str]


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """Tells a worker to run a trial."""

    task: Task


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """Tells a worker whether to stop the trial, after each report."""

    stop: bool


class Reported(msgspec.Struct, frozen=True, kw_only=True, tag="reported"):
    """A worker tells of a value on the way."""

    step: int
    value: float


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """A worker tells how a trial ended."""

    outcome: Outcome


ToWorker = Setup | Begin | Answer
FromWorker = Reported | Ended


class Worker(Protocol):
    """Runs trials, one at a time."""

    def run(self, task: Task, on_report: OnReport) -> Outcome:
        """Run a trial to its end."""

    def close(self) -> None:
        """End; a trial that is running is lost."""


class InProcess:
    """Runs trials in the calling thread.

    Args:
        project: Where they are recorded.
        objective: What to run.
    """

    def __init__(self, project: Project, objective: Callable[..., Any]) -> None:
        self._project = project
        self._objective = objective

    def run(self, task: Task, on_report: OnReport) -> Outcome:
        """Run a trial to its end."""
        return carry_out(self._project, self._objective, task, on_report)

    def close(self) -> None:
        """Nothing to end."""


class InOwnProcess:
    """Runs trials in a process of its own, which is started with the first and serves until it is closed or dies.

    Args:
        setup: What the process has to know.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: Any = None
        self._socket: socket.socket | None = None

    def run(self, task: Task, on_report: OnReport) -> Outcome:
        """Run a trial to its end; a worker that dies meanwhile is told of as an outcome."""
        try:
            if self._process is None:
                self._start()
            self._send(Begin(task=task))
            while True:
                line = self._lines.readline()
                if not line.endswith(b"\n"):
                    return self._crashed()
                message = msgspec.json.decode(line, type=FromWorker)
                if isinstance(message, Ended):
                    return message.outcome
                self._send(Answer(stop=on_report(message.step, message.value)))
        except OSError:
            return self._crashed()

    def close(self) -> None:
        """End the process, with whatever it runs."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # A file made from a socket keeps it open, so that both are closed.
        for end in (self._lines, self._socket):
            if end is not None:
                end.close()
        self._lines = self._socket = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlwright.sweeps.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket, self._lines = ours, ours.makefile("rb")
        self._send(self._setup)

    def _send(self, message: ToWorker) -> None:
        if self._socket is not None:
            self._socket.sendall(msgspec.json.encode(message) + b"\n")

    def _crashed(self) -> Outcome:
        process = self._process
        with suppress(subprocess.TimeoutExpired):
            if process is not None:
                process.wait(2)
        code = None if process is None else process.returncode
        self.close()
        why = f"it ended with {'signal ' + str(-code) if code is not None and code < 0 else f'exit code {code}'}"
        error = {"type": CRASHED, "what": "the worker process died while it ran the trial.", "why": why}
        return Outcome(kind=FAILED, error=error)


def setup_of(project: Project, objective: Callable[..., Any]) -> Setup:
    """Return what a worker process has to know to run an objective.

    Raises:
        InvalidDefinition: It can't be found from another process.
    """
    entry, root = entry_of(objective)
    reason = why_not_findable(entry)
    if reason:
        raise InvalidDefinition(
            f"the objective '{entry.qualname}' can't be run by worker processes.",
            why=reason,
            fix='define it at the top of a file, or give workers="threads"',
        )
    settings = {name: str(getattr(project.settings, name)) for name in SETTINGS}
    return Setup(entry=entry, roots=[root] if root else [], settings=settings)
