"""What tests of tracking ask a ledger, and a server in a process of its own that can be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from mlwright.ledger import curves, runs, tracked
from mlwright.project import Project


def only_run(project: Project) -> runs.RunRow:
    """Return the one run that there is."""
    with project.ledger.read() as connection:
        (row,) = runs.list_runs(connection)
    return row


def run_named(project: Project, name: str) -> runs.RunRow:
    """Return the newest run of a name."""
    with project.ledger.read() as connection:
        return next(row for row in runs.list_runs(connection, limit=500) if row.name == name)


def values(project: Project, run_id: str, key: str) -> list[tuple[int, float]]:
    """Return steps and values of a metric."""
    with project.ledger.read() as connection:
        return [(point.step, point.value) for point in curves.history(connection, run_id, key)]


def artifacts(project: Project, run_id: str) -> dict[str, bytes]:
    """Return the stored bytes of everything that a run keeps, by name."""
    with project.ledger.read() as connection:
        rows = tracked.artifacts_of(connection, run_id)
    return {row.name: project.store.read(row.digest) for row in rows}


def journal_files(project: Project) -> list[Path]:
    """Return what lies in the folder of journals."""
    return [path for path in (project.settings.home / "journals").glob("*") if path.is_file()]


class ServerProcess:
    """`mlwright up` of a folder, on a port of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlwright", "up", "--port", str(self._port)],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if self.url in line:
                return
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """Kill it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.communicate()
            self._process = None
