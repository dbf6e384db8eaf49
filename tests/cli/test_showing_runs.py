"""`mlwright runs show` of what a script logged, and how a run is named."""

from __future__ import annotations

import math

from commanding import Command

import mlwright
from mlwright.project import Project


def test_a_run_is_shown_with_all_that_belongs_to_it(command: Command, project: Project) -> None:
    with mlwright.start_run("outer", project=project, note="why it was tried") as outer:
        mlwright.log_params({"text": "x" * 5000, "layers": [64, 64], "nothing": None})
        mlwright.log_metrics({"rows": 336_776, "broken": math.inf})
        mlwright.log_dataset({"delay": [1.0, 2.0]}, name="flights", context="training")
        with mlwright.start_run("inner", project=project) as inner:
            pass
    lines = [line.split(maxsplit=1) for line in command("runs", "show", outer.id).out.splitlines() if line]
    shown = {first: rest[0] if rest else "" for first, *rest in lines}
    assert shown["note"] == "why it was tried"
    assert shown["text"].endswith("x… (5,000 characters)")
    assert (shown["layers"], shown["nothing"]) == ("[64,64]", "-")
    assert (shown["rows"], shown["broken"]) == ("336776", "inf")
    assert shown["flights"].startswith("training  sha256:")
    assert shown[inner.id[-8:]].startswith("inner  succeeded")
    assert f"part of     {outer.id[-8:]}\n" in command("runs", "show", inner.id).out
    item = command("runs", "show", outer.id, "--json").data["item"]
    assert (item["metrics"]["broken"], item["nested"][0]["id"]) == ("inf", inner.id)


def test_a_name_that_one_run_has_is_enough(command: Command, project: Project) -> None:
    for name in ("once", "twice", "twice"):
        with mlwright.start_run(name, project=project):
            pass
    assert command("runs", "show", "once").code == 0
    several = command("runs", "show", "twice")
    assert several.code != 0
    assert "'twice' fits several runs" in several.talk


def test_what_runs_are_sorted_by_is_a_column(command: Command, project: Project) -> None:
    for loss in (3.0, 1.0):
        with mlwright.start_run(project=project):
            mlwright.log_metrics({"loss": loss})
    found = command("runs", "ls", "--sort", "min(metrics.loss) desc", "--sort", "started").out.splitlines()
    assert found[0].endswith("min(metrics.loss)")
    assert [line.split()[-1] for line in found[1:]] == ["3", "1"]
