"""Runs of plain scripts: begun by `start_run` or by the first `log_*`, shipped to the ledger in the background."""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.core.ids import new_id, short
from mlwright.errors import Transient
from mlwright.ledger.runs import DEFAULT_EXPERIMENT
from mlwright.tracking import context
from mlwright.tracking.journal import Journal
from mlwright.tracking.records import Closed, NewRun, Opened
from mlwright.tracking.run import Run

if TYPE_CHECKING:
    from mlwright.project import Project

SHIP_EVERY_S = 1.0


@contextmanager
def start_run(
    name: str | None = None, experiment: str = DEFAULT_EXPERIMENT, *, project: Project | None = None
) -> Iterator[Run]:
    """Run a block as a run: what it logs is the run's, and how it ends is the run's status.

    Args:
        name: What people call the run; made from the script's name when not given.
        experiment: The experiment that it belongs to.
        project: Where it is recorded; the process's project by default.

    Example:
        >>> with start_run("baseline") as run:  # doctest: +SKIP
        ...     run.log_metrics({"auc": 0.74})
    """
    script = _ScriptRun(name, experiment, project)
    try:
        with context.bound(script.run):
            yield script.run
    except (KeyboardInterrupt, GeneratorExit):
        script.end("cancelled", None)
        raise
    except BaseException as error:
        script.end("failed", error)
        raise
    script.end("succeeded", None)


def begin_implicit() -> Run:
    """Begin the run of a script that logs without having said `start_run`; it ends with the process."""
    script = _ScriptRun(None, DEFAULT_EXPERIMENT, None)
    atexit.register(_end_with_process, script)
    return script.run


class _ScriptRun:
    """A script's run and the thread that ships its journal."""

    def __init__(self, name: str | None, experiment: str, project: Project | None) -> None:
        from mlwright import project as projects
        from mlwright.ledger.leases import this_process
        from mlwright.tracking import shipping

        self._project = project or projects.current()
        shipping.recover(self._project)
        entry = _script()
        run_id, journal_id, clock = new_id(), new_id(), self._project.clock
        name = name or f"{Path(entry).stem or 'session'}-{short(run_id)}"
        new = NewRun(name=name, experiment=experiment, actor=self._project.actor, source={"entry": entry})
        opened = Opened(journal_id=journal_id, run_id=run_id, owner=this_process(), at=clock.now(), run=new)
        self._path = journals_folder(self._project) / f"{journal_id}.journal"
        journal = Journal(self._path, opened)
        self.run = Run(
            run_id, open_journal=lambda: journal, open_store=lambda: self._project.store, name=name, clock=clock
        )
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._ship()
        self._shipper = threading.Thread(target=self._ship_always, name="mlwright-ship", daemon=True)
        self._shipper.start()

    def end(self, status: str, error: BaseException | None) -> None:
        """Write how the run ended, and ship what is left; what can't be shipped now is shipped at the next start."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._shipper.join()
        self.run.close(
            Closed(
                status=status,
                error=None if error is None else _described(error),
                at=self._project.clock.now(),
                duration_s=time.monotonic() - self._started,
            )
        )
        self._ship()

    def _ship_always(self) -> None:
        while not self._ended.wait(SHIP_EVERY_S):
            self._ship()

    def _ship(self) -> None:
        from mlwright.tracking import shipping

        try:
            shipping.ship(self._project, self._path)
        except Transient:
            # The journal keeps everything: the next round, or the next start, ships it.
            return


def journals_folder(project: Project) -> Path:
    """Return where the journals of plain scripts are."""
    return project.settings.home / "journals"


def _end_with_process(script: _ScriptRun) -> None:
    context.set_fallback(None)
    # The interpreter keeps the exception that ended the main program.
    error = getattr(sys, "last_value", None)
    if error is None:
        script.end("succeeded", None)
    elif isinstance(error, KeyboardInterrupt):
        script.end("cancelled", None)
    else:
        script.end("failed", error)


def _described(error: BaseException) -> dict[str, Any]:
    return {"type": type(error).__qualname__, "what": str(error) or type(error).__qualname__}


def _script() -> str:
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return Path(file).name if file else ""
