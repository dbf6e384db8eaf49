"""Runs of plain scripts: begun by `start_run` or by the first `log_*`, shipped in the background."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from mlwright.core.ids import new_id, short
from mlwright.core.masking import mask
from mlwright.core.settings import Settings
from mlwright.errors import InvalidUsage, MlwrightError, NotFound, Transient
from mlwright.ledger import debts
from mlwright.ledger.runs import DEFAULT_EXPERIMENT
from mlwright.tracking import checking, context, output
from mlwright.tracking.destinations import Ended, Shipped
from mlwright.tracking.journal import Journal
from mlwright.tracking.records import Closed, NewRun, Opened
from mlwright.tracking.run import Run
from mlwright.tracking.shipper import shipper

if TYPE_CHECKING:
    from mlwright.ledger.resuming import Resumable
    from mlwright.project import Project
    from mlwright.tracking.destinations import Destination

_log = logging.getLogger("mlwright.tracking")
_open: list[ScriptRun] = []
_lock = threading.Lock()


def start_run(
    name: str | None = None,
    experiment: str = DEFAULT_EXPERIMENT,
    *,
    resume: bool | Literal["allow"] | str = False,
    tags: Mapping[str, str] | None = None,
    note: str = "",
    project: Project | None = None,
) -> ScriptRun:
    """Begin a run, or go on with one. Its end is that of its `with` block; without one, `end()` or the process's.

    Inside another run it is a part of that one (`parent_id`).

    Args:
        name: What people call the run; made from the script's name when not given.
        experiment: The experiment that it belongs to; a path like `vision/defects/resnet`.
        resume: True goes on with the newest run of this name in this experiment: its id, and each metric's steps, go
            on. "allow" does so if there is one. Any other text is the id of the run to go on with.
        tags: Set at once.
        note: What people should know of it.
        project: Where it is recorded; by default the server that `MLWRIGHT_SERVER` names, else the process's project.

    Raises:
        NotFound: There is no run to go on with.

    Example:
        >>> with start_run("baseline") as run:  # doctest: +SKIP
        ...     run.log_metrics({"auc": 0.74})
    """
    for text, noun in ((name, "run"), (experiment, "experiment")):
        if text is not None:
            checking.name_of(text, noun)
    destination = _destination(project)
    found = _resumable(destination, name, experiment, resume) if resume else None
    script = NewRun(
        name=found.name if found else name or "",
        experiment=found.experiment if found else experiment,
        actor=destination.settings.actor,
        note=checking.text_of("note", note),
        resumed=found is not None,
    )
    run = ScriptRun(destination, script, found)
    if tags:
        run.set_tags(tags)
    return run


def begin_implicit() -> Run:
    """Begin the run of a script that logs without having said `start_run`; it ends with the process."""
    return start_run()


class ScriptRun(Run):
    """The run of a plain script; made by `start_run`.

    Args:
        destination: Where it is recorded.
        new: What is known of it.
        found: The run that it goes on with.

    Attributes:
        opened: What its journal begins with.
        has_printed: True when there is a file of what it printed.
    """

    def __init__(self, destination: Destination, new: NewRun, found: Resumable | None = None) -> None:
        from mlwright.ledger.leases import this_process

        self.destination = destination
        entry = _script()
        outer = context.current_run()
        run_id, journal_id = found.run_id if found else new_id(), new_id()
        new = msgspec.structs.replace(
            new,
            name=new.name or f"{Path(entry).stem or 'session'}-{short(run_id)}",
            source={"entry": entry},
            parent_id=None if outer is None or outer.id == run_id else outer.id,
        )
        self.opened = Opened(
            journal_id=journal_id, run_id=run_id, owner=this_process(), at=destination.clock.now(), run=new
        )
        self._path = destination.settings.home / "journals" / f"{journal_id}.journal"
        self._kept = journal = Journal(self._path, self.opened)
        super().__init__(
            run_id,
            open_journal=lambda: journal,
            open_store=destination.store,
            name=new.name,
            clock=destination.clock,
        )
        if found:
            self._next_step.update(found.steps)
        self.outer = outer
        self.experiment = new.experiment
        self._process = os.getpid()
        self._started = time.monotonic()
        self._shipping = threading.Lock()
        self._shipped = 0
        self._over = False
        self._is_young = True
        self.has_printed = False
        self._stops = _captures(self, destination.settings, self._path)
        context.enter(self)
        with _lock:
            _open.append(self)
        shipper.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(*_ending(error))

    def end(
        self, status: Literal["succeeded", "failed", "cancelled"] = "succeeded", error: BaseException | None = None
    ) -> None:
        """End the run. It is in the ledger a moment later: at once for this process, within a second for others.

        What can't be shipped then is shipped as soon as it can be, or at the next start. Ending it again, or in a
        process that was forked from its own, does nothing.

        Args:
            status: How it went.
            error: What it failed with.
        """
        with _lock:
            if self._over or os.getpid() != self._process:
                return
            self._over = True
            if self in _open:
                _open.remove(self)
        shipper.remove(self)
        context.leave(self)
        with self._lock:
            # Nothing is begun for it from now on.
            stops, self._stops = self._stops, []
        for stop in reversed(stops):
            stop()
        closed = Closed(
            status=status,
            error=None if error is None else _described(error),
            at=self.clock.now(),
            duration_s=time.monotonic() - self._started,
        )
        try:
            self.close(closed)
        except Transient:
            # The disk may have room when the run is ended again: by its owner, or with the process.
            with _lock:
                self._over = False
                _open.append(self)
            shipper.add(self)
            raise
        shipper.finish(self)

    def ship(self) -> None:
        """Ship what is new.

        Raises:
            Transient: The destination is out of reach; the journal keeps everything.
        """
        self._begin_later()
        with debts.busy(), self._shipping:
            if self._path.exists() or (self._journal is not None and self._journal.restore()):
                self.has_arrived(self.destination.ship(self._path, self.opened, since=self._shipped))

    def _begin_later(self) -> None:
        from mlwright.tracking import capture

        with self._lock:
            if self._is_young and not self._over:
                self._stops += capture.begin_later(self, self.destination.settings)
            self._is_young = False

    @contextmanager
    def shipping_end(self) -> Iterator[Ended | None]:
        """Keep others from shipping the journal for a block; None when there is nothing left to ship."""
        with self._shipping:
            is_there = self._path.exists()
            yield Ended(self._kept.whole(), self.opened, self._shipped) if is_there else None

    def has_arrived(self, shipped: Shipped) -> None:
        """Take note of how far the journal is shipped; it is removed when that is all of it."""
        self._shipped = shipped.position
        if shipped.closed:
            shipper.remove(self)
            self._path.unlink(missing_ok=True)
            if self.has_printed:
                output.file_beside(self._path).unlink(missing_ok=True)

    def ship_the_rest(self) -> None:
        """Ship what is left of a run that has ended; what can't be shipped now is shipped at the next start."""
        from mlwright.tracking import recovery

        try:
            self.ship()
            shipper.recover(self.destination)
        except Transient as error:
            # As long as the process lives, it tries on.
            shipper.add(self)
            _log.warning(
                "run %s is kept in %s until it can be shipped: by the next start, or mlwright sync\n%s",
                short(self.id),
                self._path,
                error,
            )
        except MlwrightError as error:
            if self._path.exists():
                recovery.refuse(self._path, error)
        except Exception:  # noqa: BLE001  # boundary: the end of a run; a fault of ours must not fail a training that is done
            shipper.add(self)
            _log.exception("run %s could not be shipped and is kept in %s", short(self.id), self._path)


def _destination(project: Project | None) -> Destination:
    from mlwright.tracking.destinations import destination

    outer = context.current_run()
    if project is None and outer is not None:
        if isinstance(outer, ScriptRun):
            return outer.destination
        if outer.project_source is not None:
            project = context.current_project()
    return destination(project)


def _resumable(destination: Destination, name: str | None, experiment: str, resume: bool | str) -> Resumable | None:
    by_name = resume is True or resume == "allow"
    if by_name and name is None:
        raise InvalidUsage("which run is to be resumed?", fix="start_run('its name', resume=True)")
    # What a killed process left has to be there, for the steps to go on after it.
    shipper.recover(destination, again=True)
    if by_name:
        found = destination.find(name=name or "", experiment=experiment)
    else:
        found = destination.find(run_id=str(resume))
    if found is None and resume != "allow":
        what = f"run '{name}' of the experiment '{experiment}'" if by_name else f"run '{resume}'"
        raise NotFound(f"there is no {what} to resume.", fix='resume="allow" begins one when there is none')
    return found


def _captures(run: ScriptRun, settings: Settings, journal: Path) -> list[Any]:
    """Begin what is captured with a run; return what ends it."""
    from mlwright.tracking import capture

    return capture.begin(run, settings, journal)


def _end_with_process() -> None:
    # The interpreter keeps the exception that ended the main program.
    error = getattr(sys, "last_value", None)
    # A copy: in a process that was forked, ending the parent's runs does nothing, and they stay in the list.
    for run in reversed(_open.copy()):
        try:
            run.end(*_ending(error))
        except MlwrightError as failure:
            _log.warning("the end of run %s is not recorded: %s", short(run.id), failure)
    shipper.settle()


atexit.register(_end_with_process)


def _ending(error: BaseException | None) -> tuple[Literal["succeeded", "failed", "cancelled"], BaseException | None]:
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "succeeded", None
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return "cancelled", None
    return "failed", error


def _described(error: BaseException) -> dict[str, Any]:
    """Return an error as it is recorded: without secrets, and without what no database keeps."""
    text = str(error).encode("utf-8", "replace").decode().replace("\x00", "?")
    return {"type": type(error).__qualname__, "what": mask(text) or type(error).__qualname__}


def _script() -> str:
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return Path(file).name if file else ""
