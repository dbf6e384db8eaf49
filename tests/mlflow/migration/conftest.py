"""Real MLflow stores to move from and to: filled once for the module, each behind a server or in a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ports import free_port

SCRIPTS = Path(__file__).parents[1] / "scripts"
START_S, SCRIPT_S = 400, 400


class Peer:
    """MLflow in an environment of its own.

    Args:
        python: Its interpreter.
        folder: Where it works.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self.python = python
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PYTHON", "COV"))},
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "TMPDIR": str(folder),
            # The newest MLflow doesn't open folders unless it is told to.
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "GIT_PYTHON_REFRESH": "quiet",
        }

    def run(self, script: str, *arguments: str) -> None:
        """Run a script of this folder's neighbour."""
        found = subprocess.run(
            [self.python, SCRIPTS / f"{script}.py", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SCRIPT_S,
            check=False,
        )
        assert found.returncode == 0, found.stderr[-4000:]

    def dump(self, uri: str) -> Any:
        """Return all that a store holds, as MLflow's own client sees it."""
        path = self.folder / "dump.json"
        self.run("dump_store", uri, str(path))
        return json.loads(path.read_text())

    def serve(self, folder: Path) -> tuple[str, subprocess.Popen[bytes]]:
        """Start a server with a database and artifacts in a folder."""
        port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        where = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
        where += ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
        command = [self.python, "-m", "mlflow", "server", *where, "--port", str(port), "--workers", "1"]
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1"],
                cwd=folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process)
        return url, process


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server didn't start in time")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server with its workers."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def mlflow(peer: Path, tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """MLflow itself."""
    return Peer(peer, tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def server(mlflow: Peer) -> Iterator[str]:
    """A server with a filled database; its folder is `store`."""
    url, process = mlflow.serve(mlflow.folder / "store")
    try:
        mlflow.run("fill_store", url, "fill")
        yield url
    finally:
        stop(process)


@pytest.fixture
def empty_server(mlflow: Peer, tmp_path: Path) -> Iterator[str]:
    """A server of its own with nothing in it."""
    url, process = mlflow.serve(tmp_path / "target")
    try:
        yield url
    finally:
        stop(process)


@pytest.fixture(scope="module")
def mlruns(mlflow: Peer) -> Path:
    """A filled folder."""
    folder = mlflow.folder / "mlruns"
    mlflow.run("fill_store", str(folder), "fill")
    return folder


@pytest.fixture
def bring(project: Any) -> Callable[..., Any]:
    """Imports into the test's project and returns the report."""
    from mlwright.migration import Asked, import_all, open_source

    def run(location: object, *, artifacts: object = "", **asked: Any) -> Any:
        source = open_source(str(location), artifacts=str(artifacts))
        try:
            return import_all(project, source, Asked(**asked))
        finally:
            source.close()

    return run
