"""What this process owes a ledger: changes that it has promised, and writes a moment later, many at once.

Whoever reads or writes that ledger in this process has them written first, so that nobody here can tell that they were
late. Other processes see them a moment later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_creditors: dict[str, Callable[[], None]] = {}


class _Here(threading.local):
    busy = 0


_here = _Here()


def owe(url: str, pay: Callable[[], None]) -> None:
    """Have something called before a ledger is read or written: it writes what is owed, if anything is.

    Args:
        url: The ledger's.
        pay: Doesn't raise; what can't be written now is written later.
    """
    _creditors[url] = pay


def settle(url: str) -> None:
    """Have written what is owed to a ledger, unless this thread is in the middle of a transaction."""
    pay = _creditors.get(url)
    if pay is not None and not _here.busy:
        pay()


def is_busy() -> bool:
    """Tell whether this thread is in the middle of a transaction, or is writing what is owed."""
    return _here.busy > 0


@contextmanager
def busy() -> Iterator[None]:
    """Mark a block in which this thread must not be asked to write what is owed."""
    _here.busy += 1
    try:
        yield
    finally:
        _here.busy -= 1
