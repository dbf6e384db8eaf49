"""A sweep that is killed at random moments goes on with exactly the trials that are missing."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import objectives
import pytest

from mlwright.ledger import curves, runs, sweeps
from mlwright.project import Project
from mlwright.testing.executors import is_alive, wait_until

pytest.importorskip("optuna", reason="sweeps need the extra 'sweeps'")

TRIALS = 40
KILLS = 7
COUNTED = ("finished", "pruned")


def start(folder: Path, parallel: int, pruner: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(objectives.__file__)), str(TRIALS), str(parallel), pruner]
    root = Path(__file__).parents[1]
    env = {
        **os.environ,
        "TRIED": str(folder / "tried"),
        "PYTHONPATH": os.pathsep.join([str(root.parent / "src"), str(Path(__file__).parent)]),
    }
    return subprocess.Popen(command, cwd=folder, env=env)


def killed_until_done(folder: Path, parallel: int, pruner: str, chance: random.Random) -> int:
    """Run the sweep again and again, killing it a moment after some more trials have begun; return how often."""
    allowed = folder / "allowed"
    for kills in range(KILLS):
        wanted = tried(folder) + chance.randint(1, 4)
        # However long this process may be kept waiting, only three more begin before it goes on.
        allowed.write_text(str(wanted + 3))
        process = start(folder, parallel, pruner)
        while tried(folder) < wanted and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.08))
        if process.poll() is not None:
            assert process.returncode == 0
            return kills
        process.kill()
        process.wait()
    allowed.unlink()
    assert start(folder, parallel, pruner).wait() == 0
    return KILLS


def tried(folder: Path) -> int:
    """Return how many trials have begun, by what the objective wrote outside the ledger."""
    path = folder / "tried"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize(("parallel", "pruner"), [(1, ""), (2, "median")])
def test_a_sweep_that_is_killed_at_random_loses_no_trial_and_counts_none_twice(
    project_folder: Path, parallel: int, pruner: str
) -> None:
    kills = killed_until_done(project_folder, parallel, pruner, random.Random(parallel))
    with Project.open(project_folder) as project, project.ledger.read() as connection:
        sweep = sweeps.find_sweep(connection, "tuning")
        assert sweep is not None
        rows = sweeps.trials_of(connection, sweep.run_id)
        parent = runs.find_run(connection, sweep.run_id)
        counted = Counter(row.number for row in rows if row.outcome in COUNTED)
        assert counted == Counter(range(TRIALS))
        assert {row.outcome for row in rows} <= {*COUNTED, "lost"}
        assert {row.status for row in rows} <= {"succeeded", "cancelled", "failed"}
        for row in rows:
            if row.outcome == "finished":
                assert len(curves.history(connection, row.run_id, "loss")) == 3
    assert parent.status == "succeeded"
    assert kills >= 3


@pytest.mark.slow
def test_a_killed_sweep_tries_the_same_parameters_as_one_that_was_not(project_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "whole"
    other.mkdir()
    (other / "mlwright.toml").write_text('durability = "normal"\n')
    assert start(other, 1, "").wait() == 0
    killed_until_done(project_folder, 1, "", random.Random(11))
    tried = []
    for folder in (project_folder, other):
        with Project.open(folder) as project, project.ledger.read() as connection:
            sweep = sweeps.find_sweep(connection, "tuning")
            assert sweep is not None
            tried.append([row.params for row in sweeps.newest_of(sweeps.trials_of(connection, sweep.run_id))])
    assert tried[0] == tried[1]


@pytest.mark.slow
def test_worker_processes_end_with_the_sweep_that_started_them(project_folder: Path) -> None:
    process = start(project_folder, 2, "")
    wait_until(lambda: bool(children_of(process.pid)), "the start of the workers")
    workers = children_of(process.pid)
    process.kill()
    process.wait()
    assert workers
    wait_until(lambda: not any(map(is_alive, workers)), "the end of the workers")


_TALKING = """
import sys, time
from mlwright.sweeps.worker import _Line
from mlwright.sweeps.workers import Reported

_Line(int(sys.argv[1])).send(Reported(step=0, value=0.5))
time.sleep(600)
"""


def test_a_worker_ends_even_if_what_it_had_said_was_never_read() -> None:
    ours, its = socket.socketpair()
    with ours, its:
        number = its.fileno()
        worker = subprocess.Popen([sys.executable, "-c", _TALKING, str(number)], pass_fds=[number])
        its.close()
        # Waits for the report and leaves it unread, as a killed process may: the worker's line is then reset.
        assert ours.recv(1, socket.MSG_PEEK)
    assert worker.wait(60) == 1


def children_of(pid: int) -> list[int]:
    try:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
            int(text)
            for task in Path(f"/proc/{pid}/task").iterdir()
            if task.name != str(pid)
            for text in (task / "children").read_text().split()
        ]
    except OSError:
        return []
