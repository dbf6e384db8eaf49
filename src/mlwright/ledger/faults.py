"""Turning the database's errors into mlwright's: which thing failed, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from mlwright.core.settings import redact
from mlwright.errors import IntegrityError, LedgerUnavailable, MlwrightError, NotFound, PermissionDenied, StorageFull


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Run a block; a database error that isn't about the statement itself leaves it as a named error."""
    try:
        yield
    except exc.IntegrityError:
        # A broken constraint is a question of the statement: the repository that sent it knows what it means.
        raise
    except exc.DBAPIError as error:
        named = _named(str(error.orig), redact(url))
        if named is None:
            raise
        raise named from error


def _named(cause: str, url: str) -> MlwrightError | None:
    text = cause.lower()
    if "full" in text and ("disk" in text or "no space" in text):
        return StorageFull(
            f"the ledger {url} has no room to grow.", why=cause, fix="free some space and try again; nothing was lost"
        )
    if "locked" in text or "busy" in text:
        return LedgerUnavailable(
            f"the ledger {url} is locked by another process.",
            why="another writer held the lock for too long",
            fix="stop the other writer, or try again",
        )
    if "readonly" in text or "read-only" in text or "permission denied" in text:
        return PermissionDenied(
            f"the ledger {url} can't be written.", why=cause, fix="check the owner and mode of the file and its folder"
        )
    if "unable to open" in text:
        return PermissionDenied(
            f"the ledger {url} can't be opened.",
            why=cause,
            fix="check that the folder exists and that you may write it",
        )
    if "authentication failed" in text or "no password supplied" in text:
        return PermissionDenied(
            f"the ledger {url} refuses this user or password.",
            why=_first_line(cause),
            fix="correct the setting 'ledger'",
        )
    if 'database "' in text and "does not exist" in text:
        return NotFound(
            f"the ledger {url} does not exist.", why=_first_line(cause), fix="createdb, or correct the name"
        )
    if "malformed" in text or "not a database" in text:
        return IntegrityError(
            f"the ledger {url} is damaged or is no SQLite database.", why=cause, fix="restore it from a backup"
        )
    if "connection" in text or "server closed" in text or "could not translate host" in text or "shutdown" in text:
        return LedgerUnavailable(
            f"the ledger {url} is out of reach.",
            why=_first_line(cause),
            fix="start the database, or try again",
        )
    return None


def _first_line(cause: str) -> str:
    return cause.strip().splitlines()[0]
