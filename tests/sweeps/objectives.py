"""Objectives that worker processes of tests can import."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlwright
from mlwright.sweeps import Sweep, Trial, choice, integers, uniform

SPACE = {"x": uniform(-3, 3), "k": integers(1, 5), "kind": choice(["a", ["b", 1]])}


def bowl(x: float, k: int, kind: Any) -> float:
    return (x - 1) ** 2 + k + (0 if kind == "a" else 1)


def slow_bowl(trial: Trial, x: float, k: int, kind: Any) -> float:
    """Log a point, write the trial down outside the ledger, and take a moment."""
    if "TRIED" in os.environ:
        tried = Path(os.environ["TRIED"])
        with tried.open("a") as file:
            file.write(f"{trial.number}\n")
        _wait_for_leave(tried, tried.with_name("allowed"))
    for step in range(3):
        mlwright.log_metrics({"loss": x + step})
        trial.report(bowl(x, k, kind), step)
        time.sleep(0.01)
    return bowl(x, k, kind)


def _wait_for_leave(tried: Path, allowed: Path) -> None:
    """Wait as long as more trials have begun than a file allows, so that a sweep can't get away from who kills it."""
    while allowed.exists() and len(tried.read_text().splitlines()) > int(allowed.read_text() or 0):
        time.sleep(0.02)


def hopeless(trial: Trial, x: float, k: int, kind: Any) -> float:
    """Report what is the worse the later it comes, so that pruners have something to stop."""
    for step in range(4):
        trial.report(trial.number * 10 + step, step)
    return float(trial.number)


def deadly(x: float, k: int, kind: Any) -> float:
    """Kill the process the first time."""
    with suppress(FileExistsError):
        os.close(os.open("died", os.O_CREAT | os.O_EXCL))
        os.kill(os.getpid(), signal.SIGKILL)
    return x


tuning = Sweep(slow_bowl, SPACE, name="tuning", trials=4, seed=3)

if __name__ == "__main__":
    tuning.run(trials=int(sys.argv[1]), parallel=int(sys.argv[2]), pruner=sys.argv[3] or None)
