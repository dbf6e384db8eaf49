"""The engine: what one more step costs, in process and isolated, with every fact in the ledger.

The floor of a step in process is one durable commit, that of an isolated step a forked child and the same commit.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness import Case


@contextmanager
def step_inline(folder: Path) -> Iterator[Case]:
    """Run a chain of steps in this process."""
    with _chain(folder, "inline", steps=40) as case:
        yield case


@contextmanager
def step_process(folder: Path) -> Iterator[Case]:
    """Run a chain of steps, each in a process of its own."""
    with _chain(folder, "process", steps=10) as case:
        yield case


@contextmanager
def _chain(folder: Path, executor: str, *, steps: int) -> Iterator[Case]:
    from mlwright import pipelines
    from mlwright.project import Project

    (folder / "chain.py").write_text(
        "from mlwright import pipeline, step\n\n\n"
        "@step(cache=False)\ndef add(value: int) -> int:\n    return value + 1\n\n\n"
        "@pipeline\ndef chain(start: int = 0):\n    value = start\n"
        f"    for _ in range({steps}):\n        value = add(value)\n    return value\n"
    )
    chain = pipelines.load_target(f"{folder / 'chain.py'}:chain")
    raw = sqlite3.connect(folder / "raw.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("CREATE TABLE steps (seq INTEGER PRIMARY KEY, name TEXT, value INTEGER)")

    with Project.open(folder, home=folder / "home") as project:

        def ours(operations: int) -> None:
            assert pipelines.run(project, chain, {}, executor=executor).result == operations

        def floor(operations: int) -> None:
            for number in range(operations):
                if executor == "process":
                    _fork()
                raw.execute("BEGIN IMMEDIATE")
                raw.execute("INSERT INTO steps VALUES (NULL, 'add', ?)", (number,))
                raw.execute("COMMIT")

        floor_name = "fork and sqlite3 commit" if executor == "process" else "sqlite3 commit"
        yield Case(f"pipeline: step, {executor}", floor_name, steps, ours, floor, "step")
    raw.close()


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
