"""Servers and proxies that misbehave while a run is shipped: the training goes on, and everything arrives once."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from logged import artifacts, only_run, values

from mlwright import start_run
from mlwright.core.settings import PROJECT_FILE, resolve
from mlwright.errors import Transient
from mlwright.project import Project
from mlwright.server.main import background
from mlwright.testing.executors import wait_until
from mlwright.tracking import remote as remotes
from mlwright.tracking import shipper
from mlwright.tracking.destinations import server

SECRET = "hunter2secret"
#: What a fault writes instead of the server's answer, or after it got the server's answer.
Fault = Callable[[BaseHTTPRequestHandler, bytes], None]


class Proxy:
    """Stands before a server; while `fault` is set it answers in its place.

    Attributes:
        url: Where it listens.
        fault: What answers; None hands on.
        forwards: Whether the server gets the request even so: it did its work, and only the answer is lost.
        faults: How often it was wrong.
    """

    def __init__(self) -> None:
        self.url = ""
        self.fault: Fault | None = None
        self.forwards = False
        self.faults = 0


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    kept = Proxy()
    address = urlsplit(target).netloc

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self._body()
            fault, answer = kept.fault, b""
            if fault is None or kept.forwards:
                upstream = http.client.HTTPConnection(address, timeout=30)
                headers = {"content-type": self.headers.get("content-type", "")} if body else {}
                upstream.request(self.command, self.path, body=body or None, headers=headers)
                response = upstream.getresponse()
                answer = response.read()
                upstream.close()
            if fault is not None:
                kept.faults += 1
                with suppress(OSError):
                    fault(self, answer)
                self.close_connection = True
                return
            self.send_response(response.status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def says(status: int, body: bytes, kind: str = "text/html", **headers: str) -> Fault:
    def fault(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
        handler.send_response(status)
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return fault


def half(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + answer[:7])


def nothing(_handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
    """Close the connection without a word."""


def hangs(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
    """Wait until the other side has had enough."""
    handler.connection.settimeout(30)
    handler.connection.recv(1)


FAULTS: dict[str, Fault] = {
    "500 of a proxy": says(500, b"<h1>oops</h1>"),
    "500 of mlwright": says(500, b'{"code": "error", "what": "failed"}', "application/json"),
    "507 of a full disk": says(
        507, b'{"code": "storage-full", "what": "w", "why": "y", "fix": "f"}', "application/json"
    ),
    "413 of a proxy": says(413, b"too large"),
    "302 to a login": says(302, b"", location="http://127.0.0.1:9/login"),
    "200 of a login page": says(200, b"<html>who are you?</html>"),
    "200 with other JSON": says(200, b"[1, 2]", "application/json"),
    "200 that isn't gzip": says(200, b"no gzip", content_encoding="gzip"),
    "an error that isn't ours": says(404, b'{"code": "x", "what": "y", "context": {"why": 1}}', "application/json"),
    "half an answer": half,
    "no answer": nothing,
    "hanging": hangs,
}


@pytest.fixture
def elsewhere(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The working directory of a script on another machine."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / PROJECT_FILE).write_text('durability = "normal"\nactor = "user:far"\n')
    monkeypatch.chdir(folder)
    if request.node.callspec.params.get("fault") == "hanging":
        # Long enough for what is asked of it once it answers again, on a busy machine.
        monkeypatch.setattr(remotes, "ANSWER_TIMEOUT_S", 1.5)
    yield folder
    destination = server(resolve())
    assert isinstance(destination, remotes.ServerDestination)
    destination._client().close()


@pytest.fixture
def between(project: Project) -> Iterator[Proxy]:
    with background(project) as url, proxy(url) as kept:
        yield kept


@pytest.mark.parametrize("forwards", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_server_answers_training_goes_on_and_all_arrives_once(
    project: Project, between: Proxy, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, fault: str, *, forwards: bool
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", between.url)
    monkeypatch.setattr(shipper, "SHIP_EVERY_S", 0.05)
    with start_run("far") as run:
        run.log_metrics(loss=1.0)
        between.fault, between.forwards = FAULTS[fault], forwards
        run.log_text("notes.txt", "kept")
        run.log_metrics(loss=2.0)
        wait_until(lambda: between.faults > 0, "a fault")
        run.log_metrics(loss=3.0)
    between.fault = None
    wait_until(lambda: not list((elsewhere / ".mlwright" / "journals").glob("*.journal")), "shipping")
    assert not (elsewhere / ".mlwright" / "journals" / "refused").exists()
    row = only_run(project)
    assert (row.id, row.status) == (run.id, "succeeded")
    assert values(project, run.id, "loss") == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert artifacts(project, run.id) == {"notes.txt": b"kept"}


@pytest.mark.parametrize("fault", FAULTS)
def test_asking_a_faulty_server_is_a_named_error_without_the_password(
    between: Proxy, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("MLWRIGHT_SERVER", between.url.replace("//", f"//ada:{SECRET}@"))
    between.fault = FAULTS[fault]
    with pytest.raises(Transient) as caught:
        server(resolve()).find(name="far")
    assert caught.value.why
    assert caught.value.fix
    assert SECRET not in f"{caught.value} {caught.value.as_dict()}"
