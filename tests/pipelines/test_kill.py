"""Engines and workers that are killed at any moment: the run goes on, nothing is done twice that was committed."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mlwright.ledger import curves, runs, steps, tracked
from mlwright.ledger.outbox import read_events
from mlwright.pipelines import interrupted, resume
from mlwright.project import Project
from mlwright.testing.executors import is_alive, wait_until

SCRIPT = """
import os, sys, time
from pathlib import Path
from mlwright import log_metrics, log_params, pipeline, step

FOLDER = Path(__file__).parent / "marks"

@step
def mark(name: str, wait_s: float) -> str:
    (FOLDER / f"pid-{os.getpid()}").touch()
    while (FOLDER / "hold").exists():
        time.sleep(0.05)
    for place in range(3):
        log_metrics({name: place})
        time.sleep(wait_s / 3)
    return name

@step
def join(names: list[str]) -> str:
    log_params({"joined": len(names)})
    return "+".join(names)

@pipeline
def line(wait_s: float = 0.1):
    found = [mark.options(key=f"s{i}")(f"m{i}", wait_s) for i in range(4)]
    first = join(found)
    last = mark.options(key="last", after=first)("last", wait_s)
    return join.options(key="end")([first, last])

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    print(line.run(wait_s=float(sys.argv[1])).result)
"""


@pytest.fixture
def script(project_folder: Path) -> Path:
    path = project_folder / "line_flow.py"
    path.write_text(SCRIPT)
    return path


def start(script: Path, wait_s: float, executor: str = "process") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), str(wait_s)],
        cwd=script.parent,
        env={**os.environ, "MLWRIGHT_EXECUTOR": executor},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def marks(script: Path) -> set[int]:
    return {int(path.name[4:]) for path in (script.parent / "marks").glob("pid-*")}


def count_runs(project: Project) -> int:
    with project.ledger.read() as connection:
        return sum(runs.count_runs(connection).values())


def workers_of(folder: Path) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in text and "mlwright.pipelines.worker" in text and is_alive(int(path.parent.name)):
            found.append(int(path.parent.name))
    return found


def assert_complete_once(project: Project, run_id: str) -> None:
    with project.ledger.read() as connection:
        row = runs.get_run(connection, run_id)
        outputs = steps.outputs_of(connection, run_id)
        attempts = steps.step_runs_of(connection, run_id)
        events = Counter(
            event.subject.rsplit("/", 1)[1]
            for event in read_events(connection)
            if event.type in ("step.succeeded", "step.cached") and event.subject.startswith(f"run/{run_id}/")
        )
        logged = [curves.history(connection, run_id, f"m{place}") for place in range(4)]
        params = tracked.params_of(connection, run_id)
    keys = {"s0", "s1", "s2", "s3", "join", "last", "end"}
    assert row.status == "succeeded"
    assert set(outputs) == keys
    assert events == Counter(keys)
    done = [one.step for one in attempts if one.status in ("succeeded", "cached")]
    assert sorted(done) == sorted(keys)
    assert not [one for one in attempts if one.status == "running"]
    assert [[point.value for point in curve] for curve in logged] == [[0.0, 1.0, 2.0]] * 4
    assert params == {"joined": 2}
    assert not (project.settings.home / "work").exists() or not list((project.settings.home / "work").iterdir())


@pytest.mark.parametrize("executor", ["process", "inline"])
def test_an_engine_killed_at_random_moments_finishes_when_resumed_and_commits_each_step_once(
    project: Project, script: Path, executor: str
) -> None:
    chance = random.Random(os.urandom(8))
    killed = 0
    for wait_s in (0.30, 0.31, 0.32, 0.33):
        known = count_runs(project)
        process = start(script, wait_s, executor)
        wait_until(lambda known=known: count_runs(project) > known, "the start of the run")
        time.sleep(chance.uniform(0.0, 1.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        wait_until(lambda: not workers_of(project.settings.home), "the end of the workers")
        assert not [pid for pid in marks(script) if pid != process.pid and is_alive(pid)]
        for run_id in interrupted(project):
            killed += 1
            result = resume(project, run_id)
            assert result.result == "m0+m1+m2+m3+last"
            assert_complete_once(project, run_id)
    assert interrupted(project) == []
    print(f"killed and resumed: {killed} runs on '{executor}'")


def test_a_resumed_engine_may_be_killed_again_and_again(project: Project, script: Path) -> None:
    process = start(script, 0.4)
    wait_until(lambda: len(marks(script)) >= 1, "the first step")
    process.kill()
    process.communicate()
    (run_id,) = interrupted(project)
    again = (
        "import sys; from mlwright.project import Project; from mlwright.pipelines import resume; "
        "print(resume(Project.open(), sys.argv[1]).result)"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", again, run_id], cwd=script.parent, stdout=subprocess.PIPE)
        time.sleep(random.uniform(0.6, 1.6))
        process.kill()
        process.communicate()
    assert resume(project, run_id).result == "m0+m1+m2+m3+last"
    assert_complete_once(project, run_id)


def test_ctrl_c_cancels_the_run_ends_its_workers_and_leaves_it_resumable(project: Project, script: Path) -> None:
    process = start(script, 30.0)
    wait_until(lambda: len(marks(script)) >= 1, "the first step")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode in (130, -signal.SIGINT, 1)
    assert not [pid for pid in marks(script) if is_alive(pid)]
    assert workers_of(project.settings.home) == []
    with project.ledger.read() as connection:
        (row,) = runs.list_runs(connection)
        attempts = steps.step_runs_of(connection, row.id)
        types = [event.type for event in read_events(connection)]
    assert row.status == "cancelled"
    assert {one.status for one in attempts} == {"cancelled"}
    assert types[-1] == "run.cancelled"
    assert not list((project.settings.home / "work").iterdir())
    assert interrupted(project) == []


def test_a_killed_worker_fails_its_step_by_name_and_the_run_goes_on_after_resume(
    project: Project, script: Path
) -> None:
    hold = script.parent / "marks" / "hold"
    hold.parent.mkdir()
    hold.touch()
    process = start(script, 0.1)
    wait_until(lambda: len(marks(script)) >= 1, "the first step")
    os.kill(next(iter(marks(script))), signal.SIGKILL)
    hold.unlink()
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.search(r"RunFailed: run \w+ of 'line' failed: step 's\d' failed: its worker process ended", stderr)
    assert "SIGKILL" in stderr
    assert resume(project, "@latest").result == "m0+m1+m2+m3+last"
    with project.ledger.read() as connection:
        run_id = runs.list_runs(connection)[0].id
    assert_complete_once(project, run_id)


def test_a_pipeline_in_an_unguarded_script_runs_once(project_folder: Path) -> None:
    script = project_folder / "hello.py"
    script.write_text(
        "from mlwright import pipeline, step\n"
        "@step\ndef name() -> str: return 'world'\n"
        "@step\ndef greet(name: str) -> str: return f'hello {name}'\n"
        "@pipeline\ndef hello(): return greet(name())\n"
        "print(hello.run().result)\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, script], cwd=project_folder, capture_output=True, text=True, check=True)
        assert done.stdout == "hello world\n"
    with Project.open(project_folder) as project, project.ledger.read() as connection:
        found = runs.list_runs(connection)
        assert [row.status for row in found] == ["succeeded", "succeeded"]
        assert {one.status for one in steps.step_runs_of(connection, found[0].id)} == {"cached"}


def test_code_typed_into_an_interpreter_runs_inline(project_folder: Path) -> None:
    code = (
        "from mlwright import pipeline, step\n"
        "@step\ndef one() -> int: return 1\n"
        "@pipeline\ndef p(): return one()\n"
        "print(p.run().result)\n"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable], input=code, cwd=project_folder, capture_output=True, text=True, check=True
        )
        assert done.stdout == "1\n"
    with Project.open(project_folder) as project, project.ledger.read() as connection:
        newest = runs.list_runs(connection)[0]
        assert (newest.source or {})["executor"] == "inline"
        assert [one.status for one in steps.step_runs_of(connection, newest.id)] == ["cached"]
