"""What this machine can do at this moment: speed is asserted beside it, and so on any machine."""

from __future__ import annotations

import time


def floor_s() -> float:
    """Return the CPU seconds of 100,000 turns of a loop in Python, the best of five tries: 3 to 6 ms."""
    return min(_turns() for _ in range(5))


def _turns() -> float:
    started = time.thread_time()
    total = 0
    for number in range(100_000):
        total += number & 7
    return time.thread_time() - started
