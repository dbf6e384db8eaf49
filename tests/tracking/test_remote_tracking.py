"""Scripts that log to a server: nothing is lost and nothing arrives twice, whatever happens to the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from logged import ServerProcess, artifacts, only_run, run_named, values

from mlwright import start_run
from mlwright.api.client import LocalClient
from mlwright.core.digest import digest_bytes
from mlwright.core.settings import PROJECT_FILE
from mlwright.errors import InvalidInput, NotFound, ServerUnavailable
from mlwright.ledger import tracked
from mlwright.project import Project
from mlwright.server.main import background
from mlwright.tracking import recovery
from mlwright.tracking import remote as remotes
from mlwright.tracking.destinations import journals_folder, server
from mlwright.tracking.journal import Journal, Received, frame_of, read
from mlwright.tracking.records import NewRun, Opened, Params, Points
from ports import free_port


@pytest.fixture
def url(project: Project) -> Iterator[str]:
    with background(project) as found:
        yield found


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a script on another machine."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / PROJECT_FILE).write_text('durability = "normal"\nactor = "user:far"\n')
    monkeypatch.chdir(folder)
    return folder


def test_what_a_script_logs_arrives_at_the_server_with_its_artifacts(
    project: Project, url: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", url)
    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "a.txt").write_text("a")
    with start_run("far", experiment="vision/defects", tags={"team": "x"}, note="a try") as run:
        run.log_params(lr=0.1)
        run.log_metrics(loss=1.0)
        run.log_artifact("folder", elsewhere / "data")
        run.log_artifact("nested", {"text": "t", "more": [1, 2]})
        run.log_dataset(elsewhere / "data" / "a.txt", context="training")
    row = only_run(project)
    assert (row.id, row.status, row.actor, row.experiment) == (run.id, "succeeded", "user:far", "vision/defects")
    assert values(project, run.id, "loss") == [(0, 1.0)]
    assert set(artifacts(project, run.id)) == {"folder", "nested"}
    assert project.store.has(digest_bytes(b"a"))
    assert not (elsewhere / ".mlwright" / "ledger.db").exists()
    assert list((elsewhere / ".mlwright" / "journals").iterdir()) == []


def test_with_no_server_the_training_goes_on_and_sync_ships_it_once(
    project: Project, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    monkeypatch.setenv("MLWRIGHT_SERVER", f"http://127.0.0.1:{port}")
    with start_run("alone") as run:
        run.log_metrics(loss=1.0)
        run.log_text("notes.txt", "kept")
    assert "mlwright sync" in caplog.text
    with background(project) as url:
        command = [sys.executable, "-m", "mlwright", "sync", "--server", url]
        first = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
        # The journal is this living process's, which ships it itself.
        assert "1 run of living processes" in first.stderr
        monkeypatch.setenv("MLWRIGHT_SERVER", url)
        pretend_dead(elsewhere)
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
        assert "shipped 1 journal" in done.stderr
        again = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
        assert "shipped 0 journals" in again.stderr
    row = run_named(project, "alone")
    assert row.status == "succeeded"
    assert values(project, run.id, "loss") == [(0, 1.0)]
    assert artifacts(project, run.id) == {"notes.txt": b"kept"}


def pretend_dead(folder: Path) -> None:
    """Rewrite the journals of a folder as if their process had died."""
    for path in (folder / ".mlwright" / "journals").glob("*.journal"):
        records = [frame.record for frame in read(path)]
        first = records[0]
        assert isinstance(first, Opened)
        host, pid, _ = first.owner.rsplit(":", 2)
        dead = Opened(
            journal_id=first.journal_id, run_id=first.run_id, at=first.at, run=first.run, owner=f"{host}:{pid}:1"
        )
        path.write_bytes(b"".join(frame_of(record) for record in [dead, *records[1:]]))


SCRIPT = """
import sys, time
from mlwright import start_run
with start_run("long") as run:
    for place in range(int(sys.argv[1])):
        run.log_metrics({"loss": float(place)})
        if place % 100 == 0:
            run.log_text(f"notes/{place}.txt", str(place))
        print(place, flush=True)
        time.sleep(0.004)
"""


@pytest.mark.slow
def test_a_server_killed_and_started_again_in_the_middle_gets_every_point_once(
    project_folder: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    (elsewhere / "train.py").write_text(SCRIPT)
    serving = ServerProcess(project_folder, port)
    serving.start()
    environment = {**os.environ, "MLWRIGHT_SERVER": serving.url}
    training = subprocess.Popen(
        [sys.executable, "train.py", "1000"], cwd=elsewhere, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        for _ in range(2):
            time.sleep(1.2)
            serving.kill()
            time.sleep(0.7)
            serving.start()
        training.communicate()
        assert training.returncode == 0
        # Should the script have ended before the server was up again, this ships what was left; else it does nothing.
        sync = [sys.executable, "-m", "mlwright", "sync"]
        subprocess.run(sync, cwd=elsewhere, env=environment, check=True, capture_output=True)
        with Project.open(project_folder) as project:
            row = run_named(project, "long")
            assert row.status == "succeeded"
            assert values(project, row.id, "loss") == [(place, float(place)) for place in range(1000)]
            assert set(artifacts(project, row.id)) == {f"notes/{place}.txt" for place in range(0, 1000, 100)}
    finally:
        training.kill()
        serving.kill()


def test_a_killed_script_is_shipped_by_the_next_start_and_has_failed(
    project: Project, url: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", url)
    (elsewhere / "train.py").write_text(SCRIPT)
    training = subprocess.Popen(
        [sys.executable, "train.py", "100000"], cwd=elsewhere, stdout=subprocess.PIPE, text=True
    )
    assert training.stdout is not None
    for _ in range(20):
        training.stdout.readline()
    os.kill(training.pid, signal.SIGKILL)
    rest = training.communicate()[0].split()
    with start_run("next"):
        pass
    row = run_named(project, "long")
    assert (row.status, (row.error or {})["type"]) == ("failed", "ProcessDied")
    seen = values(project, row.id, "loss")
    assert len(seen) >= 20 + len(rest)
    assert seen == [(place, float(place)) for place in range(len(seen))]


def test_a_run_is_resumed_over_http_with_its_steps_going_on(
    project: Project, url: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", url)
    with pytest.raises(NotFound, match="no run 'resnet'"):
        start_run("resnet", resume=True)
    with start_run("resnet", resume="allow") as first:
        first.log_metrics(loss=1.0)
    with start_run("resnet", resume=True) as second:
        second.log_metrics(loss=0.5)
    assert first.id == second.id
    assert values(project, first.id, "loss") == [(0, 1.0), (1, 0.5)]


def test_resuming_needs_the_server(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", "http://127.0.0.1:9")
    with pytest.raises(ServerUnavailable):
        start_run("resnet", resume=True)


def opened_journal(folder: Path) -> Journal:
    new = NewRun(name="n", experiment="e", actor="user:far")
    at = remotes.SystemClock().now()
    opened = Opened(journal_id="j" * 26, run_id="r" * 26, at=at, owner="elsewhere:1:1", run=new)
    return Journal(folder / ".mlwright" / "journals" / f"{'j' * 26}.journal", opened)


def test_parts_sent_again_overlapping_or_out_of_order_count_once(project: Project, elsewhere: Path) -> None:
    journal = opened_journal(elsewhere)
    for place in range(20):
        journal.append(Points(values={"a": (place, float(place))}, at=journal.opened.at))
    data = journal.path.read_bytes()
    ends = [frame.end for frame in read(journal.path)]
    client = LocalClient(project)

    def send(start: int, end: int) -> int:
        head = {"journal_id": "j" * 26, "run_id": "r" * 26, "at": journal.opened.at}
        run = {"name": "n", "experiment": "e", "actor": "user:far"}
        given = {"opened": {**head, "run": run}, "offset": start, "frames": data[start:end]}
        return int(client.call("journals.append", **given).position)

    assert send(0, ends[3]) == ends[3]
    assert send(0, ends[3]) == ends[3]
    assert send(ends[6], ends[8]) == ends[3], "a gap is not taken"
    assert send(0, ends[6]) == ends[6]
    assert send(ends[3], ends[-1]) == ends[-1]
    assert send(0, 0) == ends[-1]
    assert [step for step, _ in values(project, "r" * 26, "a")] == list(range(20))


def test_a_long_journal_goes_in_parts(
    project: Project, url: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "PART_BYTES", 2000)
    monkeypatch.setenv("MLWRIGHT_SERVER", url)
    with start_run("parts") as run:
        for place in range(1000):
            run.log_metrics(loss=float(place))
    assert len(values(project, run.id, "loss")) == 1000


def test_a_run_deleted_while_it_is_written_is_put_aside_and_named(
    project: Project, elsewhere: Path, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", url)
    run = start_run("gone")
    run.log_params(a=1)
    run.ship()
    with project.ledger.write("user:test") as tx:
        for table in ("params", "journals", "runs"):
            column = "id" if table == "runs" else "run_id"
            tx.connection.exec_driver_sql(f"DELETE FROM {table} WHERE {column} = '{run.id}'")
    run.log_params(b=2)
    run.end()
    assert "was deleted while it was being written" in caplog.text
    command = [sys.executable, "-m", "mlwright", "sync"]
    told = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
    assert run.id in told.stdout
    pretend = journals_folder(run.destination.settings)
    assert recovery.take_again(pretend) == 1
    pretend_dead(elsewhere)
    assert recovery.recover(run.destination).journals == 1
    with project.ledger.read() as connection:
        assert tracked.params_of(connection, run.id) == {"a": 1, "b": 2}


def test_an_artifact_that_is_gone_before_its_upload_is_named_and_its_journal_kept(
    project: Project, elsewhere: Path, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", "http://127.0.0.1:9")
    with start_run("lost") as run:
        digest = run.log_text("a.txt", "a")
    run.destination.store().delete(digest)
    pretend_dead(elsewhere)
    monkeypatch.setenv("MLWRIGHT_SERVER", url)
    found = recovery.recover(server(remotes.Settings(**{**settings_of(run), "server": url})))
    assert "gone from this machine's store" in found.refused[0].reason


def settings_of(run: object) -> dict[str, object]:
    settings = run.destination.settings  # type: ignore[attr-defined]
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


def test_an_upload_under_another_digest_is_refused(url: str, elsewhere: Path) -> None:
    import httpx2

    headers = {"content-type": "application/octet-stream"}
    wrong = httpx2.put(f"{url}/api/v1/blobs/sha256:{'0' * 64}", content=b"x", headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "integrity")
    assert httpx2.put(f"{url}/api/v1/blobs/nonsense", content=b"x", headers=headers).status_code == 400
    assert httpx2.put(f"{url}/api/v1/blobs/{digest_bytes(b'x')}", content=b"x").status_code == 400
    assert httpx2.put(f"{url}/api/v1/blobs/{digest_bytes(b'x')}", content=b"x", headers=headers).status_code == 204


def test_a_part_that_holds_nonsense_is_a_named_error(project: Project) -> None:
    client = LocalClient(project)
    head = {"journal_id": "j" * 26, "run_id": "r" * 26, "at": remotes.SystemClock().now()}
    run = {"name": "n", "experiment": "e", "actor": "user:far"}
    strange = frame_of(Params(values={"a": 1})).replace(b"params", b"parans")
    client.call("journals.append", opened={**head, "run": run}, frames=b"garbage")
    import struct
    import zlib

    payload = strange[8:]
    frame = struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
    with pytest.raises(InvalidInput, match="can't be read"):
        client.call("journals.append", opened={**head, "run": run}, frames=frame)
    with pytest.raises(InvalidInput):
        client.call("journals.append", opened={**head, "run": {**run, "name": "a\x00"}}, frames=b"")
    assert [item.record for item in read(Received(frame_of(Params(values={"a": 1})), 0))] == [Params(values={"a": 1})]
