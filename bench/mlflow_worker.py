"""MLflow's side of the benchmarks; run by the Python of the peers' environment, which has MLflow.

Reads lines `{"do": name, "count": n}` and answers each with the wall and CPU seconds that n operations took.

`--durability killed` sets SQLite so that a commit survives the death of the process but not a power cut, which is what
mlwright's journal promises: `journal_mode=WAL` and `synchronous=OFF`, the fastest such setting. `--durability default`
leaves MLflow's own: SQLite's rollback journal and `synchronous=FULL`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
import time
from typing import Any


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("--durability", choices=["killed", "default"], default="default")
    options = parser.parse_args()
    if options.durability == "killed":
        _survive_kills_only()
    mlflow: Any = importlib.import_module("mlflow")

    mlflow.set_tracking_uri(options.uri)
    mlflow.set_experiment("bench")
    work = Work(mlflow)
    print(json.dumps({"ready": mlflow.__version__}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        do = getattr(work, asked["do"])
        wall, cpu = time.perf_counter(), time.process_time()
        # Its client greets each run on a server with a line of its own.
        with contextlib.redirect_stdout(sys.stderr):
            do(asked["count"])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"wall_s": wall, "cpu_s": cpu}), flush=True)
    return 0


class Work:
    """What is measured; each method does it so many times."""

    def __init__(self, mlflow: Any) -> None:
        self.mlflow = mlflow
        self.client = mlflow.MlflowClient()
        self.run_id = ""
        self.step = 0

    def _run(self) -> str:
        if not self.run_id:
            self.run_id = self.mlflow.start_run().info.run_id
        return self.run_id

    def log_metric(self, count: int) -> None:
        self._run()
        for _ in range(count):
            self.step += 1
            self.mlflow.log_metric("loss", 1.0 / self.step, step=self.step)

    def log_batch(self, count: int) -> None:
        metric = self.mlflow.entities.Metric
        run_id = self._run()
        for _ in range(count // 1000):
            self.step += 100
            at_ms = int(time.time() * 1000)
            rows = [metric(f"m{number % 10}", 0.5, at_ms, self.step + number // 10) for number in range(1000)]
            self.client.log_batch(run_id, metrics=rows)

    def create_and_finish(self, count: int) -> None:
        for _ in range(count):
            with self.mlflow.start_run():
                pass


def _survive_kills_only() -> None:
    import sqlalchemy as sa

    @sa.event.listens_for(sa.engine.Engine, "connect")
    def relax(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=OFF")
        cursor.close()


if __name__ == "__main__":
    sys.exit(main())
