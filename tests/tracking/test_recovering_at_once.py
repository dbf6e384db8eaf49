"""Several processes that ship what a dead one left, and a ledger that is locked meanwhile: everything arrives once."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from logged import journal_files, only_run, values

from mlwright import start_run
from mlwright.project import Project
from mlwright.server.main import background
from mlwright.testing.executors import wait_until
from mlwright.tracking import recovery
from mlwright.tracking.destinations import LedgerDestination
from mlwright.tracking.journal import Journal, frame_of
from mlwright.tracking.records import NewRun, Opened, Points

COUNT = 3000


def left_behind(project: Project, folder: Path) -> None:
    """Write the journal of a process that died, below a folder."""
    from mlwright.ledger.leases import this_process

    host, pid, _ = this_process().rsplit(":", 2)
    new = NewRun(name="dead", experiment="e", actor="user:test")
    at = project.clock.now()
    opened = Opened(journal_id="j" * 26, run_id="r" * 26, at=at, owner=f"{host}:{pid}:1", run=new)
    journal = Journal(folder / ".mlwright" / "journals" / f"{'j' * 26}.journal", opened)
    for step in range(COUNT):
        journal.append(Points(values={"loss": (step, float(step))}, at=at))
    journal.close()


@pytest.mark.parametrize("over_http", [False, True], ids=["embedded", "over HTTP"])
def test_two_syncs_at_once_ship_a_journal_once(
    project: Project, project_folder: Path, tmp_path_factory: pytest.TempPathFactory, *, over_http: bool
) -> None:
    folder = tmp_path_factory.mktemp("elsewhere") if over_http else project_folder
    left_behind(project, folder)
    with background(project) as url:
        command = [sys.executable, "-m", "mlwright", "sync", *(["--server", url] if over_http else [])]
        both = [subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sum(f"({COUNT + 1} records)" in text for text in told) == 1, told
    assert values(project, "r" * 26, "loss") == [(step, float(step)) for step in range(COUNT)]
    assert only_run(project).status == "failed"
    assert list((folder / ".mlwright" / "journals").glob("*.journal")) == []


_LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


def test_a_run_logs_ends_and_is_kept_while_another_process_has_the_ledger_locked(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run("kept", project=project)
    run.log_metrics(loss=0.0)
    run.ship()
    locker = subprocess.Popen(
        [sys.executable, "-c", _LOCKER, str(project.settings.home / "ledger.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert locker.stdout is not None
    assert locker.stdout.readline() == "locked\n"
    for step in range(1, 1000):
        run.log_metrics(loss=float(step))
    ending = threading.Thread(target=run.end)
    ending.start()
    locker.communicate("\n")
    ending.join()
    wait_until(lambda: not journal_files(project), "shipping")
    assert values(project, run.id, "loss") == [(step, float(step)) for step in range(1000)]
    assert only_run(project).status == "succeeded"


class Later(msgspec.Struct, tag_field="kind", tag="hologram"):
    """A kind of record that only a later version knows."""

    depth: int


def test_a_journal_of_a_later_version_is_put_aside_whole_and_its_version_is_asked_for(project: Project) -> None:
    left_behind(project, project.settings.root)
    (path,) = journal_files(project)
    sound = path.read_bytes()
    with path.open("ab") as file:
        file.write(later := _frame(Later(depth=3)))
    (refusal,) = recovery.recover(LedgerDestination(project)).refused
    assert "ship it with that version" in refusal.reason
    assert Path(refusal.path).read_bytes() == sound + later


def _frame(record: msgspec.Struct) -> bytes:
    return frame_of(record)  # type: ignore[arg-type]
