"""A disk that is full while a training logs: named errors, and what was acknowledged arrives when there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from logged import artifacts, journal_files, only_run, values

from mlwright import start_run
from mlwright.core.settings import PROJECT_FILE
from mlwright.errors import StorageFull
from mlwright.project import Project
from mlwright.tracking.run import Run
from small_disks import give_room, needs_root, small_disk

pytestmark = needs_root

SCRIPT = """
import os, sys
from mlwright import start_run
from mlwright.errors import StorageFull
with start_run("full") as run:
    for step in range(1_000_000):
        run.log_metrics(loss=step)
        if step % 500 == 0:
            try:
                run.log_text(f"{step}.txt", os.urandom(50_000).hex())
                print("kept", step, flush=True)
            except StorageFull as full:
                print("full", full.what, flush=True)
        print("logged", step, flush=True)
"""


def fill(run: Run) -> int:
    """Log until the journal has no room; return how many calls were acknowledged."""
    count = 0
    with pytest.raises(StorageFull, match="journal") as caught:  # noqa: PT012
        while True:
            run.log_metrics(loss=count)
            count += 1
    assert caught.value.why
    assert caught.value.fix
    return count


def test_a_run_on_a_full_disk_is_ended_when_there_is_room_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", size="3m") as disk:
        (disk / PROJECT_FILE).write_text('durability = "normal"\n')
        with Project.open(disk) as project:
            run = start_run("full", project=project)
            acknowledged = fill(run)
            with pytest.raises(StorageFull):
                run.end()
            give_room(disk, size="64m")
            run.log_metrics(loss=acknowledged)
            run.end()
            assert [value for _, value in values(project, run.id, "loss")] == list(range(acknowledged + 1))
            assert only_run(project).status == "succeeded"
            assert journal_files(project) == []


def test_artifacts_that_find_no_room_are_named_and_those_before_are_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", size="2m") as store:
        (tmp_path / PROJECT_FILE).write_text(f'durability = "normal"\nartifacts = "{store / "artifacts"}"\n')
        with Project.open(tmp_path) as project:
            with start_run("full", project=project) as run:
                kept: dict[str, bytes] = {}
                with pytest.raises(StorageFull, match="store") as caught:  # noqa: PT012
                    for place in range(100):
                        text = os.urandom(100_000).hex()
                        run.log_text(f"{place}.txt", text)
                        kept[f"{place}.txt"] = text.encode()
                assert caught.value.fix
                run.log_metrics(loss=1.0)
            assert kept
            assert artifacts(project, run.id) == kept
            assert values(project, run.id, "loss") == [(0, 1.0)]


def test_a_script_that_fills_everything_loses_nothing_that_it_was_told_is_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", size="4m") as disk:
        (disk / PROJECT_FILE).write_text('durability = "normal"\n')
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=disk, capture_output=True, text=True, timeout=120, check=False
        )
        said = [line.split(" ", 1) for line in done.stdout.splitlines()]
        assert done.returncode == 1
        assert "StorageFull: the journal" in done.stderr
        give_room(disk, size="64m")
        sync = [sys.executable, "-m", "mlwright", "sync"]
        subprocess.run(sync, cwd=disk, capture_output=True, check=True)
        with Project.open(disk) as project:
            run = only_run(project)
            steps = [int(value) for _, value in values(project, run.id, "loss")]
            assert steps == list(range(len(steps)))
            assert len(steps) >= sum(word == "logged" for word, _ in said) > 0
            found = artifacts(project, run.id)
            assert {f"{step}.txt" for word, step in said if word == "kept"} <= set(found)
            assert run.status == "failed"
            assert journal_files(project) == []
