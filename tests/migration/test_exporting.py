"""Exporting, to a server that speaks MLflow's API: what is taken, what has to change, and what a second export adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow_folders import Folder

import mlwright
from mlwright import project as projects
from mlwright.errors import InvalidUsage, ServerUnavailable
from mlwright.ledger import experiments, tracked
from mlwright.ledger.curves import history
from mlwright.ledger.runs import RunFilter, RunRow, list_runs
from mlwright.migration import Asked, Report, Seen, export_all, import_all, open_source, open_target
from mlwright.project import Project
from mlwright.server.main import background


def take(project: Project, url: str, progress: Any = lambda _: None, **asked: Any) -> Report:
    target = open_target(url)
    try:
        return export_all(project, target, Asked(**asked), progress=progress)
    finally:
        target.close()


def log_run(project: Project, name: str, **params: Any) -> None:
    projects.use(project)
    try:
        with mlwright.start_run(name, experiment="vision/defects") as run:
            run.log_params(params)
            for step in range(3):
                run.log_metrics({"loss": 1 / (1 + step)}, step=step)
    finally:
        projects.use(None)


def runs_in(project: Project) -> dict[str, RunRow]:
    with project.ledger.read() as connection:
        return {row.name: row for row in list_runs(connection, RunFilter(experiment="vision/defects"))}


def test_a_native_run_goes_there_with_all_that_it_logged(project: Project, there: Project) -> None:
    log_run(project, "first", lr=0.1, layers=[64, 32], optimizer="adam")
    with background(there) as url:
        report = take(project, url)
        assert (report.counts.experiments, report.counts.runs, report.counts.points) == (1, 1, 3)
        assert take(project, url).counts.is_nothing
    row = runs_in(there)["first"]
    with there.ledger.read() as connection:
        assert tracked.params_of(connection, row.id) == {"lr": "0.1", "layers": "[64,32]", "optimizer": "adam"}
        assert [point.value for point in history(connection, row.id, "loss")] == [1.0, 0.5, 1 / 3]
        assert tracked.tags_of(connection, row.id)["mlwright.run_id"] == runs_in(project)["first"].id
    assert row.status == "succeeded"


def test_what_mlflow_cant_hold_is_told_in_another_form_and_noted(project: Project, there: Project) -> None:
    log_run(project, "odd", **{"lr@1": 1, "text": "x" * 7000})
    with background(there) as url:
        report = take(project, url)
        assert take(project, url).counts.is_nothing
    texts = " ".join(note.text for note in report.notes)
    assert "lr@1" in texts
    assert "7000 characters" in texts
    row = runs_in(there)["odd"]
    with there.ledger.read() as connection:
        params = tracked.params_of(connection, row.id)
        files = {artifact.name for artifact in tracked.artifacts_of(connection, row.id)}
    assert {len(value) for value in params.values()} == {1, 6000}
    assert {"mlwright/keys.json", "mlwright/whole.json"} <= files


def test_a_second_export_takes_only_what_is_new(project: Project, there: Project) -> None:
    log_run(project, "first")
    with background(there) as url:
        take(project, url)
        log_run(project, "second")
        with project.ledger.write() as tx:
            tracked.put_tags(tx, runs_in(project)["first"].id, {"late": "yes"})
        counts = take(project, url).counts
        assert (counts.runs, counts.runs_changed, counts.points) == (1, 1, 3)
    with there.ledger.read() as connection:
        assert tracked.tags_of(connection, runs_in(there)["first"].id)["late"] == "yes"


def test_a_dry_run_counts_and_writes_nothing_there(project: Project, there: Project) -> None:
    log_run(project, "first")
    with background(there) as url:
        report = take(project, url, dry_run=True)
        assert (report.counts.runs, report.counts.points) == (1, 3)
    with there.ledger.read() as connection:
        assert experiments.get_by_name(connection, "vision/defects") is None


def test_a_target_that_dies_on_the_way_is_named_and_the_next_export_goes_on(project: Project, there: Project) -> None:
    for name in ("first", "second", "third"):
        log_run(project, name)
    serving = background(there)
    url = serving.__enter__()

    def stop_after_one(seen: Seen) -> None:
        if seen.done == 1:
            serving.__exit__(None, None, None)

    with pytest.raises(ServerUnavailable, match="doesn't answer"):
        take(project, url, progress=stop_after_one)
    with background(there) as url:
        counts = take(project, url).counts
    assert (counts.runs, counts.runs_known, counts.points) == (2, 1, 6)


def test_models_go_there_with_their_files_and_aliases_and_round_trips_bring_nothing_new(
    project: Project, there: Project, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "mlruns")
    folder.experiment("1", "vision/defects")
    run = folder.run("a" * 32, "first", experiment="1")
    folder.version("finder", 1, run=run, stage="Staging")
    folder.alias("finder", "champion", 1)
    import_all(project, open_source(str(folder.root)), Asked())
    with background(there) as url:
        report = take(project, url)
        assert (report.counts.models, report.counts.versions, report.counts.aliases) == (1, 1, 1)
        assert report.notes == []
        assert take(project, url).counts.is_nothing
        source = open_source(url)
        back = import_all(project, source, Asked())
        source.close()
    assert back.counts.runs == 0


def test_a_target_that_is_no_server_is_refused(project: Project) -> None:
    with pytest.raises(InvalidUsage, match="no address of a server"):
        open_target("mlruns")
