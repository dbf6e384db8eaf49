"""Other people's software, in an environment of its own (`.venv-peers`), asked to do the same thing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.harness import Absent, Cost, Work

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-peers" / "bin" / "python"


class Peer:
    """A process that does what it is told and says how long that took."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version = str(self._answer()["ready"])

    def work(self, name: str) -> Work:
        """Return one side of a case, measured by the peer itself."""

        def do(count: int) -> Cost:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"do": name, "count": count}) + "\n")
            self._process.stdin.flush()
            took = self._answer()
            return Cost(1e6 * took["wall_s"] / count, 1e6 * took["cpu_s"] / count)

        return do

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Absent("MLflow's process died; run bench/mlflow_worker.py by hand to see why")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def mlflow(uri: str, *, durability: str = "default") -> Iterator[Peer]:
    """Start MLflow's side.

    Args:
        uri: Its tracking URI: `sqlite:///...` or an HTTP address.
        durability: See `bench/mlflow_worker.py`.

    Raises:
        Absent: There is no peers' environment.
    """
    if not PYTHON.exists():
        raise Absent("no MLflow: make it with `python -m venv .venv-peers && .venv-peers/bin/pip install mlflow`")
    command = [str(PYTHON), str(ROOT / "bench" / "mlflow_worker.py"), uri, "--durability", durability]
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=quiet
    ) as process:
        try:
            yield Peer(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Start MLflow's own server on SQLite, one worker, and return its URL.

    Raises:
        Absent: There is no peers' environment, or the server didn't start.
    """
    if not PYTHON.exists():
        raise Absent("no MLflow")
    port = free_port()
    command = [str(PYTHON), "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder / 'served.db'}"]
    command += ["--default-artifact-root", str(folder / "artifacts"), "--port", str(port), "--workers", "1"]
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet, start_new_session=True
    ) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            # Its workers are processes of their own.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if time.monotonic() > until or process.poll() is not None:
                raise Absent("MLflow's server didn't start") from None
            time.sleep(0.2)
