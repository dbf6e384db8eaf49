"""The ledger on PostgreSQL beside the ledger on SQLite, both durable to the disk.

The CPU of PostgreSQL's own processes isn't counted; the wall time has all of it. The cluster is that of the tests, but
with `fsync` and full page writes on.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.harness import Absent, Case, Work
from bench.peers import ROOT
from bench.tracking import BATCH, START, new_run, numbered
from mlwright.ledger import Ledger, curves
from mlwright.project import Project


@contextmanager
def log_batch(folder: Path) -> Iterator[Case]:
    """Write batches of 1,000 points of ten metrics."""
    with _batches(folder, metrics=10) as case:
        yield case


@contextmanager
def log_batch_wide(folder: Path) -> Iterator[Case]:
    """Write one point of each of a thousand metrics."""
    with _batches(folder, metrics=1000) as case:
        yield case


@contextmanager
def create_and_finish(folder: Path) -> Iterator[Case]:
    """Begin and end runs that log nothing."""
    from mlwright import start_run

    def work(project: Project) -> Work:
        def do(count: int) -> None:
            for _ in range(count):
                with start_run(project=project):
                    pass
            with project.ledger.read():
                pass

        return do

    with _url() as url, _project(folder / "ours", ledger=url) as ours, _project(folder / "floor") as floor:
        yield Case("PostgreSQL: create and finish", "SQLite", 100, work(ours), work(floor), "run")


@contextmanager
def log_metric(folder: Path) -> Iterator[Case]:
    """Log point by point; the way to the ledger counts too."""
    from mlwright import start_run

    def work(project: Project) -> Work:
        def do(count: int) -> None:
            with start_run(project=project) as run:
                for step in range(count):
                    run.log_metrics({"loss": 0.5}, step=step)
            with project.ledger.read():
                pass

        return do

    with _url() as url, _project(folder / "ours", ledger=url) as ours, _project(folder / "floor") as floor:
        yield Case("PostgreSQL: log_metric", "SQLite", 10_000, work(ours), work(floor))


@contextmanager
def thinned(folder: Path) -> Iterator[Case]:
    """Read a curve of 1,000,000 points for a plot of 1,000."""
    count = 1_000_000
    rows = [("loss", step, math.sin(step / 50_000), START + step) for step in range(count)]

    def work(ledger: Ledger) -> Work:
        run_id = new_run(ledger)
        with ledger.write() as tx:
            curves.add_rows(tx, run_id, rows)

        def do(operations: int) -> None:
            for _ in range(operations):
                with ledger.read() as connection:
                    assert len(curves.thinned(connection, run_id, "loss")) > 500

        return do

    with _url() as url, Ledger(url) as ours, Ledger(f"sqlite:///{folder / 'ledger.db'}") as floor:
        yield Case("PostgreSQL: plot 1,000,000 points", "SQLite", 5, work(ours), work(floor), "plot")


@contextmanager
def _batches(folder: Path, *, metrics: int) -> Iterator[Case]:
    def work(ledger: Ledger) -> Work:
        run_id, batches = new_run(ledger), numbered(metrics)

        def do(count: int) -> None:
            for _ in range(count // BATCH):
                with ledger.write() as tx:
                    curves.add_rows(tx, run_id, next(batches))

        return do

    with _url() as url, Ledger(url) as ours, Ledger(f"sqlite:///{folder / 'ledger.db'}") as floor:
        name = f"PostgreSQL: batch of {metrics} metrics"
        yield Case(name, "SQLite", 50 * BATCH, work(ours), work(floor), "point")


def _project(folder: Path, **settings: Any) -> Project:
    folder.mkdir()
    return Project.open(folder, home=folder / "home", **settings)


@contextmanager
def _url() -> Iterator[str]:
    """Start a server, and give the URL of an empty database of it.

    Raises:
        Absent: There is no PostgreSQL on this machine.
    """
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        clusters: Any = importlib.import_module("postgres_cluster")
    finally:
        sys.path.remove(str(ROOT / "tests"))
    clusters._FAST = tuple(one for one in clusters._FAST if not one.startswith(("fsync", "full_page_writes")))
    try:
        cluster = clusters.Cluster()
    except clusters.Absent as absent:
        raise Absent(str(absent)) from absent
    try:
        yield cluster.bare()
    finally:
        cluster.close()
