"""A server of mlwright in a process of its own, and what it used: for the benchmarks that go over HTTP."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.peers import free_port

_TICKS = os.sysconf("SC_CLK_TCK")
_READY_WITHIN_S = 30


class Served:
    """A running server.

    Attributes:
        port: Where it listens, on this machine.
        ready_cpu_s: CPU time from its start until it answered.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self._wait()
        self.ready_cpu_s = self.cpu_s()

    def post(self, path: str, body: dict[str, Any] | bytes) -> dict[str, Any]:
        """Send JSON to MLflow's API and return the answer."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self.connection.request("POST", f"/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {content.decode()}")
        found: dict[str, Any] = msgspec.json.decode(content)
        return found

    def new_run(self) -> str:
        """Create a run in the default experiment and return its id."""
        found = self.post("runs/create", {"experiment_id": "0", "start_time": int(1000 * time.time())})
        return str(found["run"]["info"]["run_id"])

    def cpu_s(self) -> float:
        """Return the CPU time that the server has used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_bytes(self) -> int:
        """Return how much memory the server holds now, its mapped files left out."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"RssAnon:\s+(\d+) kB", status)
        return 1024 * int(found.group(1)) if found else 0

    def _wait(self) -> None:
        until = time.monotonic() + _READY_WITHIN_S
        while True:
            try:
                self.connection.request("GET", "/health")
                self.connection.getresponse().read()
                return
            except (ConnectionError, http.client.HTTPException):
                self.connection.close()
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.02)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Start a server on a fresh project, and stop it."""
    port = free_port()
    command = [sys.executable, "-m", "mlwright", "up", "--port", str(port), "--home", str(folder / "home")]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield Served(process, port)
        finally:
            process.terminate()
            process.wait()
