"""Waits for modules to be imported by somebody else, without importing them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

#: Called with a module once it has been imported.
Arrived = Callable[[ModuleType], None]

_waiting: dict[str, list[Arrived]] = {}
_lock = threading.Lock()


def when_imported(name: str, arrived: Arrived) -> Callable[[], None]:
    """Call a function with a module: now if it is imported, else as soon as it is; return what stops waiting.

    Example:
        >>> stop = when_imported("json", lambda module: print(module.__name__))
        json
    """
    module = sys.modules.get(name)
    # A module that is being imported right now is among sys.modules, unfinished.
    if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
        arrived(module)
        return _nothing
    with _lock:
        _waiting.setdefault(name, []).append(arrived)
        if _FINDER not in sys.meta_path:
            sys.meta_path.insert(0, _FINDER)
    return lambda: _stop(name, arrived)


def _stop(name: str, arrived: Arrived) -> None:
    with _lock:
        left = [one for one in _waiting.pop(name, []) if one is not arrived]
        if left:
            _waiting[name] = left
        if not _waiting and _FINDER in sys.meta_path:
            sys.meta_path.remove(_FINDER)


def _nothing() -> None:
    """Do nothing: nobody waits any more."""


class _Finder:
    """Finds what the other finders find, and has its loader tell when the module is there."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _waiting:
            return None
        for finder in sys.meta_path.copy():
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    """A module's loader, which is put back in its place once the module is there."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        with _lock:
            arrived = _waiting.pop(module.__name__, [])
            if not _waiting and _FINDER in sys.meta_path:
                sys.meta_path.remove(_FINDER)
        for one in arrived:
            one(module)


_FINDER: Any = _Finder()
