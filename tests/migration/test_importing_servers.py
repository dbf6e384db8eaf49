"""Importing from a server and from a database: strangers, deaths on the way, refusals, and a newer schema."""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow_folders import Folder, told

from mlwright.errors import InvalidInput, InvalidUsage, NotFound, PermissionDenied, ServerUnavailable, Unsupported
from mlwright.migration import Asked, Report, Seen, import_all, open_source
from mlwright.project import Project
from mlwright.server.main import background

Bring = Callable[..., Report]
Answer = Callable[[str, dict[str, str]], tuple[int, str]]

EXPERIMENT = {"experiment_id": "1", "name": "vision", "lifecycle_stage": "active"}
RUN = {
    "info": {
        "run_id": "a" * 32,
        "experiment_id": "1",
        "run_name": "first",
        "status": "FINISHED",
        "start_time": 1000,
        "end_time": 2000,
        "artifact_uri": "mlflow-artifacts:/1/a/artifacts",
        "lifecycle_stage": "active",
    }
}


@contextmanager
def stub(answer: Answer) -> Iterator[str]:
    """A server that answers as a test says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, body = answer(self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def store_of(files: list[dict[str, Any]]) -> Answer:
    """Answer as a server with one run, whose folder of artifacts is told to hold some files."""

    def answer(path: str, _headers: dict[str, str]) -> tuple[int, str]:
        for part, body in (
            ("experiments/search", {"experiments": [EXPERIMENT]}),
            ("runs/search", {"runs": [RUN]}),
            ("artifacts?path=1", {"files": files}),
            ("registered-models/search", {}),
        ):
            if part in path:
                return 200, json.dumps(body)
        return 404, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "nothing there"})

    return answer


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Project]:
    """Another project with two experiments of runs from a folder, to be served with MLflow's API."""
    folder = Folder(tmp_path / "mlruns")
    folder.experiment("1", "vision", tags={"team": "vision"})
    for number in range(5):
        run = folder.run(f"{number}" * 32, f"run {number}", experiment="1", later_s=number)
    folder.version("finder", 1, run=run)
    folder.alias("finder", "champion", 1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mlwright.toml").write_text('durability = "normal"\nactor = "user:other"\n')
    with Project.open(tmp_path / "other") as opened:
        import_all(opened, open_source(str(folder.root)), Asked())
        yield opened


def test_a_server_of_mlwrights_own_is_a_source_too(other: Project, bring: Bring) -> None:
    with background(other) as url:
        report = bring(url)
        assert (report.counts.runs, report.counts.points, report.counts.artifacts) == (5, 15, 5)
        assert (report.counts.models, report.counts.versions, report.counts.aliases) == (1, 1, 1)
        assert report.notes == []
        assert bring(url).counts.is_nothing


def test_a_server_that_dies_on_the_way_is_named_and_the_next_import_goes_on(other: Project, bring: Bring) -> None:
    serving = background(other)
    url = serving.__enter__()
    stopped = []

    def stop_after_two(seen: Seen) -> None:
        if seen == Seen("runs", 2):
            stopped.append(serving.__exit__(None, None, None))

    with pytest.raises(ServerUnavailable, match=r"(?s)doesn't answer.*goes on where it stopped"):
        bring(url, progress=stop_after_two)
    assert stopped
    with background(other) as url:
        report = bring(url)
    assert (report.counts.runs, report.counts.runs_known, report.counts.points) == (3, 2, 9)


def test_nobody_at_the_address_is_named(bring: Bring) -> None:
    with stub(lambda *_: (200, "{}")) as url:
        pass
    with pytest.raises(ServerUnavailable, match="doesn't answer"):
        bring(url)


@pytest.mark.parametrize(("status", "body"), [(200, "<html>hello</html>"), (404, "no such page"), (200, "[]")])
def test_a_stranger_is_no_mlflow_server(bring: Bring, status: int, body: str) -> None:
    with stub(lambda *_: (status, body)) as url, pytest.raises(InvalidUsage, match="is no MLflow server"):
        bring(url)


def test_a_refusal_names_the_variables_and_no_secret(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def answer(_path: str, headers: dict[str, str]) -> tuple[int, str]:
        seen.append(headers.get("authorization", ""))
        return 401, "who are you"

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    with stub(answer) as url, pytest.raises(PermissionDenied, match="MLFLOW_TRACKING_TOKEN") as caught:
        bring(url)
    assert seen == ["Basic " + base64.b64encode(b"ada:s3cret").decode()]
    assert "s3cret" not in str(caught.value)


def test_credentials_in_an_address_are_used_and_not_kept(bring: Bring) -> None:
    with stub(store_of([])) as url:
        report = bring(url.replace("//", "//ada:s3cret@", 1))
    assert report.counts.runs == 1
    assert "s3cret" not in told(report)


def test_a_file_whose_name_leads_out_of_its_folder_is_left_out_and_noted(bring: Bring, tmp_path: Path) -> None:
    files = [{"path": "../../evil", "is_dir": False, "file_size": 1}, {"path": "..", "is_dir": False, "file_size": 1}]
    with stub(store_of(files)) as url:
        report = bring(url)
    assert report.counts.runs == 1
    assert all("lead out of its folder" in note.text or "nothing there" in note.text for note in report.notes)
    assert report.notes
    assert not list(tmp_path.glob("**/evil"))


def test_a_file_that_the_server_lost_is_noted_and_the_run_comes_without_it(bring: Bring) -> None:
    with stub(store_of([{"path": "lost.txt", "is_dir": False, "file_size": 4}])) as url:
        report = bring(url)
        assert report.counts.runs == 1
        assert ["lost.txt" in note.about for note in report.notes] == [True]
        assert bring(url).counts.is_nothing


def test_an_absent_database_and_one_that_is_none_are_named(bring: Bring, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        bring(f"sqlite:///{tmp_path / 'absent.db'}")
    (tmp_path / "text.db").write_text("hello, this is no database at all" * 100)
    with pytest.raises(InvalidInput, match="can't be read"):
        bring(f"sqlite:///{tmp_path / 'text.db'}")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE cats (name)").connection.close()
    with pytest.raises(InvalidUsage, match=r"no database of MLflow's"):
        bring(f"sqlite:///{tmp_path / 'other.db'}")


def test_a_schema_that_is_not_known_is_named_with_the_way_around_it(bring: Bring, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "new.db")
    connection.executescript(
        "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('fedcba987654');"
        "CREATE TABLE experiments (experiment_id INTEGER, title TEXT)"
    )
    connection.close()
    with pytest.raises(Unsupported, match=r"(?s)fedcba987654 lacks experiments\.name.*start an MLflow server"):
        bring(f"sqlite:///{tmp_path / 'new.db'}")
