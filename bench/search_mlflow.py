"""The questions of `search.py`, asked of MLflow's own store on SQLite; run it with a Python that has MLflow.

    .venv-peers/bin/python bench/search_mlflow.py --runs 20000

Only questions that MLflow's grammar can say. Its tables are filled straight, like ours; `search.py` prints the other
side. Half of all runs take it seconds, so few rounds are enough.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

METRICS = ("auc", "loss", "accuracy", "f1", "val/auc", "val/loss", "rmse", "epoch_s")
EXPERIMENTS = 20
OPTIMIZERS = ("adam", "sgd", "lamb", "rmsprop")
QUESTIONS = {
    "half": "metrics.auc > HALF AND params.optimizer != 'lamb'",
    "1 of 8": "metrics.auc > HALF AND params.optimizer = 'adam'",
    "1 of 40": "metrics.loss < 0.1 AND params.optimizer = 'sgd'",
    "1 of 1,000": "metrics.loss < HALF AND params.seed = '7'",
    "few": "metrics.auc > 0.9995 AND params.optimizer = 'adam'",
    "none, by the metric": "metrics.auc > 2 AND params.optimizer = 'adam'",
    "none, by the param": "metrics.auc > HALF AND params.optimizer = 'nadam'",
    "all": "",
}


def fill(engine: Any, count: int) -> None:
    """Write the runs of `search.py` into MLflow's tables; of points it reads only the newest of each metric."""
    import sqlalchemy as sa

    chance = random.Random(3)
    meta = sa.MetaData()
    meta.reflect(engine)
    begun = 1_767_225_600_000
    with engine.begin() as connection:
        made = [
            {"name": f"bench/{number}", "artifact_location": "x", "lifecycle_stage": "active", "creation_time": begun}
            for number in range(1, EXPERIMENTS + 1)
        ]
        rows = [row | {"last_update_time": begun} for row in made]
        connection.execute(sa.insert(meta.tables["experiments"]), rows)
        for start in range(0, count, 2000):
            batches: dict[str, list[dict[str, Any]]] = {"runs": [], "latest_metrics": [], "params": [], "tags": []}
            for index in range(start, min(start + 2000, count)):
                run_id, at = f"{index:032d}", begun + index * 60_000
                batches["runs"].append(
                    {"run_uuid": run_id, "name": f"run-{index}", "experiment_id": index % EXPERIMENTS + 1}
                    | {"status": "FINISHED", "start_time": at, "end_time": at + 300_000, "lifecycle_stage": "active"}
                    | {
                        "source_type": "LOCAL",
                        "user_id": "bench",
                        "artifact_uri": "x",
                        "source_name": "",
                        "entry_point_name": "",
                    }
                )
                for key in METRICS:
                    row = {"run_uuid": run_id, "key": key, "value": chance.random(), "timestamp": at, "step": 1}
                    batches["latest_metrics"].append(row | {"is_nan": False})
                for key, value in (
                    ("optimizer", chance.choice(OPTIMIZERS)),
                    ("lr", repr(10 ** chance.uniform(-4, -1))),
                    ("seed", str(chance.randrange(1000))),
                    ("batch_size", str(chance.choice((32, 64, 128)))),
                    ("data", "s3://bucket/data.parquet"),
                ):
                    batches["params"].append({"run_uuid": run_id, "key": key, "value": value})
                for key, value in (("team", "vision"), ("mlflow.runName", f"run-{index}")):
                    batches["tags"].append({"run_uuid": run_id, "key": key, "value": value})
            for name, found in batches.items():
                connection.execute(sa.insert(meta.tables[name]), found)


def main() -> None:
    """Measure as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    from mlflow.entities import ViewType
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory() as folder:
        store = SqlAlchemyStore(f"sqlite:///{Path(folder) / 'mlflow.db'}", folder)
        fill(store.engine, given.runs)
        ids = [str(number) for number in range(1, EXPERIMENTS + 1)]
        everything: list[float] = []
        for name, question in QUESTIONS.items():
            times = []
            for place in range(given.rounds):
                where = question.replace("HALF", repr(0.5 + place / 1000))
                used = time.process_time()
                found = store.search_runs(ids, where, ViewType.ACTIVE_ONLY, 100, ["metrics.auc DESC"], None)
                times.append((time.process_time() - used) * 1000)
            everything += times
            print(f"  {name:<20} processor: median {statistics.median(times):8.1f} ms, {len(found)} runs   {question}")
        everything.sort()
        p95 = everything[int(len(everything) * 0.95)]
        print(f"  all of them: median {statistics.median(everything):.1f} ms, p95 {p95:.1f} ms")


if __name__ == "__main__":
    main()
