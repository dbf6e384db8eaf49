"""Opening a ledger and working in transactions.

SQLite runs in WAL mode: readers never wait for the writer, and a write transaction takes the write lock at its
beginning, so it can't fail half-way for having read before. PostgreSQL runs at its default isolation.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as sa_event

from mlwright.core.clock import Clock, SystemClock
from mlwright.core.events import Event
from mlwright.core.settings import redact
from mlwright.errors import InvalidUsage, LedgerUnavailable, PermissionDenied, missing_extra
from mlwright.ledger import debts, migrate, outbox
from mlwright.ledger.driver import send
from mlwright.ledger.faults import translated
from mlwright.ledger.schema.types import speak_postgresql

BUSY_TIMEOUT_S = 15.0


class Transaction:
    """A write transaction: changes and their events, all or nothing.

    Attributes:
        connection: The SQLAlchemy connection; repositories execute on it.
        now: The moment that this transaction's facts carry (the ledger's clock, read once).
        actor: Who acts.
    """

    def __init__(self, connection: sa.Connection, now: datetime, actor: str) -> None:
        self.connection = connection
        self.now = now
        self.actor = actor
        self.emitted: list[Event] = []
        self.has_emitted_many = False

    def emit(self, type_: str, subject: str, **data: Any) -> Event:
        """Write an event that becomes visible if and only if this transaction commits.

        Args:
            type_: What happened, for example `run.succeeded`.
            subject: What it happened to, for example `run/01k...`.
            data: The facts, JSON-able.
        """
        event = outbox.append(self.connection, type_, subject, data, at=self.now, actor=self.actor)
        self.emitted.append(event)
        return event

    def emit_many(self, found: list[tuple[str, str, dict[str, Any]]]) -> None:
        """Write events, each a type, a subject and data, in this order; see `emit`."""
        outbox.append_many(self.connection, found, at=self.now, actor=self.actor)
        self.has_emitted_many = self.has_emitted_many or bool(found)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Run a block as a part of this transaction that is undone by itself when the block raises."""
        known = len(self.emitted)
        send(self.connection, "SAVEPOINT part")
        try:
            yield
        except BaseException:
            del self.emitted[known:]
            send(self.connection, "ROLLBACK TO part")
            raise
        finally:
            send(self.connection, "RELEASE part")

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Execute a statement (with one or many parameter sets) in this transaction."""
        return self.connection.execute(statement, parameters)


class Ledger:
    """An open ledger. Safe to share between threads; open one in each process.

    Args:
        url: `sqlite:///<path>` or `postgresql://...`.
        clock: What facts are stamped with.
        durability: `full` or `normal` (SQLite only); see `mlwright.core.settings`.
        create: Create or migrate the schema if needed; otherwise an absent ledger is an error.

    Raises:
        SchemaTooNew: A newer mlwright wrote this ledger.
        NotFound: There is none and `create` is False.
        LedgerUnavailable: The database is locked or out of reach.
        PermissionDenied: The file or folder can't be written.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, durability: str = "full", create: bool = True) -> None:
        self.url = url
        self.clock: Clock = clock or SystemClock()
        self.is_sqlite = url.startswith("sqlite")
        self._file = str(_sqlite_path(url))
        self._commits = threading.Condition()
        self._commit_count = 0
        self._writing = threading.Lock()
        self._kept: sa.Connection | None = None
        # A transaction of SQLite sees one state by itself; PostgreSQL has to be asked for it.
        self._reading = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        if self.is_sqlite and not create and not _sqlite_path(url).exists():
            raise migrate.absent()
        self.engine = _sqlite_engine(url, durability) if self.is_sqlite else _postgres_engine(url)
        try:
            with self.faults():
                migrate.ensure(self.engine, create=create)
        except BaseException:
            self.close()
            raise
        self._identity = self._file_now()

    def __repr__(self) -> str:
        return f"Ledger({redact(self.url)!r})"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a connection that sees one consistent state and writes nothing."""
        debts.settle(self.url)
        with self.faults(), self.engine.connect().execution_options(**self._reading) as connection:
            yield connection

    @contextmanager
    def write(self, actor: str = "system") -> Iterator[Transaction]:
        """Open a write transaction; it commits when the block ends and rolls back when the block raises."""
        debts.settle(self.url)
        self._check_file()
        with debts.busy(), self._turn(), self.faults(), self._writer() as connection, connection.begin():
            transaction = Transaction(connection, self.clock.now(), actor)
            yield transaction
        if transaction.emitted or transaction.has_emitted_many:
            with self._commits:
                self._commit_count += 1
                self._commits.notify_all()

    @contextmanager
    def _writer(self) -> Iterator[sa.Connection]:
        """Lend a connection that begins write transactions: on SQLite always the same, for there is one writer."""
        if not self.is_sqlite:
            with self.engine.connect() as connection:
                yield connection
            return
        connection = self._kept or self.engine.connect().execution_options(mlwright_write=True)
        self._kept = None
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._kept = connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for this process's other writers: SQLite has room for one, and would poll with growing pauses."""
        if not self.is_sqlite:
            yield
            return
        if not self._writing.acquire(timeout=BUSY_TIMEOUT_S):
            raise LedgerUnavailable(
                f"the ledger {redact(self.url)} is locked by another thread of this process.",
                why=f"its transaction has been open for more than {BUSY_TIMEOUT_S:g} s",
                fix="keep write transactions short; never open one inside another",
            )
        try:
            yield
        finally:
            self._writing.release()

    def _file_now(self) -> tuple[int, int] | None:
        """Return what tells SQLite's file from another one at its place; None when there is none."""
        try:
            found = os.stat(self._file) if self.is_sqlite else None
        except OSError:
            return None
        return (found.st_dev, found.st_ino) if found is not None else None

    def _check_file(self) -> None:
        """Refuse to write into a file that was removed: SQLite would, and all of it would be gone."""
        if self._identity is not None and self._file_now() != self._identity:
            raise LedgerUnavailable(
                f"the ledger {redact(self.url)} was removed or replaced while it was open.",
                why="its file is another one now, or none",
                fix="start this process again; what trainings log is kept in their journals until then",
            )

    def faults(self) -> Any:
        """Return a context that turns the database's errors into mlwright's."""
        return translated(self.url)

    def wait_for_events(self, timeout_s: float, *, over: threading.Event | None = None) -> None:
        """Return when this process commits an event, or after `timeout_s` (events of other processes need polling).

        Args:
            timeout_s: How long to wait at most.
            over: Once it is set nothing is waited for; `wake` ends a wait that is under way.
        """
        with self._commits:
            if over is None or not over.is_set():
                self._commits.wait(timeout_s)

    def wake(self) -> None:
        """Let `wait_for_events` return now, whoever waits."""
        with self._commits:
            self._commits.notify_all()

    def close(self) -> None:
        """Write what this process owes the ledger, and give back all connections."""
        debts.settle(self.url)
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()
        self.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _sqlite_path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _sqlite_engine(url: str, durability: str) -> sa.Engine:
    path = _sqlite_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermissionDenied(
            f"the ledger's folder {path.parent} can't be made.",
            why=str(error),
            fix="set MLWRIGHT_HOME to a folder of yours",
        ) from error
    # A URL object, because a path may hold what means something in the text of a URL.
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=8,
    )
    synchronous = "FULL" if durability == "full" else "NORMAL"

    @sa_event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling is switched off: `begin` below says which kind is wanted.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "cache_size=-16000",
            "mmap_size=268435456",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa_event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get("mlwright_write", False)
        send(connection, "BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _postgres_engine(url: str) -> sa.Engine:
    if not url.startswith(("postgresql://", "postgresql+psycopg://")):
        raise InvalidUsage(
            f"'{redact(url)}' is no ledger that mlwright knows.",
            fix="use sqlite:///path/to/ledger.db or postgresql://user@host/database",
        )
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise missing_extra("psycopg", "postgres", needed_for="a PostgreSQL ledger") from None
    speak_postgresql()
    rest = url.split("://", 1)[1]
    return sa.create_engine(f"postgresql+psycopg://{rest}", pool_size=8, pool_pre_ping=True)
