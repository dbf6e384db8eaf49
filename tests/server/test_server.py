"""Starting, stopping and owning: one server a ledger, a clock that a replay moves, controllers that keep turning."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from filled import START
from mlwright.api.client import RemoteClient
from mlwright.core.clock import SystemClock
from mlwright.errors import AlreadyRunning, Conflict, LedgerUnavailable, PermissionDenied, PortInUse
from mlwright.ledger import leases
from mlwright.project import Project
from mlwright.server import turning as turnings
from mlwright.server.main import LEASE, Options, background, serve
from mlwright.server.turning import Turning, stored_clock
from mlwright.testing.executors import wait_until

#: How long something is waited for that comes at once on a quick machine.
PATIENCE_S = 60.0


class Counting:
    """Controllers that count, and that fail when told to."""

    def __init__(self) -> None:
        self.rounds = 0
        self.looks = 0
        self.fault: Exception | None = None
        self.due: datetime | None = None
        self.settled = threading.Event()

    def settle(self) -> list[str]:
        self.rounds += 1
        self.settled.set()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return []

    def next_due(self) -> datetime | None:
        self.looks += 1
        return self.due


class UpProcess:
    """`mlwright up` in a process of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        command = [sys.executable, "-m", "mlwright", "up", "--port", "0", *words]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, talk = self.process.communicate(timeout=120)
        return self.process.returncode, talk


def emit(project: Project) -> None:
    with project.ledger.write() as tx:
        tx.emit("run.succeeded", "run/1")


@pytest.fixture
def counting(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    """Controllers that turn over a project with the machine's clock, and not merely because time has passed."""
    monkeypatch.setattr(turnings, "LOOK_EVERY_S", 3600.0)
    controllers = Counting()
    turning = Turning(project, controllers, lambda: None)
    turning.start()
    assert controllers.settled.wait(PATIENCE_S)
    wait_until(lambda: controllers.looks > 1, "a look after the first round")
    controllers.settled.clear()
    yield controllers
    # However long they would have waited.
    assert turning.stop(PATIENCE_S)


def test_a_second_server_on_one_ledger_is_refused_and_names_the_first(filled: Project, url: str) -> None:
    other = Project.open(filled.settings.root)
    lease = leases.holder(filled.ledger, LEASE)
    assert lease is not None
    # The lease is this very process's, so another owner is made up: a living process that is not this one.
    with filled.ledger.write() as tx:
        tx.connection.exec_driver_sql(
            "UPDATE leases SET owner = ? WHERE name = ?", (f"elsewhere/0:{os.getppid()}:1", LEASE)
        )
    with pytest.raises(AlreadyRunning) as caught:
        serve(other, options=Options(port=0))
    assert caught.value.context["pid"] == str(os.getppid())
    assert str(os.getppid()) in str(caught.value)
    other.close()


def test_a_port_in_use_is_named_with_another_to_try(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)) as caught:
            serve(project, options=Options(port=port))
    assert f"--port {port + 1}" in str(caught.value.fix)
    assert leases.holder(project.ledger, LEASE) is None


def test_an_address_of_another_machine_is_refused(project: Project) -> None:
    with pytest.raises(PermissionDenied, match=r"192\.0\.2\.1"):
        serve(project, options=Options(host="192.0.2.1", port=0))


def test_an_open_address_warns_that_there_is_no_authentication(project: Project) -> None:
    warnings: list[str] = []
    with background(project, options=Options(host="0.0.0.0", port=0, on_warning=warnings.append)) as url:
        with RemoteClient(url) as client:
            client.call("health.show")
    assert "no authentication" in warnings[0]


def test_moving_the_clock_is_kept_and_only_goes_forward(filled: Project, remote: RemoteClient) -> None:
    later = START + timedelta(hours=5)
    state = remote.call("clock.advance", now=later)
    assert (state.now, state.replays) == (later, True)
    assert remote.call("clock.advance", now=START).now == later
    assert stored_clock(filled) == later


def test_a_clock_that_is_the_machines_own_can_not_be_moved(project: Project) -> None:
    assert isinstance(project.clock, SystemClock)
    with background(project) as url, RemoteClient(url) as client, pytest.raises(Conflict, match="can't be moved"):
        client.call("clock.advance", now=START)


def test_an_event_wakes_the_controllers(project: Project, counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnings, "IDLE_S", 3600.0)
    # The wait that is under way may have begun with the old pause; the one after this look only an event can end.
    seen = counting.looks
    wait_until(lambda: counting.looks > seen, "a look with the new pause")

    def is_woken() -> bool:
        emit(project)
        return counting.settled.wait(1)

    # What is committed between a look and the wait after it wakes nobody, so one event may not be enough.
    wait_until(is_woken, "a round because of an event")


def test_a_due_time_wakes_the_controllers(project: Project, counting: Counting) -> None:
    counting.due = project.clock.now()
    assert counting.settled.wait(PATIENCE_S)
    counting.due = None


def test_idle_controllers_are_left_alone(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnings, "IDLE_S", 0.01)
    before, seen = counting.rounds, counting.looks
    wait_until(lambda: counting.looks > seen + 3, "some looks")
    assert counting.rounds == before


@pytest.mark.parametrize("fault", [RuntimeError("bug"), LedgerUnavailable("away")], ids=["bug", "away"])
def test_controllers_outlive_a_fault(
    project: Project, counting: Counting, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlwright.server.turning.AFTER_FAULT_S", 0.05)
    counting.fault = fault
    for _ in range(2):
        counting.settled.clear()
        emit(project)
        assert counting.settled.wait(PATIENCE_S)


def test_a_server_can_be_started_again_after_it_ended(project: Project) -> None:
    for _ in range(2):
        with background(project) as url, RemoteClient(url) as client:
            client.call("health.show")
    assert leases.holder(project.ledger, LEASE) is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_server_in_order(project_folder: Path, number: int, code: int) -> None:
    up = UpProcess(project_folder)
    with RemoteClient(up.url) as client:
        client.call("health.show")
    ended, talk = up.end(number)
    assert ended == code
    assert "Traceback" not in talk
    with Project.open(project_folder) as project:
        assert leases.holder(project.ledger, LEASE) is None


def test_a_second_process_is_refused_until_the_first_was_killed(project_folder: Path) -> None:
    first = UpProcess(project_folder)
    second = UpProcess(project_folder)
    _, talk = second.process.communicate(timeout=120)
    assert second.process.returncode == AlreadyRunning.exit_code
    assert f"kill {first.process.pid}" in talk
    first.end(signal.SIGKILL)
    third = UpProcess(project_folder)
    assert third.url
    assert third.end(signal.SIGTERM)[0] == 0


def test_a_replay_goes_on_where_it_was_killed(project_folder: Path) -> None:
    first = UpProcess(project_folder, "--replay-from", "2013-04-01")
    with RemoteClient(first.url) as client:
        client.call("clock.advance", now=START + timedelta(days=3))
    first.end(signal.SIGKILL)
    second = UpProcess(project_folder, "--replay-from", "2013-04-01")
    with RemoteClient(second.url) as client:
        assert client.call("clock.show").now == START + timedelta(days=3)
    assert second.end(signal.SIGTERM)[0] == 0


def test_what_a_server_says_is_not_on_the_stdout_that_holds_its_address(filled: Project) -> None:
    # The version that should answer has no files here, which the server says, and its first line was read.
    up = UpProcess(filled.settings.root)
    assert up.process.stderr is not None
    lines: list[str] = []
    while not any("not loaded" in line for line in lines):
        lines.append(up.process.stderr.readline())
        assert lines[-1], lines
    up.process.send_signal(signal.SIGTERM)
    out, talk = up.process.communicate(timeout=120)
    assert (out, up.process.returncode) == ("", 0)
    assert "Traceback" not in talk
