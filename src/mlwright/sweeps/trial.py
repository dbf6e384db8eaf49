"""A trial as an objective sees it, and the run that it logs to."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.ids import new_id
from mlwright.errors import InvalidInput, Unsupported
from mlwright.ledger.leases import this_process
from mlwright.ledger.sweeps import FAILED, FINISHED, PRUNED, REPORTED
from mlwright.sweeps.space import call_with
from mlwright.sweeps.values import Outcome
from mlwright.tracking import context
from mlwright.tracking.destinations import Destination, LedgerDestination, journals_folder
from mlwright.tracking.journal import Journal
from mlwright.tracking.records import Opened
from mlwright.tracking.run import Run
from mlwright.tracking.shipper import shipper

if TYPE_CHECKING:
    from mlwright.project import Project

#: Takes a step and a value that was reported there; tells whether the trial is to be stopped.
OnReport = Callable[[int, float], bool]


class Pruned(BaseException):
    """Ends a trial that isn't worth going on with. No `Exception`, so that code which handles those lets it through."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that is to be run.

    Attributes:
        run_id: Its run, which is in the ledger already.
        name: What people call the run.
        number: Its place in the sweep.
        params: What to try.
        values: How many values the objective gives.
    """

    run_id: str
    name: str
    number: int
    params: dict[str, Any]
    values: int = 1


class Trial:
    """One trial, given to an objective whose first parameter is called `trial`.

    Attributes:
        number: Its place in the sweep, from 0.
        params: What is tried.
        run: Its run; `mlwright.log_metrics` and the like log to it, too.
    """

    def __init__(self, task: Task, run: Run, on_report: OnReport) -> None:
        self.number = task.number
        self.params: Mapping[str, Any] = dict(task.params)
        self.run = run
        self._several = task.values > 1
        self._on_report = on_report

    def __repr__(self) -> str:
        return f"Trial({self.number}, {dict(self.params)!r})"

    def report(self, value: float, step: int) -> None:
        """Tell how the trial stands on the way; when it isn't worth going on with, it ends here.

        Args:
            value: The objective's value as of now.
            step: How far the trial is, for example the epoch; whole and not negative.

        Raises:
            Pruned: The sweep's pruner stops the trial. Let it through.
            InvalidInput: The value is no number, or the step no whole one.
            Unsupported: The objective gives several values.
        """
        if self._several:
            raise Unsupported(
                "a trial of several objectives can't be reported on.", fix="log the values with log_metrics instead"
            )
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InvalidInput(f"a trial reported {value!r}, which is no number.") from None
        if isinstance(step, bool) or not isinstance(step, int) or step < 0:
            raise InvalidInput(
                f"a trial reported at the step {step!r}.", fix="give a whole number that is not negative"
            )
        self.run.log_metrics({REPORTED: number}, step=step)
        if self._on_report(step, number):
            raise Pruned


class TrialRun(Run):
    """The run of a trial, for whoever logs inside it. Its beginning and its end are the sweep's to record."""

    def __init__(self, task: Task, project: Project) -> None:
        self.destination: Destination = LedgerDestination(project)
        self._opened = Opened(journal_id=new_id(), run_id=task.run_id, owner=this_process(), at=project.clock.now())
        self._path: Path = journals_folder(project.settings) / f"{self._opened.journal_id}.journal"
        self._shipped = 0
        self._shipping = threading.Lock()
        super().__init__(
            task.run_id,
            open_journal=lambda: Journal(self._path, self._opened),
            open_store=lambda: project.store,
            name=task.name,
            clock=project.clock,
        )
        self.project_source = lambda: project

    def ship(self) -> None:
        """Ship what is new; see `mlwright.tracking.shipper`."""
        with self._shipping:
            if self._path.exists():
                self._shipped = self.destination.ship(self._path, self._opened, since=self._shipped).position

    def end(self) -> None:
        """Ship what is left; the journal isn't needed any more then.

        Raises:
            Transient: The ledger is out of reach; the journal keeps everything.
        """
        self.close()
        self.ship()
        self._path.unlink(missing_ok=True)


def carry_out(project: Project, objective: Callable[..., Any], task: Task, on_report: OnReport) -> Outcome:
    """Run a trial in this thread; what it logged is in the ledger when this returns.

    Raises:
        Transient: The ledger is out of reach; the trial's journal keeps everything.
    """
    run = TrialRun(task, project)
    trial = Trial(task, run, on_report)
    started_s = time.monotonic()
    shipper.add(run)
    try:
        with context.bound(run):
            outcome = _outcome(objective, trial, task)
    finally:
        shipper.remove(run)
        run.end()
    return msgspec.structs.replace(outcome, duration_s=time.monotonic() - started_s)


def _outcome(objective: Callable[..., Any], trial: Trial, task: Task) -> Outcome:
    try:
        given = call_with(objective, trial, task.params)
    except Pruned:
        return Outcome(kind=PRUNED)
    except Exception as error:  # noqa: BLE001  # boundary: the objective is code of the user's
        return Outcome(kind=FAILED, error=described(error))
    return checked(given, task.values)


def checked(given: Any, count: int) -> Outcome:
    """Return what an objective gave as an outcome: finished when it is as many finite numbers as there should be."""
    several = list(given) if isinstance(given, list | tuple) else [given]
    try:
        values = [float(value) for value in several]
    except (TypeError, ValueError):
        return _refused(f"the objective gave {given!r}, which is no number", count)
    if len(values) != count:
        return _refused(f"the objective gave {len(values)} values", count)
    if not all(map(math.isfinite, values)):
        return _refused(f"the objective gave {given!r}, which is not finite", count)
    return Outcome(kind=FINISHED, values=values)


def described(error: BaseException) -> dict[str, Any]:
    """Return an error as the ledger keeps it, with the line of the user's code that raised it."""
    from mlwright.pipelines.faults import user_frame

    told = {"type": type(error).__qualname__, "what": str(error) or type(error).__qualname__}
    frame = user_frame(error)
    return {**told, "why": frame} if frame else told


def _refused(what: str, count: int) -> Outcome:
    fix = "return one finite number" if count == 1 else f"return a list of {count} finite numbers"
    return Outcome(kind=FAILED, error={"type": "InvalidInput", "what": what + ".", "fix": fix})
