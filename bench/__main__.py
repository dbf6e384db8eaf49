"""Run the benchmarks: `make bench`, or `python -m bench --only ledger --rounds 15 --json`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

from bench.harness import ROUNDS, Absent, Bench, Result, run, table

#: `module:function` of each benchmark, in the order they are run.
BENCHES = [
    "ledger:event_commit",
    "ledger:event_batch",
    "artifacts:put_small",
    "artifacts:put_large",
    "artifacts:read_small",
    "artifacts:read_large",
    "pipelines:step_inline",
    "pipelines:step_process",
    "serving:infer_row",
    "serving:infer_batch",
    "tracking:log_metric",
    "tracking:log_metric_default",
    "tracking:log_metric_http",
    "tracking:log_batch",
    "tracking:log_batch_wide",
    "tracking:log_batch_mlflow",
    "tracking:create_and_finish",
    "tracking:create_and_finish_default",
    "tracking:create_and_finish_http",
    "tracking:thinned",
    "postgres:log_metric",
    "postgres:log_batch",
    "postgres:log_batch_wide",
    "postgres:create_and_finish",
    "postgres:thinned",
]


def main(argv: list[str] | None = None) -> int:
    """Run the wanted benchmarks and print their table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of the benchmarks to run")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="measurements of each side (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--folder", type=Path, help="where to write; a disk, not memory (default: here, removed after)")
    options = parser.parse_args(argv)
    wanted = [name for name in BENCHES if options.only in name]
    if not wanted:
        print(f"no benchmark's name holds '{options.only}'; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    results = []
    for name in wanted:
        print(f"[bench] {name}", file=sys.stderr, flush=True)
        try:
            results.append(_run(name, options.rounds, options.folder or Path.cwd()))
        except Absent as absent:
            print(f"[bench] {name} left out: {absent}", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps({"version": 1, "machine": _machine(), "results": [result.as_dict() for result in results]}))
    else:
        print(f"{_machine()}; medians of {options.rounds} rounds, for one operation")
        print(table(results))
    return 0


def _run(name: str, rounds: int, parent: Path) -> Result:
    module, _, function = name.partition(":")
    bench: Bench = getattr(importlib.import_module(f"bench.{module}"), function)
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=parent) as folder, bench(Path(folder)) as case:
        return run(case, rounds=rounds)


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
