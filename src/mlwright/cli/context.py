"""What every command shares: its options, and the way to the ledger or the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mlwright.core.settings import Settings, resolve
from mlwright.errors import NotFound, Unsupported

if TYPE_CHECKING:
    from mlwright.api.client import Client
    from mlwright.project import Project


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """Options that every command takes.

    Attributes:
        json: Print data (and errors) as JSON.
        server: URL of a running server to talk to instead of this folder's ledger.
        home: Folder of ledger and artifacts.
    """

    json: Annotated[bool, Parameter(negative=())] = False
    server: str | None = None
    home: Path | None = None

    def settings(self) -> Settings:
        """Return the settings that hold with these options."""
        return resolve(home=self.home, server=self.server)


NONE = Options()


@contextmanager
def connected(options: Options, *, create: bool = False) -> Iterator[Client]:
    """Give a client: of the server that options or environment name, else of this folder's ledger.

    Args:
        options: The command's options.
        create: Whether an absent ledger may be made.

    Raises:
        NotFound: There is no server named and no project here.
    """
    from mlwright.api.client import LocalClient, RemoteClient

    settings = options.settings()
    client: Client
    if settings.server:
        client = RemoteClient(settings.server, actor=settings.actor)
    else:
        client = LocalClient(open_project(options, create=create))
    try:
        yield client
    finally:
        client.close()


def open_project(options: Options, *, create: bool) -> Project:
    """Open this folder's project.

    A ledger that a replay was recorded in keeps its clock: what is done to it is stamped with the replay's time.

    Args:
        options: The command's options.
        create: Whether an absent ledger may be made.

    Raises:
        NotFound: There is none, and it may not be made.
    """
    settings = options.settings()
    if not create:
        _check_present(settings)
    from mlwright.core.clock import ReplayClock
    from mlwright.project import Project
    from mlwright.server.turning import stored_clock

    project = Project.open(home=options.home, create=create)
    stands_at = stored_clock(project)
    if stands_at is not None:
        project.ledger.clock = ReplayClock(stands_at)
    return project


def local_only(options: Options, command: str) -> None:
    """Refuse to do something on a server that only works in this folder."""
    settings = options.settings()
    if settings.server:
        raise Unsupported(
            f"'mlwright {command}' works on this folder's ledger, not on the server {settings.server}.",
            why=f"the server comes from {settings.sources['server']}",
            fix="unset MLWRIGHT_SERVER, or run the command on the server's machine",
        )


def _check_present(settings: Settings) -> None:
    if settings.ledger.startswith("sqlite:///") and not Path(settings.ledger.removeprefix("sqlite:///")).exists():
        raise NotFound(
            "there is no project here.",
            why=f"{settings.ledger.removeprefix('sqlite:///')} does not exist",
            fix="start one with: mlwright run FILE.py:PIPELINE; or name another folder with --home",
        )
