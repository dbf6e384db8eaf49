"""How a run's progress is shown: a bar on a terminal, a line for each finished step elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mlwright.cli.output import say
from mlwright.core.ids import short

if TYPE_CHECKING:
    from mlwright.pipelines import Progress as Seen

_TOLD = {
    "step-succeeded": "done",
    "step-cached": "cached",
    "step-failed": "failed",
    "step-retried": "tried again",
}


class RunProgress:
    """Shows a run's progress on stderr, and how to go on when it is interrupted.

    Attributes:
        run_id: The run, once it has begun.
    """

    def __init__(self) -> None:
        self.run_id = ""
        self._running: list[str] = []
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, seen: Seen) -> None:
        """Show what was reached."""
        self.run_id = seen.run_id
        if seen.kind == "step-started":
            self._running.append(seen.step)
        elif seen.step in self._running:
            self._running.remove(seen.step)
        if self._bar is not None:
            text = ", ".join(self._running) or f"run {short(seen.run_id)}"
            self._bar.update(self._task, total=seen.total or None, completed=seen.done, description=text)
        elif seen.kind in _TOLD:
            said = f"{seen.step}: {_TOLD[seen.kind]}"
            say(f"[{seen.done}/{seen.total}] {said}" + (f" ({seen.reason})" if seen.reason else ""))

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is KeyboardInterrupt and self.run_id:
            say(f"interrupted; go on with: mlwright run --resume {short(self.run_id)}")
