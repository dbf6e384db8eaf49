"""Running one task in this process: inputs by digest, the user's function, outputs by digest."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.artifacts import codecs
from mlwright.artifacts.port import ArtifactStore
from mlwright.artifacts.store import open_store
from mlwright.core.clock import Clock, ReplayClock, SystemClock
from mlwright.core.ids import new_id
from mlwright.errors import MlwrightError, TypeMismatch
from mlwright.pipelines import types, values
from mlwright.pipelines.entry import resolve
from mlwright.pipelines.faults import describe_failure, users_traceback
from mlwright.pipelines.port import JOURNAL_FILE, Input, Many, Named, Report, Stored, StoredValue, Task
from mlwright.tracking import context
from mlwright.tracking.journal import Journal
from mlwright.tracking.records import Opened
from mlwright.tracking.run import Run

if TYPE_CHECKING:
    from mlwright.project import Project


def execute(task: Task, *, store: ArtifactStore | None = None, project: Callable[[], Project] | None = None) -> Report:
    """Run a task and tell how it went; an exception of the user's code ends up in the report, never here.

    Args:
        task: What to run.
        store: Where inputs and outputs are; opened by the task's settings when not given.
        project: Gives the project that the step may ask for; opened by the task's settings when not given.

    Raises:
        KeyboardInterrupt: The user interrupts.
    """
    own = False
    run = _run_of(task, project)
    try:
        opened = store or open_store(task.settings["artifacts"], durability=task.settings.get("durability", "full"))
        function = resolve(task.entry, task.roots)
        arguments = _arguments(task, function, opened)
        with context.bound(run), _environment(task.env):
            own = True
            value = function(**arguments)
            own = False
        outputs = _save(task, value, function, opened)
        return Report(outputs=tuple(outputs), uncacheable=run.uncacheable)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # boundary: the user's code may raise whatever it likes, SystemExit too
        sys.stderr.write(users_traceback(error) if own or not isinstance(error, MlwrightError) else f"{error}\n")
        return Report(failure=describe_failure(error, own=own))
    finally:
        run.close()


def load_input(given: Input, store: ArtifactStore, *, allow_pickle: bool = False) -> Any:
    """Return the value of an input."""
    if isinstance(given, Stored):
        return codecs.load(store, given.digest, given.codec, allow_pickle=allow_pickle)
    if isinstance(given, Many):
        return [load_input(item, store, allow_pickle=allow_pickle) for item in given.items]
    if isinstance(given, Named):
        return {name: load_input(item, store, allow_pickle=allow_pickle) for name, item in given.items.items()}
    return given.value


def _arguments(task: Task, function: Callable[..., Any], store: ArtifactStore) -> dict[str, Any]:
    hints = types.annotations_of(function)
    found: dict[str, Any] = {}
    for name, given in task.inputs.items():
        value, hint = load_input(given, store, allow_pickle=task.allow_pickle), hints.get(name, Any)
        try:
            found[name] = values.from_plain(value, hint)
        except TypeMismatch:
            raise TypeMismatch(
                f"argument '{name}' of step '{task.step}' takes {types.describe(hint)}, and gets {_shown(value)}.",
                why=f"its type is {types.describe(type(value))}",
                fix="change the annotation, or what the step before returns",
            ) from None
    return found


def _save(task: Task, value: Any, function: Callable[..., Any], store: ArtifactStore) -> Iterator[StoredValue]:
    hint = types.annotations_of(function).get("return", Any)
    if not types.matches(value, hint):
        raise TypeMismatch(
            f"step '{task.step}' returns {_shown(value)}, and is declared to return {types.describe(hint)}.",
            why=f"the type of the value is {types.describe(type(value))}",
            fix="change the annotation or the value",
        )
    parts = [value] if task.shape == "single" else list(value)
    for output, part in zip(task.outputs, parts, strict=True):
        try:
            saved = codecs.save(store, part, codec=output.codec or None, allow_pickle=task.allow_pickle)
        except TypeMismatch as error:
            raise TypeMismatch(
                f"output '{output.name}' of step '{task.step}': {error.what}", why=error.why, fix=error.fix
            ) from None
        yield StoredValue(
            name=output.name,
            digest=saved.digest,
            codec=saved.codec,
            type=saved.type,
            size_bytes=saved.size_bytes,
            kind=saved.kind,
        )


def _run_of(task: Task, project: Callable[[], Project] | None) -> Run:
    clock: Clock = SystemClock() if task.event_time is None else ReplayClock(task.event_time)

    def open_journal() -> Journal:
        opened = Opened(journal_id=new_id(), run_id=task.run_id, step=task.step, attempt=task.attempt, at=clock.now())
        return Journal(Path(task.folder) / JOURNAL_FILE, opened)

    run = Run(
        task.run_id,
        step=task.step,
        name=task.run_name,
        clock=clock,
        open_journal=open_journal,
        open_store=lambda: open_store(task.settings["artifacts"]),
    )
    run.project_source = project or _ProjectOf(task, clock)
    return run


class _ProjectOf:
    """Opens the project of a task once, when it is first asked for."""

    def __init__(self, task: Task, clock: Clock) -> None:
        self._task = task
        self._clock = clock
        self._project: Project | None = None

    def __call__(self) -> Project:
        if self._project is None:
            from mlwright.project import Project

            settings: dict[str, Any] = dict(self._task.settings)
            self._project = Project.open(Path(settings.pop("root")), clock=self._clock, create=False, **settings)
        return self._project


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a block; in a process of its own they are set from its start."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
