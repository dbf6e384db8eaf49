"""The questions of `search`, asked of MLflow's own store on SQLite; run it with a Python that has MLflow.

    .venv-peers/bin/python -m bench.search_mlflow --runs 20000

Only questions that MLflow's grammar can say. Its tables are filled straight, with the same runs and points, because its
own way in would take hours; `bench.search` prints the other side. A question can take it seconds, so few rounds do.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.search_data import BEGUN_US, EXPERIMENTS, ORDER, PAGE, POINTS, SHARED, Made, curve, runs

_BATCH = 500
_MS = 1000


def fill(engine: Any, count: int, points: int) -> int:
    """Write the data set into MLflow's tables; return how many points there are."""
    import sqlalchemy as sa

    meta = sa.MetaData()
    meta.reflect(engine)
    begun = BEGUN_US // _MS
    place = {"artifact_location": "x", "lifecycle_stage": "active", "creation_time": begun, "last_update_time": begun}
    with engine.begin() as connection:
        named = [{"name": f"bench/{number}"} | place for number in range(1, EXPERIMENTS + 1)]
        connection.execute(sa.insert(meta.tables["experiments"]), named)
    written = 0
    batches: dict[str, list[dict[str, Any]]] = {}
    for made in runs(count):
        for table, row in _rows(made):
            batches.setdefault(table, []).append(row)
        batches.setdefault("metrics", []).extend(_points(made, points))
        if made.place % _BATCH == _BATCH - 1 or made.place == count - 1:
            with engine.begin() as connection:
                for table, rows in batches.items():
                    connection.execute(sa.insert(meta.tables[table]), rows)
            written += len(batches["metrics"])
            batches = {}
    return written


def _rows(made: Made) -> Iterator[tuple[str, dict[str, Any]]]:
    run_id, at = f"{made.place:032d}", made.started_us // _MS
    told = {"source_type": "LOCAL", "user_id": "bench", "artifact_uri": "x", "source_name": "", "entry_point_name": ""}
    times = {"start_time": at, "end_time": at + 300_000, "lifecycle_stage": "active", "status": "FINISHED"}
    name = {"run_uuid": run_id, "name": f"run-{made.place}", "experiment_id": made.place % EXPERIMENTS + 1}
    yield "runs", name | times | told
    for key, value in made.metrics.items():
        last = {"run_uuid": run_id, "key": key, "value": value, "timestamp": at, "step": 1, "is_nan": False}
        yield "latest_metrics", last
    for key, text in made.params.items():
        yield "params", {"run_uuid": run_id, "key": key, "value": text}
    for key, text in (made.tags | {"mlflow.runName": f"run-{made.place}"}).items():
        yield "tags", {"run_uuid": run_id, "key": key, "value": text}


def _points(made: Made, points: int) -> list[dict[str, Any]]:
    run_id = f"{made.place:032d}"
    return [
        {"run_uuid": run_id, "key": key, "value": value, "timestamp": at // _MS, "step": step, "is_nan": False}
        for metric in made.metrics
        for key, step, value, at in curve(made, metric, points)
    ]


def main() -> None:
    """Measure as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--points", type=int, default=POINTS, help="of a run, on average (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    from mlflow.entities import ViewType
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.version import VERSION

    with tempfile.TemporaryDirectory() as folder:
        store = SqlAlchemyStore(f"sqlite:///{Path(folder) / 'mlflow.db'}", folder)
        began = time.perf_counter()
        written = fill(store.engine, given.runs, given.points)
        took = time.perf_counter() - began
        print(f"MLflow {VERSION}, SQLite: {given.runs:,} runs, {written:,} points, written in {took:.0f} s", flush=True)
        ids = [str(number) for number in range(1, EXPERIMENTS + 1)]
        everything: list[tuple[float, float]] = []
        for name, question in SHARED.items():
            times = []
            for place in range(given.rounds):
                where = question.replace("HALF", repr(0.5 + place / 1000))
                began, used = time.perf_counter(), time.process_time()
                found = store.search_runs(ids, where, ViewType.ACTIVE_ONLY, PAGE, [ORDER], None)
                times.append(((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000))
            everything += times
            print(f"  {name:<20} {_told(times)}   {len(found)} runs   {question}", flush=True)
        print(f"  {'all of them':<20} {_told(everything)}")


def _told(times: list[tuple[float, float]]) -> str:
    walls, used = sorted(wall for wall, _ in times), sorted(cpu for _, cpu in times)
    place = math.ceil(len(times) * 0.95) - 1
    return (
        f"median {statistics.median(walls):8.1f} ms   p95 {walls[place]:8.1f} ms   "
        f"processor: median {statistics.median(used):8.1f} ms, p95 {used[place]:8.1f} ms"
    )


if __name__ == "__main__":
    main()
