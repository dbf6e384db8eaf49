"""Tracking: logging point by point and in batches, runs, and long curves, beside MLflow and beside plain sqlite3.

MLflow runs in a process of its own, on SQLite in the same folder. Point by point, both sides promise the same: what
was logged survives a killed process (not a power cut), so MLflow's SQLite is set to WAL and `synchronous=OFF`;
`log_metric_default` shows it as it comes. Batches and runs go to the ledger, at the durability of the plain sqlite3
beside it (WAL, `synchronous=FULL`).
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import peers
from bench.harness import Case, repeated
from bench.served import served
from mlwright.core.ids import new_id
from mlwright.ledger import Ledger, curves, runs

START = 1_772_323_200_000_000
BATCH = 1000


@contextmanager
def log_metric(folder: Path) -> Iterator[Case]:
    """Log point by point, so that each survives a kill when the call returns."""
    with _log_metric(folder, "killed", "MLflow, WAL and synchronous=OFF") as case:
        yield case


@contextmanager
def log_metric_default(folder: Path) -> Iterator[Case]:
    """The same beside MLflow as it comes."""
    with _log_metric(folder, "default", "MLflow as it comes") as case:
        yield case


@contextmanager
def _log_metric(folder: Path, durability: str, name: str) -> Iterator[Case]:
    from mlwright import log_metrics, start_run
    from mlwright.project import Project

    with (
        peers.mlflow(f"sqlite:///{folder / 'mlflow.db'}", durability=durability) as peer,
        Project.open(folder, home=folder / "home") as project,
        start_run("bench", project=project) as run,
    ):

        def ours(count: int) -> None:
            for step in range(count):
                log_metrics({"loss": 0.5}, step=step)
            # The way to the ledger counts too, though no call waits for it.
            run.ship()

        floor = peer.work("log_metric")
        yield Case("tracking: log_metric", f"{name} ({peer.version})", 50, repeated(ours, 200), floor)


@contextmanager
def log_metric_http(folder: Path) -> Iterator[Case]:
    """Log point by point through MLflow's own client to either server, both as durable as they come."""
    with (
        served(folder) as server,
        peers.mlflow_server(folder) as url,
        peers.mlflow(server.url) as to_us,
        peers.mlflow(url) as to_them,
    ):
        name = f"MLflow's server and client ({to_them.version})"
        yield Case("tracking: log_metric over HTTP", name, 100, to_us.work("log_metric"), to_them.work("log_metric"))


@contextmanager
def log_batch(folder: Path) -> Iterator[Case]:
    """Write batches of 1,000 points of ten metrics into the ledger, counted by point."""
    with _batches(folder, metrics=10) as case:
        yield case


@contextmanager
def log_batch_wide(folder: Path) -> Iterator[Case]:
    """The same for one point of each of a thousand metrics."""
    with _batches(folder, metrics=1000) as case:
        yield case


@contextmanager
def _batches(folder: Path, *, metrics: int) -> Iterator[Case]:
    raw = sqlite3.connect(folder / "raw.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("CREATE TABLE metrics (run_id TEXT, key TEXT, step INTEGER, value REAL, at INTEGER)")
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        run_id = new_run(ledger)
        batches = numbered(metrics)

        def ours(count: int) -> None:
            for _ in range(count // BATCH):
                with ledger.write() as tx:
                    curves.add_rows(tx, run_id, next(batches))

        def floor(count: int) -> None:
            for _ in range(count // BATCH):
                raw.execute("BEGIN IMMEDIATE")
                rows = ((run_id, key, step, value, at) for key, step, value, at in next(batches))
                raw.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?)", rows)
                raw.execute("COMMIT")

        name = f"tracking: batch of {metrics} metrics"
        yield Case(name, "sqlite3 executemany, same durability", 50 * BATCH, ours, floor, "point")
    raw.close()


@contextmanager
def log_batch_mlflow(folder: Path) -> Iterator[Case]:
    """Write the same batches of ten metrics beside MLflow's store."""
    with (
        peers.mlflow(f"sqlite:///{folder / 'mlflow.db'}") as peer,
        Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger,
    ):
        run_id = new_run(ledger)
        batches = numbered(10)

        def ours(count: int) -> None:
            for _ in range(count // BATCH):
                with ledger.write() as tx:
                    curves.add_rows(tx, run_id, next(batches))

        floor = peer.work("log_batch")
        yield Case("tracking: log_batch", f"MLflow as it comes ({peer.version})", 10 * BATCH, ours, floor, "point")


@contextmanager
def create_and_finish(folder: Path) -> Iterator[Case]:
    """Begin and end runs that log nothing, so that each survives a kill when it has ended."""
    with _create_and_finish(folder, "killed", "MLflow, WAL and synchronous=OFF") as case:
        yield case


@contextmanager
def create_and_finish_default(folder: Path) -> Iterator[Case]:
    """The same beside MLflow as it comes, each run in the ledger, and on the disk, before the next one begins."""
    with _create_and_finish(folder, "default", "MLflow as it comes") as case:
        yield case


@contextmanager
def _create_and_finish(folder: Path, durability: str, name: str) -> Iterator[Case]:
    from mlwright import start_run
    from mlwright.project import Project

    with (
        peers.mlflow(f"sqlite:///{folder / 'mlflow.db'}", durability=durability) as peer,
        Project.open(folder, home=folder / "home") as project,
    ):

        def finished() -> None:
            # Whoever reads waits for the runs that have ended to be in the ledger.
            with project.ledger.read():
                pass

        def ours(count: int) -> None:
            for _ in range(count):
                with start_run(project=project):
                    pass
                if durability == "default":
                    finished()
            finished()

        floor = peer.work("create_and_finish")
        title = f"tracking: create and finish, {'killed' if durability == 'killed' else 'on disk'}"
        yield Case(title, f"{name} ({peer.version})", 20, repeated(ours, 10), floor, "run")


@contextmanager
def create_and_finish_http(folder: Path) -> Iterator[Case]:
    """Begin and end runs through MLflow's own client on either server, both as durable as they come."""
    with (
        served(folder) as server,
        peers.mlflow_server(folder) as url,
        peers.mlflow(server.url) as to_us,
        peers.mlflow(url) as to_them,
    ):
        name = f"MLflow's server and client ({to_them.version})"
        ours, floor = to_us.work("create_and_finish"), to_them.work("create_and_finish")
        yield Case("tracking: create and finish over HTTP", name, 20, ours, floor, "run")


@contextmanager
def thinned(folder: Path) -> Iterator[Case]:
    """Read a curve of 1,000,000 points for a plot of 1,000, beside reading all of them from a plain table."""
    count = 1_000_000
    raw = sqlite3.connect(folder / "raw.db")
    raw.execute("CREATE TABLE points (step INTEGER PRIMARY KEY, value REAL)")
    values = [math.sin(step / 50_000) + (step * 7919 % 1000) / 1000 for step in range(count)]
    raw.executemany("INSERT INTO points VALUES (?, ?)", enumerate(values))
    raw.commit()
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        run_id = new_run(ledger)
        with ledger.write() as tx:
            curves.add_rows(tx, run_id, [("loss", step, value, START + step) for step, value in enumerate(values)])

        def ours(operations: int) -> None:
            for _ in range(operations):
                with ledger.read() as connection:
                    assert len(curves.thinned(connection, run_id, "loss")) > 500

        def floor(operations: int) -> None:
            for _ in range(operations):
                assert len(raw.execute("SELECT step, value FROM points").fetchall()) == count

        yield Case("tracking: plot 1,000,000 points", "sqlite3: read them all", 3, ours, floor, "plot")
    raw.close()


def new_run(ledger: Ledger) -> str:
    run_id = new_id()
    with ledger.write() as tx:
        runs.create_run(tx, runs.NewRun(id=run_id, experiment="bench", name="bench", kind="script"))
    return run_id


def numbered(metrics: int) -> Iterator[list[tuple[str, int, float, int]]]:
    """Yield batches for ever, steps going up."""
    step = 0
    while True:
        rows = [
            (f"m{number % metrics}", step + number // metrics, number * 0.37 % 1, START + 1000 * (step + number))
            for number in range(BATCH)
        ]
        step += BATCH // metrics
        yield rows
