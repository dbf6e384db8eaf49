"""`mlwright import` and `mlwright export` as a user meets them, and an import into either database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow_folders import Folder

from mlwright.cli.main import main
from mlwright.migration import Asked, export_all, import_all, open_source, open_target
from mlwright.project import Project
from mlwright.server.main import background

Captured = pytest.CaptureFixture[str]


def call(capsys: Captured, *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def filled(folder: Folder) -> Folder:
    """A folder with a run, a version and an alias."""
    run = folder.run("a" * 32, "first")
    folder.version("finder", 1, run=run)
    folder.alias("finder", "champion", 1)
    return folder


def test_importing_tells_how_much_came_and_what_to_do_next(
    filled: Folder, project_folder: Path, capsys: Captured
) -> None:
    code, out, err = call(capsys, "import", "mlflow", filled.root, "--home", project_folder)
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines() if line.startswith(("runs ", "points"))] == ["1", "3"]
    assert "brought from" in err
    assert "mlwright runs" in err
    code, out, err = call(capsys, "import", "mlflow", filled.root, "--home", project_folder)
    assert "nothing new" in err


def test_json_has_every_count_and_note(filled: Folder, project_folder: Path, capsys: Captured) -> None:
    code, out, _ = call(capsys, "import", "mlflow", filled.root, "--home", project_folder, "--dry-run", "--json")
    item = json.loads(out)["item"]
    assert code == 0
    assert item["dry_run"] is True
    assert item["counts"]["artifact_bytes"] == len("of first")
    assert item["notes"] == []


def test_with_a_server_named_the_command_says_why_it_cant(
    filled: Folder, project_folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", "http://127.0.0.1:1")
    code, _, err = call(capsys, "import", "mlflow", filled.root, "--home", project_folder)
    assert code == 6
    assert "unset MLWRIGHT_SERVER" in err


def test_damage_is_told_with_its_place_and_how_to_go_on(filled: Folder, project_folder: Path, capsys: Captured) -> None:
    (filled.root / "0" / ("a" * 32) / "meta.yaml").write_text("status: [")
    code, _, err = call(capsys, "import", "mlflow", filled.root, "--home", project_folder)
    assert code == 2
    assert "meta.yaml is damaged" in err
    assert "the same command goes on" in err


def test_exporting_to_a_server_by_the_command_line(
    filled: Folder, project_folder: Path, there: Project, capsys: Captured
) -> None:
    call(capsys, "import", "mlflow", filled.root, "--home", project_folder)
    with background(there) as url:
        code, _, err = call(capsys, "export", "mlflow", url, "--home", project_folder)
        assert code == 0
        assert f"took from this project to {url}" in err
        _, _, err = call(capsys, "export", "mlflow", url, "--home", project_folder)
        assert "nothing new" in err


@pytest.fixture
def on_either(ledger_url: str, project_folder: Path) -> Iterator[Project]:
    """A project on SQLite, then one on PostgreSQL."""
    with Project.open(project_folder, ledger=ledger_url) as opened:
        yield opened


def test_both_databases_take_an_import_and_give_an_export(on_either: Project, filled: Folder, there: Project) -> None:
    source = open_source(str(filled.root))
    report = import_all(on_either, source, Asked())
    assert (report.counts.runs, report.counts.points, report.counts.versions, report.counts.aliases) == (1, 3, 1, 1)
    assert import_all(on_either, source, Asked()).counts.is_nothing
    with background(there) as url:
        target = open_target(url)
        assert export_all(on_either, target, Asked()).counts.points == 3
        assert export_all(on_either, target, Asked()).counts.is_nothing
        target.close()
