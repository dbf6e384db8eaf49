"""A server under points: `python -m bench.arrivals [points]`.

Prints what a server costs until it is ready, what a single point costs it, how many points of batches it takes a CPU
second, and how much memory it holds while they arrive.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.served import Served, served

_BATCH = 1000
_METRICS = 10
_SINGLE = 2000


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    arguments = sys.argv[1:] if argv is None else argv
    points = int(arguments[0]) if arguments else 10_000_000
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder, served(Path(folder)) as server:
        print(f"start to ready, new database: {server.ready_cpu_s:.2f} s of CPU")
        _single(server)
        _batches(server, points)
    return 0


def _single(server: Served) -> None:
    run_id = server.new_run()
    took = []
    cpu = server.cpu_s()
    for step in range(_SINGLE):
        body = msgspec.json.encode(
            {"run_id": run_id, "key": "loss", "value": 0.5, "step": step, "timestamp": int(1000 * time.time())}
        )
        begun = time.perf_counter()
        server.post("runs/log-metric", body)
        took.append(time.perf_counter() - begun)
    cpu = server.cpu_s() - cpu
    cuts = statistics.quantiles(took, n=20)
    print(
        f"log-metric, one at a time, durable: median {1e3 * cuts[9]:.2f} ms as the client sees it, "
        f"p95 {1e3 * cuts[18]:.2f} ms; {1e3 * cpu / _SINGLE:.2f} ms of the server's CPU"
    )


def _batches(server: Served, points: int) -> None:
    run_ids = [server.new_run() for _ in range(10)]
    before, most = server.memory_bytes(), 0
    cpu, wall = server.cpu_s(), time.perf_counter()
    for number in range(points // _BATCH):
        step = number // len(run_ids) * (_BATCH // _METRICS)
        at_ms = int(1000 * time.time())
        metrics = [
            {"key": f"m{place % _METRICS}", "value": place / 7, "step": step + place // _METRICS, "timestamp": at_ms}
            for place in range(_BATCH)
        ]
        server.post("runs/log-batch", {"run_id": run_ids[number % len(run_ids)], "metrics": metrics})
        if number % 100 == 0:
            most = max(most, server.memory_bytes())
    cpu, wall = server.cpu_s() - cpu, time.perf_counter() - wall
    print(
        f"log-batch, {points} points by {_BATCH}: {points / cpu:,.0f} a second of the server's CPU, "
        f"{points / wall:,.0f} a second; memory {before / 2**20:.0f} MiB before, {most / 2**20:.0f} MiB at most"
    )


if __name__ == "__main__":
    sys.exit(main())
