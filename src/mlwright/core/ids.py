"""Identifiers that sort by time and can be shortened.

An id is 26 characters of Crockford's base 32 in lower case (a ULID): 48 bits of milliseconds, then 80 random bits.
Ids made in one process in the same millisecond still sort in the order they were made. People see and type the last
eight characters (`short`), which are random, not the first, which all neighbours share.
"""

from __future__ import annotations

import os
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
SHORT_LENGTH = 8

_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(10 * (_LENGTH // 2 - 1), -1, -10)

_lock = threading.Lock()
_last_ms = 0
_last_random = 0


def new_id(at_ms: int | None = None) -> str:
    """Return a new id.

    Args:
        at_ms: Milliseconds since 1970 to sort by; now by default.

    Example:
        >>> first, second = new_id(), new_id()
        >>> len(first), first < second
        (26, True)
    """
    global _last_ms, _last_random
    with _lock:
        now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
        if at_ms is None and now_ms <= _last_ms:
            now_ms = _last_ms
            _last_random += 1 + int.from_bytes(os.urandom(4), "big")
        else:
            _last_random = int.from_bytes(os.urandom(10), "big") >> 1
        if at_ms is None:
            _last_ms = now_ms
        return _encode((now_ms << 80) | (_last_random & ((1 << 80) - 1)))


def derived_id(*parts: str, at_ms: int | None = None) -> str:
    """Return the id that always belongs to these parts: the same parts give the same id on every machine.

    Used where a retried or resumed act must find what it made before instead of making it twice.

    Args:
        parts: What the id is derived from.
        at_ms: Milliseconds since 1970 to sort by, like other ids; without them the id sorts anywhere.
    """
    import hashlib

    value = int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:16], "big")
    return _encode(value if at_ms is None else (at_ms << 80) | (value & ((1 << 80) - 1)))


def short(id_: str) -> str:
    """Return the form that people see: the last eight characters."""
    return id_[-SHORT_LENGTH:]


def _encode(value: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])
