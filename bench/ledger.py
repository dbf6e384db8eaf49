"""The ledger: one event in one durable transaction, beside the same row through the driver alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness import Case
from mlwright.ledger import Ledger

_DATA = {"run": "01k9z3v5w8f2a7c6d4e1b0h9gm", "status": "succeeded", "duration_s": 12.5}
_ROW = ("01k9z3v5w8f2a7c6d4e1b0h9gm", "run.succeeded", "run/1", 1.0, 2.0, "user:ada", "{}" + " " * 80)


@contextmanager
def event_commit(folder: Path) -> Iterator[Case]:
    """Commit events one by one, WAL and synchronous=FULL on both sides: each waits for the disk."""
    raw = sqlite3.connect(folder / "raw.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT, type TEXT, subject TEXT, at REAL, recorded_at REAL,"
        " actor TEXT, data TEXT)"
    )

    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:

        def ours(count: int) -> None:
            for _ in range(count):
                with ledger.write("user:ada") as tx:
                    tx.emit("run.succeeded", "run/1", **_DATA)

        def floor(count: int) -> None:
            for _ in range(count):
                raw.execute("BEGIN IMMEDIATE")
                raw.execute("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", _ROW)
                raw.execute("COMMIT")

        yield Case("ledger: commit an event", "sqlite3, same durability", 200, ours, floor, "event")
    raw.close()


@contextmanager
def event_batch(folder: Path) -> Iterator[Case]:
    """Write many events in one transaction: what a row costs when the disk is waited for once."""
    raw = sqlite3.connect(folder / "raw.db", isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT, type TEXT, subject TEXT, at REAL, recorded_at REAL,"
        " actor TEXT, data TEXT)"
    )

    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:

        def ours(count: int) -> None:
            with ledger.write("user:ada") as tx:
                for _ in range(count):
                    tx.emit("run.succeeded", "run/1", **_DATA)

        def floor(count: int) -> None:
            raw.execute("BEGIN IMMEDIATE")
            for _ in range(count):
                raw.execute("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", _ROW)
            raw.execute("COMMIT")

        yield Case("ledger: event in a batch", "sqlite3, one transaction", 1000, ours, floor, "event")
    raw.close()
