"""How long a search takes: by metric and param, sorted by a metric, first page, at several sizes and selectivities.

Points don't matter to a search, only the series that they make up: so the data set is written straight into the tables.

    python bench/search.py                      SQLite, 20,000 and 100,000 runs
    python bench/search.py --runs 20000 --url postgresql://...
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mlwright.core.filters import RUNS, parse, parse_orders
from mlwright.ledger import Ledger, schema
from mlwright.ledger.search import RunQuery, search_runs

METRICS = ("auc", "loss", "accuracy", "f1", "val/auc", "val/loss", "rmse", "epoch_s")
POINTS = 50
EXPERIMENTS = 20
OPTIMIZERS = ("adam", "sgd", "lamb", "rmsprop")
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = ["metrics.auc DESC"]

#: What is asked, and how many of 100 runs fit.
QUESTIONS = {
    "half": "metrics.auc > HALF AND params.optimizer != 'lamb'",
    "1 of 8": "metrics.auc > HALF AND params.optimizer = 'adam'",
    "1 of 40": "metrics.loss < 0.1 AND params.optimizer = 'sgd'",
    "1 of 1,000": "metrics.loss < HALF AND params.seed = '7'",
    "few": "metrics.auc > 0.9995 AND params.optimizer = 'adam'",
    "none, by the metric": "metrics.auc > 2 AND params.optimizer = 'adam'",
    "none, by the param": "metrics.auc > HALF AND params.optimizer = 'nadam'",
    "none, by both": "metrics.loss < 0.499 AND params.late = 'no' AND metrics.auc > HALF",
    "numbers": "params.lr BETWEEN 0.001 AND 0.01 AND metrics.auc > HALF",
    "either": "(params.optimizer = 'adam' OR metrics.f1 > 0.9) AND NOT tags.team = 'vision'",
    "all": "",
}


def rows_of_run(index: int, chance: random.Random) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    """Yield what one run logged, and itself."""
    run_id = f"{index:026d}"
    started = BEGUN + timedelta(minutes=index)
    yield (
        schema.runs,
        {
            "id": run_id,
            "experiment_id": f"{index % EXPERIMENTS:026d}",
            "name": f"run-{index}",
            "kind": "script",
            "status": "succeeded",
            "actor": "user:bench",
            "created_at": started,
            "started_at": started,
            "ended_at": started + timedelta(minutes=5),
        },
    )
    auc = chance.random()
    for key in METRICS:
        value = auc if key == "auc" else chance.random()
        low, high = value * 0.5, value * 1.5
        yield (
            schema.series,
            {"run_id": run_id, "key": key, "origin": "", "shown": 1, "superseded": False, "count": POINTS, "packed": 0}
            | {"last": value, "last_step": POINTS, "last_at": started, "min": low, "max": high},
        )
        late = "no" if key == "loss" and value >= 0.5 else "yes"
        if key == "loss":
            yield schema.params, {"run_id": run_id, "key": "late", "value": late, "text": late, "number": None}
    for key, text in (
        ("optimizer", chance.choice(OPTIMIZERS)),
        ("lr", repr(10 ** chance.uniform(-4, -1))),
        ("seed", str(chance.randrange(1000))),
        ("batch_size", str(chance.choice((32, 64, 128)))),
        ("data", "s3://bucket/data.parquet"),
    ):
        number = None if key in ("optimizer", "data") else float(text)
        yield schema.params, {"run_id": run_id, "key": key, "value": text, "text": text, "number": number}
    for key, text in (("team", chance.choice(("vision", "speech"))), ("mlflow.source.name", "train.py")):
        yield schema.tags, {"run_id": run_id, "key": key, "value": text, "text": text}


def fill(ledger: Ledger, count: int) -> None:
    """Write the data set: `count` runs, and nothing else."""
    chance = random.Random(3)
    with ledger.write() as tx:
        for number in range(EXPERIMENTS):
            row = {"id": f"{number:026d}", "number": number, "name": f"bench/{number}"}
            tx.execute(sa.insert(schema.experiments), row | {"created_at": BEGUN, "changed_at": BEGUN})
        for start in range(0, count, 2000):
            batches: dict[sa.Table, list[dict[str, Any]]] = {}
            for index in range(start, min(start + 2000, count)):
                for table, row in rows_of_run(index, chance):
                    batches.setdefault(table, []).append(row)
            for table, rows in batches.items():
                tx.execute(sa.insert(table), rows)


def times_of(ledger: Ledger, question: str, *, rounds: int) -> list[tuple[float, float]]:
    """Return how many milliseconds a search took, and how many of the processor, each time with other numbers in it."""
    found = []
    ids = [f"{number:026d}" for number in range(EXPERIMENTS)]
    for place in range(rounds):
        # A number that differs each time, so that nothing remembers the answer.
        where = question.replace("HALF", repr(0.5 + place / 1000))
        began, used = time.perf_counter(), time.process_time()
        query = RunQuery(where=parse(where), experiments=ids, order=parse_orders(ORDER, RUNS), limit=100)
        with ledger.read() as connection:
            search_runs(connection, query)
        found.append(((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000))
    return found


def measure(url: str, count: int, rounds: int) -> None:
    """Fill a ledger, ask all questions and print how long they took."""
    with Ledger(url, durability="normal") as ledger:
        began = time.perf_counter()
        fill(ledger, count)
        print(
            f"{count:,} runs, {count * len(METRICS) * POINTS:,} points, written in {time.perf_counter() - began:.0f} s"
        )
        everything = []
        for name, question in QUESTIONS.items():
            times = times_of(ledger, question, rounds=rounds)
            everything += times
            print(f"  {name:<20} {told(times)}   {question}")
        print(f"  {'all of them':<20} {told(everything)}")


def told(times: list[tuple[float, float]]) -> str:
    """Return medians and 95th percentiles; the processor's time tells what else the machine did."""
    walls, used = sorted(wall for wall, _ in times), sorted(cpu for _, cpu in times)
    place = int(len(times) * 0.95)
    return (
        f"median {statistics.median(walls):7.1f} ms   p95 {walls[place]:7.1f} ms   "
        f"processor: median {statistics.median(used):6.1f} ms, p95 {used[place]:6.1f} ms"
    )


def main() -> None:
    """Measure as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--url", help="of an empty ledger; a new SQLite file by default")
    given = parser.parse_args()
    for count in given.runs:
        with tempfile.TemporaryDirectory() as folder:
            measure(given.url or f"sqlite:///{Path(folder) / 'ledger.db'}", count, given.rounds)


if __name__ == "__main__":
    main()
