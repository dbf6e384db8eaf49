"""Locks and threads after `fork()`: a child has only the thread that forked, and locks that nobody will release."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """Something with locks or threads of its own."""

    def renew_after_fork(self) -> None:
        """Make it usable in a child process, where it was just copied to."""


_watched: WeakSet[Forkable] = WeakSet()


def watch(thing: Forkable) -> None:
    """Have something renewed in every child process that is forked from now on."""
    _watched.add(thing)


def _renew() -> None:
    for thing in list(_watched):
        thing.renew_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
