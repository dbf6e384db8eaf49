"""Starting and stopping the server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn

from mlwright.api import systems as systems_api
from mlwright.api.client import LocalClient
from mlwright.core.clock import ReplayClock
from mlwright.core.settings import redact
from mlwright.errors import AlreadyRunning, LostLease, MlwrightError, PermissionDenied, PortInUse
from mlwright.ledger import leases
from mlwright.server.control import control_plane
from mlwright.server.dispatch import Dispatcher, is_loopback
from mlwright.server.inference import Inference
from mlwright.server.mlflow.app import MlflowApp
from mlwright.server.posting import Posting
from mlwright.server.turning import Replay, Turning

if TYPE_CHECKING:
    from mlwright.project import Project
    from mlwright.system import System

LEASE = "server"
LEASE_TTL_S = 15.0
RENEW_EVERY_S = 5.0
DRAIN_S = 10
#: How long a thread may keep the interpreter while another one waits; Python's own 5 ms is a whole request.
SWITCH_S = 0.0005
START_S = 30.0

_log = logging.getLogger("mlwright.server")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve.

    Attributes:
        host: Address to bind.
        port: Port to bind; 0 for any free one.
        on_ready: Told the server's URL once it answers.
        on_action: Told one sentence for each thing that the controllers did.
        on_warning: Told what the user should know.
    """

    host: str = "127.0.0.1"
    port: int = 8300
    on_ready: Callable[[str], None] = lambda _url: None
    on_action: Callable[[str], None] = lambda _sentence: None
    on_warning: Callable[[str], None] = _log.warning


class Server(uvicorn.Server):
    """One running server; stops when `stop` is called or a signal comes.

    Attributes:
        signal: The signal that ended it, None when it was stopped otherwise.
    """

    signal: int | None = None
    on_started: Callable[[], None] = staticmethod(lambda: None)

    def stop(self) -> None:
        """Answer what is under way, take nothing new, then end."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets=sockets)
        self.on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; unlike uvicorn, don't send the signal again afterwards: the caller decides."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _on_signal(self, number: int) -> None:
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        self.signal = number
        self.should_exit = True


def serve(project: Project, systems: Sequence[System] = (), options: Options | None = None) -> int | None:
    """Serve a project until a signal comes.

    Args:
        project: What to serve; with a `ReplayClock`, controllers only turn when the clock is moved.
        systems: Systems to keep turning; they must have been applied.
        options: Where to listen, and whom to tell.

    Returns:
        The signal that ended it, None when it was stopped otherwise.

    Raises:
        AlreadyRunning: Another server works on this ledger.
        PortInUse: The port is taken.
    """
    options = options or Options()
    with _lease(project) as lease, bound(options) as listener:
        running = Running(project, systems, options, lease)
        try:
            return running.run(listener)
        finally:
            running.close()


@contextlib.contextmanager
def background(project: Project, systems: Sequence[System] = (), options: Options | None = None) -> Iterator[str]:
    """Serve a project from a thread of this process while a block runs; the block gets the server's URL.

    Args:
        project: What to serve.
        systems: Systems to keep turning; they must have been applied.
        options: Where to listen, and whom to tell.

    Raises:
        AlreadyRunning: Another server works on this ledger.
        PortInUse: The port is taken.
    """
    options = options or Options(port=0)
    with _lease(project) as lease, bound(options) as listener:
        running = Running(project, systems, options, lease)
        thread = threading.Thread(target=running.run, args=(listener,), name="server", daemon=True)
        try:
            thread.start()
            running.answering.wait(START_S)
            yield _url(options.host, listener.getsockname()[1])
        finally:
            running.server.stop()
            thread.join(2 * DRAIN_S)
            running.close()


class Running:
    """The parts of a server at work.

    Args:
        project: What is served.
        systems: What is kept turning.
        options: Where to listen, and whom to tell.
        lease: The right to be this ledger's server.

    Attributes:
        answering: Set once requests are answered.
        server: The HTTP server inside.
    """

    def __init__(self, project: Project, systems: Sequence[System], options: Options, lease: leases.Lease) -> None:
        from mlwright.system import Controllers

        self._project = project
        self._systems = {system.name: system for system in systems}
        self._options = options
        self._lease = lease
        self._ended = threading.Event()
        self.answering = threading.Event()
        self._controllers = Controllers(project, systems, on_action=options.on_action)
        self._serving = Inference(project)
        self._turning: Turning | None = None
        overrides: dict[str, Callable[[Project, Any], Any]] = {"systems.fire": self._fire}
        if isinstance(project.clock, ReplayClock):
            overrides["clock.advance"] = Replay(self._controllers, self._serving.refresh).advance
        else:
            self._turning = Turning(project, self._controllers, self._serving.refresh)
        self._posting = Posting(project)
        control: Any = control_plane(LocalClient(project, overrides))
        self._mlflow = MlflowApp(project)
        dispatcher = Dispatcher(self._serving, self._mlflow, control, loopback=is_loopback(options.host))
        self.server = Server(_configuration(dispatcher))

    def run(self, listener: socket.socket) -> int | None:
        """Answer until stopped; return the signal that ended it."""
        url = _url(self._options.host, listener.getsockname()[1])
        self.server.on_started = lambda: self._begin(url)
        if not is_loopback(self._options.host):
            self._options.on_warning(
                f"{self._options.host} can be reached from other machines, and there is no authentication yet: "
                "whoever reaches the port can read and change everything."
            )
        sys.setswitchinterval(SWITCH_S)
        threading.Thread(target=self._renew, name="server-lease", daemon=True).start()
        self.server.run(sockets=[listener])
        return self.server.signal

    def close(self) -> None:
        """Stop the controllers; what they were in the middle of is made up for by the next start."""
        self._ended.set()
        if self._turning is not None and not self._turning.stop(DRAIN_S):
            _log.warning("a controller was still at work; the next start goes on with it")
        self._posting.stop()
        self._controllers.close()
        self._serving.close()
        self._mlflow.close()

    def _begin(self, url: str) -> None:
        if self._turning is not None:
            self._turning.start()
        self._posting.start()
        self.answering.set()
        self._options.on_ready(url)

    def _fire(self, project: Project, given: systems_api.FireTrigger) -> systems_api.Firing:
        system = self._systems.get(given.system)
        if system is None:
            return systems_api.fire_trigger(project, given)
        return systems_api.fire_declared(project, system, given)

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_EVERY_S):
            try:
                leases.renew(self._project.ledger, self._lease, ttl_s=LEASE_TTL_S)
            except LostLease as error:
                self._options.on_warning(f"{error}\nThis server stops.")
                self.server.stop()
                return
            except MlwrightError as error:
                # The ledger may be away for a moment; the lease outlives three missed renewals.
                _log.warning("%s", error)


@contextlib.contextmanager
def _lease(project: Project) -> Iterator[leases.Lease]:
    """Hold the right to be this ledger's server."""
    lease = leases.acquire(project.ledger, LEASE, ttl_s=LEASE_TTL_S)
    if lease is None:
        owner = leases.holder(project.ledger, LEASE) or "another process"
        host, _, rest = owner.partition("/")
        pid = rest.split(":")[1] if rest.count(":") >= 1 else "unknown"
        raise AlreadyRunning(
            f"a server already works on the ledger {redact(project.ledger.url)}.",
            why=f"process {pid} on {host} holds it",
            fix=f"use that one, or stop it with: kill {pid}",
            pid=pid,
            host=host,
        )
    try:
        yield lease
    finally:
        with contextlib.suppress(MlwrightError):
            leases.release(project.ledger, lease)


@contextlib.contextmanager
def bound(options: Options) -> Iterator[socket.socket]:
    """Bind the address and port, and give the listening socket back at the end.

    Raises:
        PortInUse: The port is taken.
        PermissionDenied: The system forbids it.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it; without it, small answers wait 40 ms for the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((options.host, options.port))
            listener.listen(2048)
        except OSError as error:
            raise _bind_error(options, error) from error
        yield listener
    finally:
        listener.close()


def _bind_error(options: Options, error: OSError) -> MlwrightError:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(
            f"port {options.port} of {options.host} is taken.",
            why="another process listens there",
            fix=f"choose another one: mlwright up --port {options.port + 1}",
            port=options.port,
        )
    return PermissionDenied(
        f"{options.host}:{options.port} can't be bound.",
        why=os.strerror(error.errno) if error.errno and error.errno > 0 else str(error),
        fix="choose an address of this machine and a port above 1023",
    )


def _configuration(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_S,
    )


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
