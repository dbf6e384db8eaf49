"""Which run the code that is running belongs to.

In a worker process, and in a step that runs inline, it is the step's run. In a plain script it is the run of
`start_run`, or one that begins by itself with the first `log_*` and ends with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlwright.project import Project
    from mlwright.tracking.run import Run

_lock = threading.RLock()
_bound: ContextVar[Run | None] = ContextVar("mlwright_run", default=None)
#: The run of code in threads that were started without a context of their own.
_fallback: Run | None = None
_importing: ContextVar[bool] = ContextVar("mlwright_importing", default=False)


def current_run() -> Run | None:
    """Return the run that the calling code belongs to, None when it belongs to none.

    Example:
        >>> current_run() is None
        True
    """
    run = _bound.get() or _fallback
    # A run may have been ended by another thread than the one that began it.
    while run is not None and run.has_ended:
        run = run.outer
    return run


def active_run() -> Run | None:
    """Return the run to log to; a plain script that has none begins one, which ends with the process.

    None only while a worker imports the user's script: what its main part logs belongs to nobody there.
    """
    run = current_run()
    if run is not None or _importing.get():
        return run
    with _lock:
        if _fallback is None:
            from mlwright.tracking.scripts import begin_implicit

            return begin_implicit()
        return _fallback


def current_project() -> Project:
    """Return the project of the running step, else the process's own.

    A step that asks for its project acts on the ledger, not only through its outputs: its result is not cached.
    """
    run = current_run()
    if run is not None and run.project_source is not None:
        run.uncacheable = run.uncacheable or "the step used the project's ledger"
        return run.project_source()
    from mlwright import project

    return project.current()


@contextmanager
def bound(run: Run) -> Iterator[Run]:
    """Make a run the current one for a block, in this thread and in threads that it starts."""
    token = _bound.set(run)
    before = _fallback
    if before is None:
        set_fallback(run)
    try:
        yield run
    finally:
        _bound.reset(token)
        if before is None:
            set_fallback(None)


def enter(run: Run) -> None:
    """Make a run the current one of this thread, and of threads that it starts, until `leave`."""
    _bound.set(run)
    if _fallback is None:
        set_fallback(run)


def leave(run: Run) -> None:
    """Make the run around a run the current one again."""
    if _bound.get() is run:
        _bound.set(run.outer)
    if _fallback is run:
        set_fallback(None)


def only_here(run: Run) -> None:
    """Keep a run that was just begun to this thread: code of other threads does not log to it."""
    if _fallback is run:
        set_fallback(None)


@contextmanager
def importing_for_a_step() -> Iterator[None]:
    """Mark a block that imports a user's script only to find a step in it."""
    token = _importing.set(True)
    try:
        yield
    finally:
        _importing.reset(token)


def is_importing_for_a_step() -> bool:
    """Tell whether the user's script is being imported only to find a step in it."""
    return _importing.get()


def set_fallback(run: Run | None) -> None:
    """Set the run of code that has no context of its own."""
    global _fallback
    _fallback = run
