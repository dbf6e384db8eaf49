"""Importing from real MLflow stores: all that their own client sees is here, once, and later only what is new."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlwright.ledger import imports
from mlwright.migration import Asked, export_all, open_target
from mlwright.project import Project
from mlwright.server.main import background

pytestmark = pytest.mark.timeout(900)

#: How many runs `fill` makes, and how many points `more` logs.
RUNS, MORE_POINTS = 10, 50 + 5 + 1


def seen_here(mlflow: Any, project: Project) -> Any:
    with background(project) as url:
        return mlflow.dump(url)


def check_alike(here: Any, there: Any) -> None:
    for part in there:
        assert set(here[part]) == set(there[part])
        for name, found in there[part].items():
            assert here[part][name] == found, (part, name)


@pytest.mark.soak
def test_a_server_is_brought_over_whole_once_and_later_only_with_what_is_new(
    mlflow: Any, server: str, project: Project, bring: Callable[..., Any]
) -> None:
    planned = bring(server, dry_run=True)
    with project.ledger.read() as connection:
        assert imports.run_of_key(connection, "mlflow:x") is None
    first = bring(server)
    assert first.notes == []
    assert first.counts == planned.counts
    assert (first.counts.runs, first.counts.experiments, first.counts.versions) == (RUNS, 3, 2)
    there = mlflow.dump(server)
    check_alike(seen_here(mlflow, project), there)
    assert bring(server).counts.is_nothing
    store = mlflow.folder / "store"
    assert bring(f"sqlite:///{store / 'mlflow.db'}", artifacts=store / "artifacts").counts.is_nothing

    mlflow.run("fill_store", server, "more")
    second = bring(server).counts
    assert (second.runs, second.runs_changed, second.runs_known) == (1, 1, RUNS - 1)
    assert (second.points, second.artifacts, second.versions, second.aliases) == (MORE_POINTS, 1, 1, 1)
    check_alike(seen_here(mlflow, project), mlflow.dump(server))
    assert bring(server).counts.is_nothing


@pytest.mark.soak
def test_a_database_is_brought_over_as_its_server_would_show_it(
    mlflow: Any, server: str, project: Project, bring: Callable[..., Any]
) -> None:
    store = mlflow.folder / "store"
    report = bring(f"sqlite:///{store / 'mlflow.db'}", artifacts=store / "artifacts")
    assert report.notes == []
    check_alike(seen_here(mlflow, project), mlflow.dump(server))
    assert bring(server).counts.is_nothing


@pytest.mark.slow
def test_a_folder_is_brought_over_whole_once_and_later_only_with_what_is_new(
    mlflow: Any, mlruns: Path, project: Project, bring: Callable[..., Any]
) -> None:
    first = bring(mlruns)
    assert first.notes == []
    assert first.counts.runs == RUNS
    there = mlflow.dump(str(mlruns))
    check_alike(seen_here(mlflow, project), there)
    assert bring(mlruns).counts.is_nothing
    mlflow.run("fill_store", str(mlruns), "more")
    second = bring(mlruns).counts
    assert (second.runs, second.runs_changed, second.points) == (1, 1, MORE_POINTS)
    assert (second.artifacts, second.versions, second.aliases) == (1, 1, 1)
    check_alike(seen_here(mlflow, project), mlflow.dump(str(mlruns)))


@pytest.mark.soak
def test_what_was_brought_goes_to_another_server_alike_and_comes_back_as_nothing_new(
    mlflow: Any, server: str, empty_server: str, project: Project, bring: Callable[..., Any]
) -> None:
    bring(server)
    target = open_target(empty_server)
    first = export_all(project, target, Asked())
    assert first.notes == []
    here, there = mlflow.dump(server), mlflow.dump(empty_server)
    binned = {name for name, run in here["runs"].items() if run["info"][3] == "deleted"}
    assert set(there["runs"]) == set(here["runs"]) - binned
    for name, run in there["runs"].items():
        files = {path: digest for path, digest in run["files"].items() if not path.startswith("mlwright-models/")}
        assert {**run, "files": files} == here["runs"][name], name
    check_alike({"models": there["models"]}, {"models": here["models"]})
    assert export_all(project, target, Asked()).counts.is_nothing
    # Its runs began here, so there is nothing to bring; only its experiments' and models' own facts are compared.
    assert bring(empty_server).counts.runs == 0
    target.close()


@pytest.mark.soak
def test_an_import_that_is_killed_goes_on_where_it_stopped(
    mlflow: Any, server: str, project: Project, bring: Callable[..., Any]
) -> None:
    root = project.settings.root
    environment = {**os.environ, "MLWRIGHT_CAPTURE": "none"}
    for delay_s in (0.7, 1.0, 1.4):
        process = subprocess.Popen(
            [sys.executable, "-m", "mlwright", "import", "mlflow", server, "--home", str(root)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
    bring(server)
    check_alike(seen_here(mlflow, project), mlflow.dump(server))
    assert bring(server).counts.is_nothing
