"""The process that runs trials for a sweep: `python -m mlwright.sweeps.worker`, with an open socket's number.

Messages are lines of JSON. When the sweep's process is gone, however it went, the socket closes and this one ends at
once: a trial that is taken up again by the next start must not be running any more.
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from mlwright.project import Project
from mlwright.sweeps.trial import carry_out, described
from mlwright.sweeps.values import Outcome
from mlwright.sweeps.workers import Answer, Begin, Ended, Reported, Setup, ToWorker


class _Line:
    """The line to the sweep's process."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._messages: queue.SimpleQueue[ToWorker] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="mlwright-line", daemon=True).start()

    def next(self) -> Any:
        return self._messages.get()

    def send(self, message: Reported | Ended) -> None:
        self._socket.sendall(msgspec.json.encode(message) + b"\n")

    def report(self, step: int, value: float) -> bool:
        self.send(Reported(step=step, value=value))
        answer = self.next()
        return isinstance(answer, Answer) and answer.stop

    def _listen(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._messages.put(msgspec.json.decode(line, type=ToWorker))
        finally:
            # Also when reading fails: what a killed process had not read yet makes its end of the line a reset.
            os._exit(1)


def main(number: int) -> None:
    """Run trials until the sweep's process is gone.

    Args:
        number: File descriptor of the socket.
    """
    line = _Line(number)
    setup: Setup = line.next()
    given: dict[str, Any] = dict(setup.settings)
    with Project.open(Path(given.pop("root")), create=False, **given) as project:
        failure, objective = _load(setup)
        while True:
            begin: Begin = line.next()
            outcome = failure or carry_out(project, objective, begin.task, line.report)
            line.send(Ended(outcome=outcome))


def _load(setup: Setup) -> tuple[Outcome | None, Any]:
    """Return the objective, or the outcome that every trial has because it can't be loaded."""
    from mlwright.errors import MlwrightError
    from mlwright.pipelines.entry import resolve

    try:
        return None, resolve(setup.entry, setup.roots)
    except MlwrightError as error:
        return Outcome(kind="failed", error={**described(error), "fix": error.fix}), None


if __name__ == "__main__":
    main(int(sys.argv[1]))
