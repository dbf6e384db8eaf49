"""How long a search takes: by metric and param, sorted by a metric, first page, at several sizes and selectivities.

    python -m bench.search                      SQLite, 20,000 runs with 8 and 100,000 runs with 40 million points
    python -m bench.search --runs 20000 --postgres
    python -m bench.search --runs 20000 --points 40 --url sqlite:////tmp/kept.db     filled once, asked again

Points go through the ledger's own ingest, so that tails, batches and chunks are what they are in use. What is measured
is all that the API does for a page of 100: to read the question, to find the runs, and to read what they logged.
"""

from __future__ import annotations

import argparse
import importlib
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from bench.search_data import EXPERIMENTS, ORDER, OWN, PAGE, POINTS, SHARED, Made, curve, runs
from mlwright.core.filters import RUNS, parse, parse_orders
from mlwright.ledger import Ledger, Transaction, curves, schema
from mlwright.ledger.search import RunQuery, check_keys, logged_by, search_runs

_BATCH = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Took(NamedTuple):
    """Milliseconds that a search took, and that the processor worked for it in this process."""

    wall: float
    cpu: float


def fill(ledger: Ledger, count: int, points: int) -> None:
    """Write the data set."""
    with ledger.write() as tx:
        for number in range(EXPERIMENTS):
            row = {"id": f"{number:026d}", "number": number, "name": f"bench/{number}"}
            tx.execute(sa.insert(schema.experiments), row | {"created_at": _EPOCH, "changed_at": _EPOCH})
    waiting: list[Made] = []
    for made in runs(count):
        waiting.append(made)
        if len(waiting) == _BATCH:
            _write(ledger, waiting, points)
            waiting = []
    _write(ledger, waiting, points)


def _write(ledger: Ledger, some: list[Made], points: int) -> None:
    with ledger.write() as tx:
        _rows(tx, schema.runs, [_run(made) for made in some])
        _rows(tx, schema.params, [row for made in some for row in _params(made)])
        texts = [(made.place, key, text) for made in some for key, text in made.tags.items()]
        _rows(
            tx,
            schema.tags,
            [{"run_id": f"{i:026d}", "key": key, "value": text, "text": text} for i, key, text in texts],
        )
        for made in some:
            found = [curve(made, key, points) for key in made.metrics]
            # Two batches, so that some points are in rows of their own and some in the series' own row.
            for part in (slice(0, -8), slice(-8, None)):
                curves.add_rows(tx, f"{made.place:026d}", [row for rows in found for row in rows[part]])


def _rows(tx: Transaction, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        tx.execute(sa.insert(table), rows)


def _run(made: Made) -> dict[str, Any]:
    started = _EPOCH + timedelta(microseconds=made.started_us)
    told = {"kind": "script", "status": "succeeded", "actor": "user:bench", "created_at": started}
    return {
        "id": f"{made.place:026d}",
        "experiment_id": f"{made.place % EXPERIMENTS:026d}",
        "name": f"run-{made.place}",
        "started_at": started,
        "ended_at": started + timedelta(minutes=5),
        **told,
    }


def _params(made: Made) -> Iterator[dict[str, Any]]:
    for key, text in made.params.items():
        number = float(text) if key in ("lr", "seed", "batch_size") else None
        yield {"run_id": f"{made.place:026d}", "key": key, "value": text, "text": text, "number": number}


def times_of(ledger: Ledger, question: str, *, rounds: int) -> list[Took]:
    """Return how long a search took, each time with other numbers in it."""
    ids = [f"{number:026d}" for number in range(EXPERIMENTS)]
    return [_asked(ledger, question.replace("HALF", repr(0.5 + place / 1000)), ids) for place in range(rounds)]


def _asked(ledger: Ledger, where: str, ids: list[str]) -> Took:
    began, used = time.perf_counter(), time.process_time()
    said, order = parse(where), parse_orders([ORDER], RUNS)
    with ledger.read() as connection:
        check_keys(connection, said, order)
        page = search_runs(connection, RunQuery(where=said, experiments=ids, order=order, limit=PAGE))
        logged_by(connection, [row.id for row in page.runs])
    return Took((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000)


def measure(url: str, count: int, points: int, rounds: int) -> None:
    """Fill a ledger if it is empty, ask all questions and print how long they took."""
    with Ledger(url, durability="normal") as ledger:
        with ledger.read() as connection:
            there = connection.execute(sa.select(sa.func.count()).select_from(schema.runs)).scalar_one()
        if not there:
            began = time.perf_counter()
            fill(ledger, count, points)
            print(f"{count:,} runs written in {time.perf_counter() - began:.0f} s")
            if not ledger.is_sqlite:
                # What autovacuum does by itself within a minute of such a load.
                with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(sa.text("VACUUM ANALYZE"))
        with ledger.read() as connection:
            series, kept = connection.execute(sa.select(sa.func.count(), sa.func.sum(schema.series.c.count))).one()
            chunks = connection.execute(sa.select(sa.func.count()).select_from(schema.chunks)).scalar_one()
        what = f"{there or count:,} runs, {kept:,} points in {series:,} series, {chunks:,} chunks"
        print(f"{url.partition(':')[0]}: {what}", flush=True)
        everything = []
        for name, question in {**SHARED, **OWN}.items():
            times = times_of(ledger, question, rounds=rounds)
            everything += times
            print(f"  {name:<20} {told(times)}   {question}", flush=True)
        print(f"  {'all of them':<20} {told(everything)}")


def told(times: list[Took]) -> str:
    """Return medians and 95th percentiles; the processor's time tells what else the machine did."""
    walls, used = sorted(took.wall for took in times), sorted(took.cpu for took in times)
    place = math.ceil(len(times) * 0.95) - 1
    return (
        f"median {statistics.median(walls):7.1f} ms   p95 {walls[place]:7.1f} ms   "
        f"processor: median {statistics.median(used):6.1f} ms, p95 {used[place]:6.1f} ms"
    )


@contextmanager
def _postgres() -> Iterator[str]:
    """Start a PostgreSQL of its own, as the tests do."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    cluster = importlib.import_module("postgres_cluster").Cluster()
    try:
        yield cluster.fresh()
    finally:
        cluster.close()


def main() -> None:
    """Measure as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--points", type=int, default=POINTS, help="of a run, on average (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--url", help="of a ledger, which is filled if it is empty; a new SQLite file by default")
    parser.add_argument("--postgres", action="store_true", help="in a PostgreSQL of its own")
    given = parser.parse_args()
    for count in given.runs:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = given.url or f"sqlite:///{Path(folder) / 'ledger.db'}"
            measure(stack.enter_context(_postgres()) if given.postgres else url, count, given.points, given.rounds)


if __name__ == "__main__":
    main()
