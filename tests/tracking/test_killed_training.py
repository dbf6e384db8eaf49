"""`kill -9` of a training process, at random moments: what `log_*` had returned for is in the ledger, exactly once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlwright.ledger import curves, runs, tracked
from mlwright.project import Project
from mlwright.tracking import recover

KILLS = 50
#: Forks one training after the other and kills each; so that fifty take seconds, Python itself starts only once.
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from mlwright import start_run
from mlwright.project import Project
from mlwright.tracking import shipper

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(int(sys.argv[3]))
# So often that some kills hit the middle of it.
shipper.SHIP_EVERY_S, shipper.FIRST_AFTER_S = 0.01, 0.0


def train(acknowledge):
    with Project.open(folder) as project, start_run(project=project) as run:
        os.write(acknowledge, run.id.encode() + b"\\n")
        for step in range(10**9):
            run.log_metrics({"loss": 1.0 / (step + 1), "step": step}, step=step)
            if step % 10 == 0:
                run.log_params({f"p{step}": step})
            os.write(acknowledge, b"%d\\n" % step)


for _ in range(kills):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        train(write)
        os._exit(0)
    os.close(write)
    lines = os.fdopen(read, "rb")
    run_id = lines.readline().decode().strip()
    time.sleep(chance.uniform(0.0, 0.15))
    os.kill(child, signal.SIGKILL)
    acknowledged = [int(line) for line in lines if line.endswith(b"\\n")]
    os.waitpid(child, 0)
    print(json.dumps({"run": run_id, "acknowledged": len(acknowledged)}), flush=True)
"""


@pytest.mark.slow
def test_fifty_killed_trainings_lose_nothing_that_was_acknowledged_and_count_nothing_twice(
    project: Project, project_folder: Path
) -> None:
    command = [sys.executable, "-c", KILLER, str(project_folder), str(KILLS), "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    killed = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(killed) == KILLS
    acknowledged = sum(row["acknowledged"] for row in killed)
    assert acknowledged > 0
    recover(project)
    with project.ledger.read() as connection:
        for row in killed:
            steps = [point.step for point in curves.history(connection, row["run"], "loss")]
            # The last call may have been written and not returned yet.
            assert steps == list(range(len(steps)))
            assert 0 <= len(steps) - row["acknowledged"] <= 1
            assert [point.step for point in curves.history(connection, row["run"], "step")] == steps
            params = tracked.params_of(connection, row["run"])
            assert {f"p{step}" for step in range(0, row["acknowledged"], 10)} <= set(params)
            assert runs.find_run(connection, row["run"]).status == "failed"
    print(f"{KILLS} trainings killed, {acknowledged} acknowledged calls, all of them in the ledger once")
    assert recover(project) == 0
    assert list((project.settings.home / "journals").glob("*.journal")) == []
