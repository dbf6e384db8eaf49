"""Fits that are watched: which one is the outermost, the run that it belongs to, and that nothing here can break it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from mlwright.ledger.runs import DEFAULT_EXPERIMENT
from mlwright.tracking import context
from mlwright.tracking.run import Run

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger("mlwright.autolog")
_lock = threading.RLock()
#: Thread -> the outermost fit that runs in it, of whichever library.
_active: dict[int, Fit] = {}
_told: set[str] = set()
#: Run -> how many fits it has seen.
_counted: WeakKeyDictionary[Run, int] = WeakKeyDictionary()


def _renew_after_fork() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged besides parameters and metrics.

    Attributes:
        datasets: Note the digest and the shape of the data.
        models: Keep the fitted model.
    """

    datasets: bool = True
    models: bool = True


def safely(place: str, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T | None:
    """Call a function; when it fails, say so once per process and place, and go on.

    Args:
        place: What was tried, for the message.
        call: What to call.
        args: What it is called with.
        more: And by name.
    """
    try:
        return call(*args, **more)
    except Exception as error:  # noqa: BLE001  # boundary: what can't be logged never breaks a training
        with _lock:
            is_new = place not in _told
            _told.add(place)
        if is_new:
            what = f"{type(error).__name__}: {error}"
            _log.warning("autolog: %s could not be logged; the training goes on\n%s", place, what)
        return None


def current_fit() -> Fit | None:
    """Return the outermost fit that the calling code is a part of."""
    thread: Any = threading.current_thread()
    while thread is not None:
        found = _active.get(thread.ident)
        if found is not None:
            return found
        # A thread of a pool (joblib's among them) knows the thread that made the pool.
        thread = getattr(thread, "_parent", None)
    return None


class Fits:
    """Watches the fits of one library, as long as that is wanted.

    Args:
        library: The library's name.
        options: What is logged.
    """

    def __init__(self, library: str, options: Options | None = None) -> None:
        self.library = library
        self.options = options or Options()
        self.is_on = True

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # A class that goes to another process with its methods isn't watched there.
        return _unwatched, (self.library,)

    @contextmanager
    def watch(self, name: str, *, is_logged: bool = True) -> Iterator[Fit | None]:
        """Watch a fit for a block; None inside another fit, and when fits aren't watched.

        Args:
            name: What a run that is begun for it is called.
            is_logged: False when only the fits inside it are to be kept from being logged on their own.
        """
        if not self.is_on or context.is_importing_for_a_step() or current_fit() is not None:
            yield None
            return
        fit = Fit(self)
        thread = threading.get_ident()
        _active[thread] = fit
        error: BaseException | None = None
        try:
            if is_logged:
                safely("the run of a fit", fit.begin, name)
            fit.started = time.perf_counter()
            yield fit if fit.run is not None else None
        except BaseException as raised:
            error = raised
            raise
        finally:
            _active.pop(thread, None)
            safely("the end of a fit", fit.end, error)


def _unwatched(library: str) -> Fits:
    fits = Fits(library)
    fits.is_on = False
    return fits


class Fit:
    """One fit and the run that it is logged to.

    Args:
        fits: What watches it.

    Attributes:
        run: The run; None when it isn't logged.
        prefix: What its names begin with: empty for the first fit of a run.
        iterations_of: The library whose iterations are its own; empty when they are those of many models.
        started: When it began.
    """

    def __init__(self, fits: Fits) -> None:
        self.library = fits.library
        self.options = fits.options
        self.run: Run | None = None
        self.prefix = ""
        self.iterations_of = ""
        self.started = 0.0
        self._begun: Any = None

    def begin(self, name: str) -> None:
        """Find the run that it belongs to, or begin one."""
        from mlwright.tracking.scripts import start_run

        with _lock:
            run = context.current_run()
            if run is None:
                run = self._begun = start_run(name, tags={"autolog": self.library})
                context.only_here(run)
            count = _counted[run] = _counted.get(run, 0) + 1
        self.prefix = "" if count == 1 else f"fit_{count}/"
        self.run = run

    def end(self, error: BaseException | None) -> None:
        """End the run if it was begun for this fit."""
        if self._begun is not None:
            self._begun.__exit__(None if error is None else type(error), error, None)

    def claims(self, library: str) -> bool:
        """Tell whether the training that begins is the one whose iterations are its own; true once."""
        if self.run is None or self.iterations_of != library:
            return False
        self.iterations_of = ""
        return True

    @contextmanager
    def part(self, name: str) -> Iterator[Fit]:
        """Begin a run inside its run for a block."""
        from mlwright.tracking.scripts import start_run

        part = Fit(Fits(self.library, self.options))
        with _lock:
            experiment = getattr(self.run, "experiment", DEFAULT_EXPERIMENT)
            uncacheable = "" if self.run is None else self.run.uncacheable
            run = start_run(name, experiment, tags={"autolog": self.library})
            context.only_here(run)
            if self.run is not None:
                # The step that it is a part of did not itself ask for its project.
                self.run.uncacheable = uncacheable
        part.run = run
        with run:
            yield part

    def took(self) -> None:
        """Log how long it took until now."""
        self.metrics({"training/fit_s": time.perf_counter() - self.started})

    def tag(self, name: str, text: str) -> None:
        """Set a tag."""
        if self.run is not None:
            self.run.set_tags({self.prefix + name: text})

    def params(self, found: dict[str, Any]) -> None:
        """Log parameters of any type."""
        from mlwright.tracking.autologging import plain

        if self.run is not None and found:
            self.run.log_params(plain.params(found, self.prefix))

    def metrics(self, found: dict[str, float], *, step: int | None = None) -> None:
        """Log metrics."""
        if self.run is not None and found:
            self.run.log_metrics({self.prefix + key: value for key, value in found.items()}, step=step)

    def iteration(self, found: dict[str, float], step: int) -> None:
        """Log what an iteration came to; an error is swallowed."""
        safely(f"an iteration of {self.library}", self.metrics, found, step=step)

    def table(self, name: str, rows: Any) -> None:
        """Keep a table."""
        if self.run is not None and rows:
            self.run.log_table(self.prefix + name, rows)

    def file(self, name: str, path: Path) -> None:
        """Keep the content of a file."""
        if self.run is not None:
            self.run.log_artifact(self.prefix + name, path, codec="file")

    def dataset(self, data: Any, context: str) -> None:
        """Note the digest and the shape of some data, if that is wanted."""
        if self.run is not None and self.options.datasets and data is not None:
            self.run.log_dataset(data, context=self.prefix + context)

    def model(self, name: str, content: Callable[[], Any], codec: str) -> None:
        """Keep a fitted model, if that is wanted; a tag says why when no codec keeps it without pickle.

        Args:
            name: Name of the artifact.
            content: Returns what to keep.
            codec: How it is kept.
        """
        from mlwright.errors import MissingExtra, TypeMismatch

        if self.run is None or not self.options.models:
            return
        try:
            self.run.log_artifact(self.prefix + name, content(), codec=codec)
        except (TypeMismatch, MissingExtra) as error:
            self.tag("autolog.model", f"not kept: {error.what}")
