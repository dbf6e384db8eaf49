"""`mlwright run`: parameters from words, results, failures, Ctrl-C and going on."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from commanding import Command

from mlwright.testing.executors import wait_until

PIPELINES = """
import os
import time
from pathlib import Path

from mlwright import pipeline, step

@step
def numbers(count: int, note: str) -> list[int]:
    return [len(note)] * count

@step
def total(values: list[int], factor: float) -> float:
    return sum(values) * factor

@step(cache=False)
def wait(flag: str) -> int:
    Path("begun").touch()
    while not Path(flag).exists():
        time.sleep(0.05)
    return 7

@step(cache=False)
def fail() -> int:
    raise ValueError("no luck")

@pipeline
def good(count: int = 2, note: str = "12", factor: float = 0.5) -> float:
    return total(numbers(count, note), factor)

@pipeline
def slow(flag: str = "flag") -> int:
    return wait(flag)

@pipeline
def bad() -> int:
    return fail()
"""


@pytest.fixture(autouse=True)
def pipelines(project_folder: Path) -> None:
    (project_folder / "flows.py").write_text(PIPELINES)


def test_a_run_prints_its_result_and_the_next_command(command: Command) -> None:
    ended = command("run", "flows.py:good", "--count", "3", "--note", "1234", "--factor", "-1.5")
    assert ended.code == 0
    assert "-18.0" in ended.out
    run_id = ended.out.split()[1]
    assert f"mlwright runs show {run_id}" in ended.talk
    data = command("runs", "show", run_id, "--json").data["item"]
    assert data["arguments"] == {"count": 3, "note": "1234", "factor": -1.5}
    assert data["run"]["actor"] == "user:test"


def test_a_result_can_be_had_as_json(command: Command) -> None:
    data = command("run", "flows.py:good", "--json").data
    assert data["item"]["result"] == 2.0
    assert data["item"]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("words", "hint"), [(["--cuont", "3"], "'count'"), (["--count", "many"], "many")], ids=["unknown", "wrong"]
)
def test_a_wrong_parameter_is_usage_before_anything_is_made(
    command: Command, untouched: Path, words: list[str], hint: str
) -> None:
    ended = command("run", "flows.py:good", *words)
    assert ended.code == 2
    assert hint in ended.talk
    assert not (untouched / ".mlwright").exists()


@pytest.mark.parametrize("target", ["flows.py:godo", "nowhere.py:good", "no_such_package:good"])
def test_a_target_that_does_not_exist_is_exit_4(command: Command, target: str) -> None:
    assert command("run", target).code == 4


def test_a_failed_run_is_exit_1_and_names_the_line(command: Command) -> None:
    ended = command("run", "flows.py:bad")
    assert ended.code == 1
    assert "no luck" in ended.talk
    assert "flows.py:" in ended.talk
    assert "Traceback" not in ended.talk
    assert command("runs", "watch").code == 1


def test_ctrl_c_cancels_a_run_that_can_be_gone_on_with(
    command: Command, spawn: Callable[..., subprocess.Popen[str]], project_folder: Path
) -> None:
    process = spawn("run", "flows.py:slow")
    wait_until((project_folder / "begun").exists, "the start of the step")
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in talk
    assert "mlwright run --resume" in talk
    assert command("runs", "--status", "cancelled", "--json").data["items"]
    (project_folder / "flag").touch()
    ended = command("run", "--resume", "@latest")
    assert ended.code == 0
    assert "7" in ended.out
    assert command("runs", "watch", "@latest").code == 0
