"""What runs logged: parameters, metrics, tags and artifacts; and how far each journal is shipped."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger import curves
from mlwright.ledger.conflicts import insert_or_update
from mlwright.ledger.driver import execute, execute_many, select_in
from mlwright.ledger.schema import journals, params, run_artifacts, tags
from mlwright.ledger.store import Transaction

_JOURNAL = "id, run_id, step, position, superseded, logged"
_PUT_JOURNAL = (
    f"INSERT INTO journals ({_JOURNAL}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET run_id ="
    " excluded.run_id, step = excluded.step, position = excluded.position, superseded = excluded.superseded,"
    " logged = excluded.logged"
)
_PUT_PARAM = (
    "INSERT INTO params (run_id, key, value, text, number) VALUES (?, ?, ?, ?, ?) ON CONFLICT (run_id, key)"
    " DO UPDATE SET value = excluded.value, text = excluded.text, number = excluded.number"
)
_PUT_TAG = (
    "INSERT INTO tags (run_id, key, value, text) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value, text = excluded.text"
)
#: How many characters of a text searches compare by an index.
COMPARED = 250


class RunArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a run keeps under a name.

    Attributes:
        name: Its name within the run.
        digest: The artifact.
        codec: How it was written.
        size_bytes: How big it is.
        step: The step that logged it; empty for a script.
        created_at: When it was logged, by the system's clock.
    """

    name: str
    digest: str
    codec: str
    size_bytes: int
    step: str
    created_at: datetime


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal is shipped.

    Attributes:
        id: The journal.
        run_id: The run that it belongs to.
        step: The step that wrote it; empty for a script.
        position: Everything before this offset is in the ledger.
        superseded: True when a later attempt at the step logs anew.
        logged: The params, tags and artifacts that it brought.
    """

    id: str
    run_id: str
    step: str
    position: int
    superseded: bool
    logged: dict[str, Any]


def read_journal(connection: sa.Connection, journal_id: str) -> JournalRow | None:
    """Return how far a journal is shipped, None when nothing of it is."""
    row = execute(connection, f"SELECT {_JOURNAL} FROM journals WHERE id = ?", [journal_id]).one_or_none()
    if row is None:
        return None
    return JournalRow(
        id=row[0],
        run_id=row[1],
        step=row[2],
        position=row[3],
        superseded=bool(row[4]),
        logged=msgspec.json.decode(row[5]),
    )


def write_journal(tx: Transaction, row: JournalRow) -> None:
    """Record how far a journal is shipped."""
    write_journals(tx, [row])


def write_journals(tx: Transaction, rows: list[JournalRow]) -> None:
    """Record how far some journals are shipped."""
    found = [
        (row.id, row.run_id, row.step, row.position, row.superseded, msgspec.json.encode(row.logged).decode())
        for row in rows
    ]
    execute_many(tx.connection, _PUT_JOURNAL, found)


def known_journals(connection: sa.Connection, ids: list[str]) -> set[str]:
    """Return which of some journals something is shipped of."""
    return {id_ for (id_,) in select_in(connection, "SELECT id FROM journals WHERE id IN (*)", (), ids)}


def supersede_journals(tx: Transaction, run_id: str, step: str, *, but: str) -> None:
    """Leave what earlier attempts at a step logged out of its curves."""
    old = (journals.c.run_id == run_id, journals.c.step == step, journals.c.id != but)
    for journal_id in tx.execute(sa.select(journals.c.id).where(*old)).scalars().all():
        curves.supersede(tx, run_id, journal_id)
    tx.execute(sa.update(journals).where(*old).values(superseded=True))


def put_params(tx: Transaction, run_id: str, values: dict[str, Any]) -> None:
    """Set parameters of a run; a key that is set takes the new value."""
    rows = [
        (run_id, key, msgspec.json.encode(value).decode(), as_text(value)[:COMPARED], as_number(value))
        for key, value in values.items()
    ]
    execute_many(tx.connection, _PUT_PARAM, rows)


def put_tags(tx: Transaction, run_id: str, values: dict[str, str]) -> None:
    """Set tags of a run; a key that is set takes the new value."""
    rows = [(run_id, key, value, value[:COMPARED]) for key, value in values.items()]
    execute_many(tx.connection, _PUT_TAG, rows)


def put_artifacts(tx: Transaction, run_id: str, found: list[RunArtifact]) -> None:
    """Name artifacts of a run; a name that is taken takes the new artifact."""
    insert_or_update(tx, run_artifacts, [{"run_id": run_id, **msgspec.structs.asdict(row)} for row in found])


def params_of(connection: sa.Connection, run_id: str) -> dict[str, Any]:
    """Return a run's parameters."""
    query = sa.select(params.c.key, params.c.value).where(params.c.run_id == run_id).order_by(params.c.key)
    return dict(connection.execute(query).all())


def tags_of(connection: sa.Connection, run_id: str) -> dict[str, str]:
    """Return a run's tags."""
    query = sa.select(tags.c.key, tags.c.value).where(tags.c.run_id == run_id).order_by(tags.c.key)
    return dict(connection.execute(query).all())


def artifacts_of(connection: sa.Connection, run_id: str) -> list[RunArtifact]:
    """Return what a run keeps, by name."""
    columns = [column for column in run_artifacts.c if column.name != "run_id"]
    query = sa.select(*columns).where(run_artifacts.c.run_id == run_id).order_by(run_artifacts.c.name)
    return [RunArtifact(**row._asdict()) for row in connection.execute(query)]


def as_text(value: Any) -> str:
    """Return a parameter as the text that a person would type: a string itself, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def as_number(value: Any) -> float | None:
    """Return the finite number that a parameter is or spells, None when it is none.

    Example:
        >>> as_number("1e-3"), as_number(True), as_number("adam")
        (0.001, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
