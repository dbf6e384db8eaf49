"""`mlwright up`: API, gateway, controllers and page in one process."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

from mlwright.cli.context import NONE, Options, local_only, open_project
from mlwright.cli.output import moment, say
from mlwright.core.clock import ReplayClock, parse_time
from mlwright.core.settings import redact
from mlwright.errors import MlwrightError

if TYPE_CHECKING:
    import signal

    from mlwright.project import Project
    from mlwright.system import System


def up(
    target: str | None = None,
    /,
    *,
    host: str | None = None,
    port: int | None = None,
    replay_from: str | None = None,
    options: Options = NONE,
) -> int:
    """Serve API, gateway, controllers and page until Ctrl-C.

    Args:
        target: A system to apply and keep turning, as FILE.py:NAME; by default those applied before.
        host: Address to bind; this machine only by default.
        port: Port to bind, 8300 by default; 0 for any free one.
        replay_from: Replay past data: the clock starts here and moves only by POST /api/v1/clock.
    """
    import structlog

    from mlwright.server.main import Options as ServerOptions
    from mlwright.server.main import serve

    local_only(options, "up")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
    # Its own default is stdout, which is the address's alone, and whose reader may be gone.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    settings = options.settings()
    with open_project(options, create=True) as project:
        if replay_from is not None:
            _replay(project, replay_from)
        systems = [_apply(project, target)] if target else _applied(project)
        signal_number = serve(
            project,
            systems,
            ServerOptions(
                host=host or settings.host,
                port=settings.port if port is None else port,
                on_ready=lambda url: _greet(url, project, systems),
                on_action=say,
                on_warning=lambda text: say(f"warning: {text}"),
            ),
        )
    return _end(signal_number)


def _replay(project: Project, start: str) -> None:
    """Give the project a replay's clock; one that has moved further already is kept."""
    moment_of = parse_time(start)
    clock = project.ledger.clock
    if isinstance(clock, ReplayClock):
        clock.advance(moment_of)
    else:
        project.ledger.clock = ReplayClock(moment_of)


def _apply(project: Project, target: str) -> System:
    from mlwright import system

    declared = system.load_system(target)
    say(system.apply(project, declared).render())
    return declared


def _applied(project: Project) -> list[System]:
    """Load the systems that were applied before; one that can't be loaded is named and left out."""
    from mlwright import system
    from mlwright.ledger import system as repository

    with project.ledger.read() as connection:
        rows = repository.current_systems(connection)
    found = []
    for row in rows:
        try:
            found.append(system.load_system(row.target))
        except MlwrightError as error:
            say(f"warning: system '{row.name}' was applied before and can't be loaded, so it stands still.\n{error}")
    return found


def _greet(url: str, project: Project, systems: list[System]) -> None:
    # The address goes to stdout: scripts that start a server on any free port read it there.
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    say(f"mlwright is up at {url} (API documented at {url}/api/docs); stop it with Ctrl-C")
    say(f"  ledger   {redact(project.ledger.url)}")
    for system in systems:
        say(f"  system   {system.name}, deployment {system.deployment.name}, model {system.deployment.model}")
    if isinstance(project.clock, ReplayClock):
        say(f"  clock    a replay's, stands at {moment(project.clock.now())}")


def _end(signal_number: signal.Signals | int | None) -> int:
    """Return the exit code; leave at once when a controller is in the middle of a long act."""
    code = 130 if signal_number == 2 else 0
    say("stopped")
    busy = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    if busy:
        # What they do is safe to kill and made up for by the next start; waiting for a training run is not.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
