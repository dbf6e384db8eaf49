"""Importing a folder of MLflow's: what comes over, what a second import leaves alone, and what damage does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow_folders import START_MS, Folder, write

from mlwright.errors import InvalidInput, InvalidUsage, NotFound
from mlwright.ledger import imports, registry, registry_edits, tracked
from mlwright.ledger.curves import history
from mlwright.ledger.runs import get_run
from mlwright.migration import Report
from mlwright.project import Project
from mlwright.registry import edits

Bring = Callable[..., Report]


def id_of(project: Project, source_id: str) -> str:
    with project.ledger.read() as connection:
        found = imports.run_of_key(connection, f"mlflow:{source_id}")
    assert found is not None
    return found.id


def test_a_run_keeps_its_times_its_user_and_its_points(project: Project, folder: Folder, bring: Bring) -> None:
    folder.run("a" * 32, "first")
    bring(folder.root)
    with project.ledger.read() as connection:
        run_id = id_of(project, "a" * 32)
        run = get_run(connection, run_id)
        points = [(point.step, point.value) for point in history(connection, run_id, "loss")]
        tags = tracked.tags_of(connection, run_id)
    assert (run.name, run.status, run.actor, run.experiment) == ("first", "succeeded", "user:ann", "Default")
    assert int(run.started_at.timestamp() * 1000) == START_MS
    assert run.duration_s == 5
    assert points == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert tags == {"owner": "ann", "mlflow.imported.run_id": "a" * 32}


def test_the_same_run_has_the_same_id_in_every_project_and_sorts_by_its_beginning(
    project: Project, folder: Folder, bring: Bring
) -> None:
    folder.run("b" * 32, "first")
    folder.run("a" * 32, "second", later_s=60)
    bring(folder.root)
    assert id_of(project, "b" * 32) < id_of(project, "a" * 32)


def test_a_dry_run_counts_and_writes_nothing(project: Project, folder: Folder, bring: Bring) -> None:
    run = folder.run("a" * 32, "first")
    folder.version("finder", 1, run=run)
    report = bring(folder.root, dry_run=True)
    assert (report.counts.runs, report.counts.points, report.counts.artifacts, report.counts.versions) == (1, 3, 1, 1)
    assert report.counts.artifact_bytes == len("of first")
    with project.ledger.read() as connection:
        assert imports.run_of_key(connection, f"mlflow:{'a' * 32}") is None
        assert registry.list_models(connection) == []
    assert list(project.store.list()) == []


def test_points_that_were_logged_late_are_added_and_nothing_else(
    project: Project, folder: Folder, bring: Bring
) -> None:
    home = folder.run("a" * 32, "first", status=1)
    bring(folder.root)
    with open(home / "metrics" / "loss", "a") as file:
        file.write(f"{START_MS} nan 1\n{START_MS + 9} inf 9\n{START_MS} 1.0 0\n")
    report = bring(folder.root)
    assert (report.counts.points, report.counts.runs_changed, report.counts.artifacts) == (3, 1, 0)
    with project.ledger.read() as connection:
        values = [repr(point.value) for point in history(connection, id_of(project, "a" * 32), "loss")]
    assert sorted(values) == sorted(["1.0", "1.0", "nan", "0.5", repr(1 / 3), "inf"])
    assert bring(folder.root).counts.is_nothing


def test_what_was_changed_here_is_not_changed_back(project: Project, folder: Folder, bring: Bring) -> None:
    run = folder.run("a" * 32, "first")
    folder.version("finder", 1, run=run)
    folder.version("finder", 2, run=run)
    folder.alias("finder", "champion", 1)
    bring(folder.root)
    run_id = id_of(project, "a" * 32)
    with project.ledger.write("user:bea") as tx:
        tracked.put_tags(tx, run_id, {"owner": "bea"})
        edits.point_alias(tx, "finder", "champion", 2)
    assert bring(folder.root).counts.is_nothing
    with project.ledger.read() as connection:
        assert tracked.tags_of(connection, run_id)["owner"] == "bea"
        assert registry_edits.the_model(connection, "finder").aliases == {"champion": 2}


def test_an_alias_that_moved_at_the_source_moves_here(project: Project, folder: Folder, bring: Bring) -> None:
    run = folder.run("a" * 32, "first")
    folder.version("finder", 1, run=run)
    folder.version("finder", 2, run=run)
    folder.alias("finder", "champion", 1)
    bring(folder.root)
    folder.alias("finder", "champion", 2)
    assert bring(folder.root).counts.aliases == 1
    with project.ledger.read() as connection:
        assert registry_edits.the_model(connection, "finder").aliases == {"champion": 2}


def test_versions_keep_their_numbers_their_files_and_where_they_are_from(
    project: Project, folder: Folder, bring: Bring
) -> None:
    run = folder.run("a" * 32, "first")
    folder.version("finder", 3, run=run, stage="Staging")
    bring(folder.root)
    with project.ledger.read() as connection:
        [found] = registry_edits.registered(connection, "finder")
    assert (found.row.version, found.row.stage, found.row.run_id) == (3, "Staging", id_of(project, "a" * 32))
    assert found.row.metrics == {"loss": 1 / 3}
    assert found.row.flavour == "mlflow"


def test_a_version_whose_number_is_taken_here_is_left_out_and_named(
    project: Project, folder: Folder, bring: Bring, tmp_path: Path
) -> None:
    other = Folder(tmp_path / "other")
    other.version("finder", 1, run=other.run("c" * 32, "theirs"))
    write(other.root / "models" / "finder" / "version-1" / "meta.yaml", "version: 1\ncreation_timestamp: 5\n")
    bring(other.root)
    folder.version("finder", 1, run=folder.run("a" * 32, "first"))
    report = bring(folder.root)
    assert report.counts.versions == 0
    assert [note.about for note in report.notes] == ["version 1 of model 'finder'"]


def test_only_the_experiments_that_were_asked_for_come(project: Project, folder: Folder, bring: Bring) -> None:
    folder.experiment("1", "vision")
    folder.run("a" * 32, "first")
    kept = folder.run("b" * 32, "second", experiment="1")
    folder.version("seen", 1, run=kept)
    folder.version("unseen", 1, run=folder.root / "0" / ("a" * 32))
    report = bring(folder.root, experiments=["vision"])
    assert (report.counts.runs, report.counts.models) == (1, 1)
    with pytest.raises(NotFound, match=r"(?s)no experiment 'visoin'.*did you mean 'vision'"):
        bring(folder.root, experiments=["visoin"])


def test_a_damaged_meta_yaml_is_named_and_mending_it_lets_the_next_import_go_on(
    project: Project, folder: Folder, bring: Bring
) -> None:
    folder.experiment("1", "vision")
    folder.run("a" * 32, "first")
    home = folder.run("b" * 32, "second", experiment="1")
    sound = (home / "meta.yaml").read_text()
    write(home / "meta.yaml", "run_name: [never closed\n")
    with pytest.raises(InvalidInput, match=str(home / "meta.yaml")):
        bring(folder.root)
    write(home / "meta.yaml", sound)
    report = bring(folder.root)
    assert (report.counts.runs, report.counts.runs_known) == (1, 1)


def test_a_line_of_a_metric_that_is_no_point_is_named(folder: Folder, bring: Bring) -> None:
    home = folder.run("a" * 32, "first")
    write(home / "metrics" / "loss", "1 not-a-number 0\n")
    with pytest.raises(InvalidInput, match="metric 'loss' is damaged"):
        bring(folder.root)


def test_artifacts_that_are_gone_are_noted_and_come_when_they_are_back(
    project: Project, folder: Folder, bring: Bring
) -> None:
    home = folder.run("a" * 32, "first")
    (home / "artifacts").rename(folder.root.parent / "away")
    report = bring(folder.root)
    assert (report.counts.runs, report.counts.artifacts) == (1, 0)
    assert "out of reach" in report.notes[0].text
    (folder.root.parent / "away").rename(home / "artifacts")
    report = bring(folder.root)
    assert (report.counts.runs_changed, report.counts.artifacts, report.notes) == (1, 1, [])


def test_a_folder_that_was_moved_brings_its_artifacts_along(folder: Folder, bring: Bring, tmp_path: Path) -> None:
    folder.run("a" * 32, "first")
    folder.root.rename(tmp_path / "moved")
    report = bring(tmp_path / "moved")
    assert (report.counts.artifacts, report.notes) == (1, [])


def test_links_that_lead_out_of_the_artifacts_are_not_followed(folder: Folder, bring: Bring, tmp_path: Path) -> None:
    write(tmp_path / "secret", "not yours")
    home = folder.run("a" * 32, "first")
    (home / "artifacts" / "link").symlink_to(tmp_path / "secret")
    assert bring(folder.root).counts.artifacts == 1


def test_a_run_that_was_deleted_here_stays_so(project: Project, folder: Folder, bring: Bring) -> None:
    from mlwright.ledger.runs import delete_run

    folder.run("a" * 32, "first", status=1)
    bring(folder.root)
    with project.ledger.write() as tx:
        delete_run(tx, id_of(project, "a" * 32))
    folder.run("a" * 32, "first")
    assert bring(folder.root).counts.is_nothing


def test_an_empty_folder_is_no_store_and_an_absent_one_is_named(bring: Bring, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidUsage, match=r"no folder of MLflow's"):
        bring(tmp_path / "empty")
    with pytest.raises(NotFound, match="does not exist"):
        bring(tmp_path / "absent")


def test_a_store_of_another_kind_is_refused_with_what_to_do(bring: Bring) -> None:
    with pytest.raises(InvalidUsage, match=r"(?s)postgresql.*start an MLflow server"):
        bring("postgresql://host/mlflow")
