"""What a run's process prints: written to a file beside the journal while the run goes on, an artifact at its end.

Prints of Python code pass through here, and what `logging` handlers write to the console. What programs and libraries
write to the terminal past Python isn't seen.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.core.ids import short
from mlwright.tracking import context, forking
from mlwright.tracking.records import Artifact, Opened

if TYPE_CHECKING:
    from mlwright.tracking.destinations import Destination

NAME = "output.log"
MOST_BYTES = 32 * 1024 * 1024
_CUT = b"\n... more was printed than is kept\n"
_lock = threading.Lock()
_users = 0


class Output:
    """A file that takes what is printed, until it is as large as it may get.

    Args:
        path: The file, made when something is printed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1
        self._written = 0
        self._lock = threading.Lock()
        forking.watch(self)

    def write(self, text: str) -> None:
        """Keep some text; a full disk is no reason to stop printing."""
        data = text.encode("utf-8", "replace")
        with self._lock, suppress(OSError):
            if self._written > MOST_BYTES:
                return
            if self._file < 0:
                self._file = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._written += len(data)
            os.write(self._file, data if self._written <= MOST_BYTES else _CUT)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file, self._written = -1, MOST_BYTES + 1

    def renew_after_fork(self) -> None:
        """Forget who held the lock in the parent process."""
        self._lock = threading.Lock()


def begin(path: Path) -> Output:
    """Begin to keep what is printed while a run is current."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _put_in_front()
    return Output(path)


def end(kept: Output) -> None:
    """Stop keeping what is printed for a run."""
    global _users
    kept.close()
    with _lock:
        _users -= 1
        if _users == 0:
            _take_away()


def file_beside(journal: Path) -> Path:
    """Return the file that keeps what is printed, beside a journal."""
    return journal.with_suffix(".output")


def name_of(opened: Opened) -> str:
    """Return the name that what is printed is kept under: a run that is gone on with keeps what it printed before."""
    again = opened.run is not None and opened.run.resumed
    return f"output-{short(opened.journal_id)}.log" if again else NAME


def keep_lost(destination: Destination, journal: Path, opened: Opened) -> Artifact | None:
    """Store what a dead process had printed; None when that is nothing."""
    path = file_beside(journal)
    if not path.is_file() or not path.stat().st_size:
        return None
    blob = destination.store().put(path)
    return Artifact(
        name=name_of(opened), digest=blob.digest, codec="text", type="str", size_bytes=blob.size_bytes, at=opened.at
    )


class _Tee:
    """A console stream whose text is also kept for the runs that it was printed in."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        count = int(self._stream.write(text) or 0)
        run = context.current_run()
        while run is not None:
            if run.output is not None:
                run.output.write(text)
            run = run.outer
        return count

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _put_in_front() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Tee):
            tee = _Tee(stream)
            setattr(sys, name, tee)
            _redirect_logging(stream, tee)


def _take_away() -> None:
    for name in ("stdout", "stderr"):
        tee = getattr(sys, name)
        if isinstance(tee, _Tee):
            setattr(sys, name, tee._stream)
            _redirect_logging(tee, tee._stream)


def _redirect_logging(old: Any, new: Any) -> None:
    """Have the handlers that write to a stream write to another one."""
    loggers = [logging.getLogger(), *(one for one in logging.Logger.manager.loggerDict.values())]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and handler.stream is old:
                handler.stream = new
