"""Where journals are shipped to: the ledger of this machine, or a server."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple, Protocol

from mlwright import project as projects
from mlwright.artifacts.store import ArtifactStore
from mlwright.core.clock import Clock
from mlwright.core.settings import Settings, redact, resolve
from mlwright.ledger import Ledger, forks, resuming, runs, tracked
from mlwright.project import Project
from mlwright.tracking import arrivals, shipping
from mlwright.tracking import journal as journals
from mlwright.tracking.records import Closed, Opened

_lock = threading.Lock()
_servers: dict[tuple[str, Path], Destination] = {}


class Shipped(NamedTuple):
    """What shipping a journal came to.

    Attributes:
        position: Everything before this offset has arrived.
        records: How many were new.
        closed: True when the journal's last record arrived.
    """

    position: int
    records: int
    closed: bool


class Destination(Protocol):
    """Takes journals, each record exactly once. Safe to share between threads.

    Attributes:
        settings: Where the journals of this machine are, who acts, and what is captured.
    """

    settings: Settings

    @property
    def clock(self) -> Clock:
        """What records are stamped with."""

    def store(self) -> ArtifactStore:
        """Return the store of this machine, which artifacts go to first."""

    def ship(self, path: Path, opened: Opened, *, since: int = 0) -> Shipped:
        """Bring the records of a journal that are new.

        Args:
            path: The journal; it may still be written to.
            opened: Its first record.
            since: How far the caller knows it to be shipped.

        Raises:
            Transient: Out of reach now; the journal keeps everything.
            NotFound: The run was deleted.
        """

    def close_lost(self, opened: Opened, closed: Closed) -> None:
        """Record that the process of a journal died before it closed its run."""

    def find(self, *, run_id: str = "", name: str = "", experiment: str = "") -> resuming.Resumable | None:
        """Return the run to go on with, by its id or as the newest of its name; None when there is none."""

    def fork(self, run_id: str, *, at_step: int | None, name: str) -> str:
        """Make a run that begins with what another one had; return its id.

        Raises:
            NotFound: There is no such run.
        """

    def describe(self) -> str:
        """Return where it is, without secrets."""


class Ended(NamedTuple):
    """The journal of a run that has ended.

    Attributes:
        source: The journal.
        opened: Its first record.
        since: How far it is known to be shipped.
    """

    source: journals.Source
    opened: Opened
    since: int


class LedgerDestination:
    """A project's own ledger."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.settings = project.settings

    @property
    def clock(self) -> Clock:
        """The ledger's clock."""
        return self._project.clock

    def store(self) -> ArtifactStore:
        """Return the project's store."""
        return self._project.store

    def ship(self, path: Path, opened: Opened, *, since: int = 0) -> Shipped:
        """Write the new records in transactions; see `Destination.ship`."""
        total = 0
        while True:
            with self._project.ledger.write(opened.run.actor if opened.run else self._project.actor) as tx:
                batch = shipping.ship_batch(tx, path, opened, since=since)
            total += batch.count
            since = max(since, batch.end)
            if batch.closed or not batch.is_full:
                return Shipped(batch.end, total, batch.closed)

    def ship_ended(self, ended: list[Ended]) -> list[Shipped | None]:
        """Write what is new in some journals in one transaction; see `Destination.ship`.

        Args:
            ended: Of runs of one actor, which have ended.

        Returns:
            For each what that came to; None for what would have made the transaction too long.
        """
        found: list[Shipped | None] = []
        opened = ended[0].opened
        with self._project.ledger.write(opened.run.actor if opened.run else self._project.actor) as tx:
            wholes = iter(shipping.ship_whole(tx, [(one.source, one.opened) for one in ended if one.since == 0]))
            rows = 0
            for one in ended:
                batch = next(wholes) if one.since == 0 else None
                if batch is None and rows < shipping.MOST_ROWS:
                    batch = shipping.ship_batch(tx, one.source, one.opened, since=one.since)
                    rows += len(batch.rows)
                found.append(None if batch is None else Shipped(batch.end, batch.count, batch.closed))
        return found

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self._project.ledger

    def close_lost(self, opened: Opened, closed: Closed) -> None:
        """Close the run unless it was closed."""
        with self._project.ledger.write(self._project.actor) as tx:
            if tracked.read_journal(tx.connection, opened.journal_id) is not None:
                arrivals.end_run(tx, opened.run_id, closed)

    def find(self, *, run_id: str = "", name: str = "", experiment: str = "") -> resuming.Resumable | None:
        """Look into the ledger."""
        with self._project.ledger.read() as connection:
            return resuming.find_resumable(connection, run_id=run_id, name=name, experiment=experiment)

    def fork(self, run_id: str, *, at_step: int | None, name: str) -> str:
        """Make it in one transaction."""
        with self._project.ledger.write(self._project.actor) as tx:
            row = runs.find_run(tx.connection, run_id)
            return forks.fork(tx, row, at_step=at_step, name=name or f"{row.name}-fork")

    def describe(self) -> str:
        """Return the ledger's URL."""
        return redact(self._project.ledger.url)


def destination(project: Project | None = None) -> Destination:
    """Return where this process's journals go: a given project's ledger, else what its settings name."""
    if project is not None:
        return LedgerDestination(project)
    known = projects.opened()
    settings = known.settings if known is not None else resolve()
    if not settings.server:
        return LedgerDestination(projects.current())
    return server(settings)


def server(settings: Settings) -> Destination:
    """Return the server that settings name; it need not run."""
    from mlwright.tracking.remote import ServerDestination

    with _lock:
        key = (settings.server, settings.home)
        if key not in _servers:
            _servers[key] = ServerDestination(settings)
        return _servers[key]


def journals_folder(settings: Settings) -> Path:
    """Return where the journals of plain scripts are."""
    return settings.home / "journals"
