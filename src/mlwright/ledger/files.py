"""Files that clients keep at paths: of runs, of logged models, and at paths of their own; and uploads in parts.

A file of a run is one of its artifacts (`run_artifacts`), whoever logged it; every other one is a row of
`proxied_files`. Rows name artifacts by digest, so files that are equal are stored once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.errors import NotFound
from mlwright.ledger.conflicts import insert_or_update
from mlwright.ledger.schema import experiments, proxied_files, run_artifacts, runs, uploads
from mlwright.ledger.store import Transaction
from mlwright.ledger.tracked import RunArtifact

_GIVEN_UP = timedelta(days=7)


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file at a path that is no run's.

    Attributes:
        path: Where clients see it.
        digest: Its content.
        size_bytes: Its size.
        created_at: When it was last written.
    """

    path: str
    digest: str
    size_bytes: int
    created_at: datetime


class RunPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What decides where a run's artifacts are.

    Attributes:
        run_id: The run.
        number: Number of its experiment.
        location: Where the experiment's artifacts are wanted; empty for the usual place.
    """

    run_id: str
    number: int
    location: str


class Part(msgspec.Struct, frozen=True):
    """One part of a file that is uploaded in parts."""

    digest: str
    size_bytes: int


class UploadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is uploaded in parts.

    Attributes:
        id: The upload.
        path: Where the whole file will be.
        parts: Those that have arrived, by number.
        created_at: When it began.
    """

    id: str
    path: str
    parts: dict[int, Part]
    created_at: datetime


def run_places(connection: sa.Connection, run_ids: list[str]) -> list[RunPlace]:
    """Return where the artifacts of runs are; ids that are no run's are left out."""
    query = (
        sa.select(runs.c.id, experiments.c.number, experiments.c.location)
        .join_from(runs, experiments, runs.c.experiment_id == experiments.c.id)
        .where(runs.c.id.in_(run_ids))
    )
    return [RunPlace(run_id=row.id, number=row.number, location=row.location) for row in connection.execute(query)]


def put_file(tx: Transaction, path: str, digest: str, size_bytes: int) -> None:
    """Keep a file at a path; one that is there is replaced."""
    row = {"path": path, "digest": digest, "size_bytes": size_bytes, "created_at": tx.now}
    insert_or_update(tx, proxied_files, [row])


def find_file(connection: sa.Connection, path: str) -> FileRow | None:
    """Return the file at a path, None when there is none."""
    row = connection.execute(sa.select(proxied_files).where(proxied_files.c.path == path)).one_or_none()
    return None if row is None else FileRow(**row._asdict())


def files_below(connection: sa.Connection, folder: str) -> list[FileRow]:
    """Return all files below a folder (`""`: all there are), by path."""
    query = (
        sa.select(proxied_files).where(_below(connection, proxied_files.c.path, folder)).order_by(proxied_files.c.path)
    )
    return [FileRow(**row._asdict()) for row in connection.execute(query)]


def delete_files(tx: Transaction, path: str) -> int:
    """Remove the file at a path, or all below it; return how many."""
    column = proxied_files.c.path
    return tx.execute(
        sa.delete(proxied_files).where(sa.or_(column == path, _below(tx.connection, column, path)))
    ).rowcount


def run_files(connection: sa.Connection, run_id: str, names: list[str]) -> list[RunArtifact]:
    """Return the artifacts of a run that have one of these names."""
    return _artifacts(connection, run_id, run_artifacts.c.name.in_(names))


def run_files_below(connection: sa.Connection, run_id: str, folder: str) -> list[RunArtifact]:
    """Return a run's artifacts whose names lie below a folder (`""`: all), by name."""
    return _artifacts(connection, run_id, _below(connection, run_artifacts.c.name, folder))


def delete_run_files(tx: Transaction, run_id: str, name: str) -> int:
    """Remove a run's artifact of a name, or all below it; return how many."""
    column = run_artifacts.c.name
    which = sa.true() if not name else sa.or_(column == name, _below(tx.connection, column, name))
    return tx.execute(sa.delete(run_artifacts).where(run_artifacts.c.run_id == run_id, which)).rowcount


def taken(connection: sa.Connection, path: str, *, run_id: str | None = None) -> str | None:
    """Return the file that stands where a new one needs a folder, or a file below it; None when nothing is in the way.

    Args:
        connection: Where to look.
        path: Of the new file; its name within a run's artifacts when `run_id` is given.
        run_id: The run that it belongs to.
    """
    table, column = (proxied_files, proxied_files.c.path) if run_id is None else (run_artifacts, run_artifacts.c.name)
    parents = [path[:place] for place, letter in enumerate(path) if letter == "/"]
    above: sa.ColumnElement[bool] = column.in_(parents)
    if run_id is not None:
        # Other artifacts may be read as folders, so files may lie below them.
        above = sa.and_(above, run_artifacts.c.codec == "file")
    query = sa.select(column).where(sa.or_(above, _below(connection, column, path))).limit(1)
    if run_id is not None:
        query = query.where(table.c.run_id == run_id)
    found = connection.execute(query).scalar()
    return None if found is None else str(found)


def begin_upload(tx: Transaction, path: str) -> str:
    """Begin to take a file in parts; return the upload's id. Those that were begun long ago are given up."""
    tx.execute(sa.delete(uploads).where(uploads.c.created_at < tx.now - _GIVEN_UP))
    id_ = new_id()
    tx.execute(sa.insert(uploads).values(id=id_, path=path, parts={}, created_at=tx.now))
    return id_


def add_part(tx: Transaction, upload_id: str, number: int, part: Part) -> None:
    """Keep one part; another of its number is replaced.

    Raises:
        NotFound: There is no such upload.
    """
    row = find_upload(tx.connection, upload_id, hold=True)
    parts = {**row.parts, number: part}
    tx.execute(sa.update(uploads).where(uploads.c.id == upload_id).values(parts=msgspec.to_builtins(parts)))


def find_upload(connection: sa.Connection, upload_id: str, *, hold: bool = False) -> UploadRow:
    """Return an upload; with `hold` nobody else changes it until the transaction ends.

    Raises:
        NotFound: There is none; it was completed, aborted, or never begun.
    """
    query = sa.select(uploads).where(uploads.c.id == upload_id)
    row = connection.execute(query.with_for_update() if hold else query).one_or_none()
    if row is None:
        raise NotFound(f"there is no upload '{upload_id}'.", why="it was completed or aborted, or never begun")
    parts = msgspec.convert(row.parts, dict[int, Part], strict=False)
    return UploadRow(id=row.id, path=row.path, parts=parts, created_at=row.created_at)


def end_upload(tx: Transaction, upload_id: str) -> None:
    """Forget an upload; parts that nothing else refers to are collected later."""
    tx.execute(sa.delete(uploads).where(uploads.c.id == upload_id))


def _below(connection: sa.Connection, column: Any, folder: str) -> sa.ColumnElement[bool]:
    if not folder:
        return sa.true()
    # A range instead of LIKE: SQLite's primary key serves it, capitals differ, and no letter of a path means something.
    ordered = column.collate("C") if connection.dialect.name == "postgresql" else column
    return sa.and_(ordered >= f"{folder}/", ordered < f"{folder}0")


def _artifacts(connection: sa.Connection, run_id: str, which: sa.ColumnElement[bool]) -> list[RunArtifact]:
    columns = [column for column in run_artifacts.c if column.name != "run_id"]
    query = sa.select(*columns).where(run_artifacts.c.run_id == run_id, which).order_by(run_artifacts.c.name)
    return [RunArtifact(**row._asdict()) for row in connection.execute(query)]
