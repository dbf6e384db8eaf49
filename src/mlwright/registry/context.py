"""What a registration knows without being told: the project, the run and the step that the calling code belongs to."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mlwright import tracking

if TYPE_CHECKING:
    from mlwright.project import Project

_lock = threading.Lock()
_made: WeakKeyDictionary[tracking.Run, Counter[str]] = WeakKeyDictionary()


def project_of(given: Project | None) -> Project:
    """Return the project to act on: the one given, else the running step's, else the process's own."""
    return given or tracking.current_project()


def run_and_step() -> tuple[str | None, str]:
    """Return the id of the current run and the key of its step; (None, "") outside a run."""
    run = tracking.current_run()
    return (run.id, run.step) if run else (None, "")


def key_of_step(what: str, name: str) -> str | None:
    """Return the idempotency key of an act in a pipeline's step, None outside one.

    A step that is retried makes the same keys again, in the same order: what its first attempt did is found, not done
    twice. An act that a step does several times on purpose gets a key each time.
    """
    run = tracking.current_run()
    if run is None or not run.step:
        return None
    with _lock:
        made = _made.setdefault(run, Counter())
        made[f"{what}:{name}"] += 1
        nth = made[f"{what}:{name}"]
    return f"{run.id}:{run.step}:{what}:{name}" + (f":{nth}" if nth > 1 else "")
