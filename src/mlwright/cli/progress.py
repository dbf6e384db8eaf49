"""How a run's progress is shown: bars on a terminal, a line for each finished step elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self


class Progress:
    """Shows a run's progress on stderr."""

    def __call__(self, seen: Any) -> None:
        """Show what was reached."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
