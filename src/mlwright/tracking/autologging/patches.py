"""Attributes of classes and modules that are replaced, and put back exactly as they were."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_ABSENT = object()


class Patches:
    """What was replaced, in order."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []
        self._lock = threading.Lock()

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute by what `make` returns for it.

        Args:
            owner: A class or a module.
            name: The attribute; one that a class inherits is put before the inherited one.
            make: Returns the new value; is given the value before.
        """
        with self._lock:
            own = vars(owner).get(name, _ABSENT)
            new = make(getattr(owner, name) if own is _ABSENT else own)
            setattr(owner, name, new)
            self._done.append((owner, name, own, new))

    def undo(self) -> None:
        """Put everything back, except what somebody else has replaced since: theirs still calls ours."""
        with self._lock:
            while self._done:
                owner, name, own, new = self._done.pop()
                if vars(owner).get(name) is not new:
                    continue
                if own is _ABSENT:
                    delattr(owner, name)
                else:
                    setattr(owner, name, own)
