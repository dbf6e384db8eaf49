"""What a run is kept in is taken away under it: named errors, and what was acknowledged is there or arrives later."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from logged import artifacts, journal_files, only_run, run_named, values

from mlwright import start_run
from mlwright.core.settings import PROJECT_FILE
from mlwright.errors import LedgerUnavailable, NotFound, StoreUnavailable
from mlwright.ledger import runs
from mlwright.project import Project
from mlwright.testing.executors import wait_until
from mlwright.tracking import recovery
from mlwright.tracking.destinations import LedgerDestination
from mlwright.tracking.scripts import ScriptRun
from mlwright.tracking.shipper import shipper
from small_disks import needs_root


def test_a_journal_that_is_removed_while_it_is_written_is_written_again(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with start_run("kept", project=project) as run:
        run.log_metrics(loss=1.0)
        for path in journal_files(project):
            path.unlink()
        run.log_metrics(loss=2.0)
    assert values(project, run.id, "loss") == [(0, 1.0), (1, 2.0)]
    assert only_run(project).status == "succeeded"
    assert "it is there again, whole" in caplog.text
    assert journal_files(project) == []


def test_a_home_that_is_removed_while_a_run_logs_is_begun_anew_and_gets_the_whole_run(
    project_folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project.open(project_folder) as project:
        run = start_run("kept", project=project)
        assert isinstance(run, ScriptRun)
        run.log_metrics(loss=1.0)
        project.ledger.close()
        shutil.rmtree(project.settings.home)
        run.log_metrics(loss=2.0)
        with pytest.raises(LedgerUnavailable, match="was removed or replaced"), project.ledger.write() as tx:
            tx.emit("thing.happened", "thing")
        run.end()
        wait_until(lambda: "is kept in" in caplog.text, "a warning")
        assert len(list((project.settings.home / "journals").glob("*.journal"))) == 1
        shipper.remove(run)
    with Project.open(project_folder) as project:
        monkeypatch.setattr(recovery, "is_gone", lambda _owner: True)
        assert recovery.recover(LedgerDestination(project)).journals == 1
        row = only_run(project)
        assert (row.id, row.status) == (run.id, "succeeded")
        assert values(project, run.id, "loss") == [(0, 1.0), (1, 2.0)]


def test_a_store_that_is_removed_is_made_anew_and_what_was_in_it_is_named(project: Project) -> None:
    store = project.settings.home / "artifacts"
    with start_run(project=project) as run:
        run.log_text("before.txt", "gone")
        shutil.rmtree(store)
        run.log_text("after.txt", "kept")
        run.log_metrics(loss=1.0)
    assert values(project, run.id, "loss") == [(0, 1.0)]
    with project.ledger.read() as connection:
        from mlwright.ledger import tracked

        digests = {row.name: row.digest for row in tracked.artifacts_of(connection, run.id)}
    assert project.store.read(digests["after.txt"]) == b"kept"
    with pytest.raises(NotFound, match="is not in the store") as caught:
        project.store.read(digests["before.txt"])
    assert caught.value.fix


def test_a_store_that_is_not_a_folder_any_more_is_named_and_the_run_goes_on(project: Project) -> None:
    store = project.settings.home / "artifacts"
    with start_run(project=project) as run:
        run.log_text("before.txt", "moved")
        store.rename(store.with_name("moved"))
        store.write_text("no folder")
        with pytest.raises(StoreUnavailable, match="can't be stored") as caught:
            run.log_text("during.txt", "refused")
        run.log_metrics(loss=1.0)
        store.unlink()
        store.with_name("moved").rename(store)
        run.log_text("after.txt", "kept")
    assert caught.value.why
    assert caught.value.fix
    assert values(project, run.id, "loss") == [(0, 1.0)]
    assert artifacts(project, run.id) == {"before.txt": b"moved", "after.txt": b"kept"}


_AS_NOBODY = """
import os, sys
from mlwright import start_run
from mlwright.errors import MlwrightError
os.environ["HOME"] = "/"
os.setgid(65534)
os.setuid(65534)
try:
    with start_run("denied") as run:
        run.log_metrics(loss=1.0)
except MlwrightError as error:
    print(error.code, error.what, error.fix)
"""


@needs_root
def test_a_folder_that_may_not_be_written_is_named() -> None:
    # The folder of the test itself is closed to others.
    import tempfile

    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        (folder / PROJECT_FILE).write_text('durability = "normal"\n')
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY], cwd=folder, capture_output=True, text=True, check=False
        )
    finally:
        shutil.rmtree(folder)
    assert done.stdout.startswith("permission-denied"), done.stderr
    assert str(folder) in done.stdout
    assert "MLWRIGHT_HOME" in done.stdout


def test_a_run_that_is_put_into_the_bin_while_it_is_written_has_everything_when_it_is_taken_out(
    project: Project,
) -> None:
    with start_run("binned", project=project) as run:
        run.log_metrics(loss=1.0)
        run.ship()
        with project.ledger.write() as tx:
            runs.delete_run(tx, run.id)
        run.log_metrics(loss=2.0)
    with project.ledger.write() as tx:
        runs.restore_run(tx, run.id)
    assert run_named(project, "binned").status == "succeeded"
    assert values(project, run.id, "loss") == [(0, 1.0), (1, 2.0)]
