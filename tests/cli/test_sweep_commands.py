"""`mlwright sweep run`, `mlwright sweeps`, `mlwright experiments`, and the commands that change runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding import Command

from mlwright.project import Project
from mlwright.tracking import start_run

FILE = """
from typing import Annotated
from mlwright import Sweep, choice, uniform

def area(x: Annotated[float, uniform(0, 1)], kind: Annotated[str, choice(["a", "b"])]) -> float:
    return x + (kind == "b")

tuning = Sweep(area, name="tuning", trials=6, seed=1)
"""


@pytest.fixture
def file(project: Project) -> str:
    path = project.settings.root / "tune.py"
    path.write_text(FILE)
    return str(path)


def test_a_declared_sweep_is_run_shown_and_gone_on_with(command: Command, file: str) -> None:
    pytest.importorskip("optuna")
    first = command("sweep", "run", f"{file}:tuning")
    assert first.code == 0, first.talk
    assert "[6/6]" in first.talk
    again = command("sweep", "run", file, "--trials", "8", "--json").data["item"]
    shown = command("sweeps", "show", "tuning", "--json").data["item"]
    assert shown["sweep"]["finished"] == 8
    assert shown["best"] == [again["best"][0]["number"]]
    text = command("sweeps", "show", "tuning").out
    assert "What matters" in text
    assert "Best trials" in text
    assert command("sweeps", "ls", "--json").data["items"][0]["name"] == "tuning"


def test_an_objective_whose_annotations_declare_its_space_can_be_run(command: Command, file: str) -> None:
    pytest.importorskip("optuna")
    assert command("sweep", "run", f"{file}:area", "--trials", "2", "--seed", "3").code == 0
    assert command("sweeps", "show", "area", "--json").data["item"]["plan"]["seed"] == 3


def test_a_misspelt_sweep_gets_a_proposal(command: Command, file: str) -> None:
    pytest.importorskip("optuna")
    command("sweep", "run", f"{file}:area", "--trials", "1")
    ended = command("sweeps", "show", "aera")
    assert ended.code == 4
    assert "did you mean 'area'" in ended.talk


def test_what_is_no_sweep_is_refused(command: Command, project: Project) -> None:
    path = Path(project.settings.root / "none.py")
    path.write_text("x = 1\n")
    assert command("sweep", "run", f"{path}:x").code == 2
    assert "has no sweep" in command("sweep", "run", str(path)).talk


def test_experiments_are_organised_from_the_command_line(command: Command, project: Project) -> None:
    assert command("experiments", "set", "vision", "--tag", "team=v", "--run-note", "see wiki").code == 0
    assert command("experiments", "new", "vision/a", "--note", "first").code == 0
    with start_run("r", "vision/a", project=project) as run:
        run.log_metrics({"loss": 1.0})
    assert "vision/" in command("experiments", "ls").out
    assert "team=v" in command("experiments", "show", "vision/a").out
    assert command("experiments", "move", "vision", "old").out.split() == ["old", "old/a"]
    assert command("experiments", "rm", "old", "--below").code == 0
    assert command("experiments", "ls", "--json").data["items"] == []
    assert command("experiments", "ls", "--deleted", "--json").data["items"][0]["experiments"] == 2
    assert command("experiments", "restore", "old/a").code == 0
    assert command("runs", "ls", "--json").data["items"][0]["id"] == run.id


def test_runs_are_changed_from_the_command_line(command: Command, project: Project) -> None:
    with start_run("r", project=project) as run:
        for step in range(10):
            run.log_metrics({"loss": 1.0}, step=step)
    amended = command("runs", "amend", run.id, "--name", "better", "--tag", "a=b", "--json").data["item"]
    assert amended["new"] == {"name": "better", "tags": {"a": "b"}}
    assert "5 points left" in command("runs", "rewind", run.id, "--to-step", "4").out
    assert "5 points" in command("runs", "unrewind", run.id).out
    fork = command("runs", "fork", run.id, "--at-step", "3", "--json").data["item"]
    assert fork["forked_from"] == run.id
    assert command("runs", "rm", run.id, fork["run_id"]).code == 0
    assert command("runs", "ls", "--json").data["items"] == []
    assert command("runs", "restore", run.id).code == 0
    assert command("runs", "amend", run.id, "--tag", "nothing").code == 2


def test_the_bin_is_emptied_with_a_plan_first(command: Command, project: Project) -> None:
    with start_run("r", project=project) as run:
        run.log_metrics({"loss": 1.0})
    command("runs", "rm", run.id)
    dry = command("gc", "--runs-older-than", "0d", "--dry-run", "--grace-hours", "0")
    assert "Runs that would go" in dry.out
    assert "would remove 1 runs with 1 points" in dry.talk
    wet = command("gc", "--runs-older-than", "0d", "--json").data
    assert (wet["bin"]["runs"], wet["bin"]["dry_run"]) == (1, False)
    assert command("runs", "show", run.id).code == 4
    assert command("gc", "--runs-older-than", "soon").code == 2
