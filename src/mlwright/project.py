"""An open project: its settings, its ledger and its artifacts. Every use case takes one as its first argument."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from mlwright.artifacts.store import ArtifactStore, open_store
from mlwright.core.clock import Clock, SystemClock
from mlwright.core.settings import Settings, resolve
from mlwright.ledger import Ledger


class Project:
    """Settings, ledger and artifacts of one project. Safe to share between threads.

    Attributes:
        settings: Where everything is.
        ledger: The facts.
        store: The artifacts.
    """

    def __init__(self, settings: Settings, ledger: Ledger, store: ArtifactStore) -> None:
        self.settings = settings
        self.ledger = ledger
        self.store = store

    @classmethod
    def open(
        cls, start: Path | None = None, *, clock: Clock | None = None, create: bool = True, **settings: Any
    ) -> Project:
        """Open the project that a folder belongs to.

        Args:
            start: Folder to look from; the working directory by default.
            clock: What facts are stamped with.
            create: Whether an absent ledger may be made.
            settings: Settings that win over environment and project file.
        """
        resolved = resolve(start, **settings)
        ledger = Ledger(resolved.ledger, clock=clock, durability=resolved.durability, create=create)
        return cls(resolved, ledger, open_store(resolved.artifacts, durability=resolved.durability))

    @property
    def clock(self) -> Clock:
        """What facts are stamped with."""
        return self.ledger.clock

    @property
    def actor(self) -> str:
        """Who acts when nobody else is named."""
        return self.settings.actor

    def close(self) -> None:
        """Give back the ledger's connections."""
        self.ledger.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Project({str(self.settings.root)!r})"


_lock = threading.Lock()
_current: Project | None = None


def current() -> Project:
    """Return the process's project, opening that of the working directory when none was set."""
    global _current
    with _lock:
        if _current is None:
            _current = Project.open(clock=SystemClock())
        return _current


def opened() -> Project | None:
    """Return the process's project if it was set or opened already, without opening one."""
    return _current


def use(project: Project | None) -> Project | None:
    """Make a project the process's own (None forgets it); return the one before."""
    global _current
    with _lock:
        before, _current = _current, project
        return before
