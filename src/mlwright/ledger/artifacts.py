"""Which artifacts the ledger knows, and which of its facts refer to them.

A column refers to artifacts when it is named `digest` or ends in `_digest`. A JSON column may name digests anywhere
inside, so all of them are searched but those listed here. A new table therefore need not be told to the collector.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.ledger.conflicts import insert_or_keep
from mlwright.ledger.schema import artifacts, cache_entries, events, metadata, run_artifacts, step_outputs
from mlwright.ledger.schema.types import Json
from mlwright.ledger.store import Transaction

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Events tell of the past, and a cache key's parts of inputs that are only compared: neither needs the content.
_MENTIONS = (events.c.data, cache_entries.c.parts)
_BATCH = 500


class Reference(msgspec.Struct, frozen=True):
    """A fact that refers to an artifact.

    Attributes:
        table: Its table.
        column: Its column.
        key: Its primary key, joined by `/`.
    """

    table: str
    column: str
    key: str


def record(tx: Transaction, digest: str, kind: str, size_bytes: int) -> None:
    """Note that an artifact exists; noting it again changes nothing.

    Args:
        tx: Transaction of the fact that refers to it.
        digest: Its content.
        kind: `blob`, or `tree` when it names others that must be kept with it.
        size_bytes: Its size; of all files where it is a tree.
    """
    record_many(tx, {digest: (kind, size_bytes)})


def record_many(tx: Transaction, found: dict[str, tuple[str, int]]) -> None:
    """Note that artifacts exist: digest to kind and size; see `record`."""
    rows = [
        {"digest": digest, "kind": kind, "size_bytes": size_bytes, "created_at": tx.now}
        for digest, (kind, size_bytes) in found.items()
    ]
    insert_or_keep(tx, artifacts, rows)


def references(connection: sa.Connection, digest: str) -> list[Reference]:
    """Return every fact that refers to an artifact directly."""
    found: list[Reference] = []
    for table, column in _digest_columns():
        found += _rows(connection, table, column, column == digest)
    for table, column in _documents():
        found += _rows(connection, table, column, sa.type_coerce(column, sa.Text).contains(digest))
    return found


def referenced(connection: sa.Connection) -> set[str]:
    """Return the digests that any fact refers to directly."""
    found: set[str] = set()
    for _, column in _digest_columns():
        found.update(connection.execute(sa.select(column).where(column.is_not(None)).distinct()).scalars())
    for _, column in _documents():
        texts = connection.execute(sa.select(sa.type_coerce(column, sa.Text)).where(column.is_not(None))).scalars()
        for text in texts:
            found.update(digests_in(text))
    return found


def saved_with(connection: sa.Connection, codecs: Iterable[str]) -> set[str]:
    """Return the digests of outputs and logged artifacts that one of these codecs saved."""
    wanted = list(codecs)
    found: set[str] = set()
    for table in (step_outputs, run_artifacts):
        found.update(
            connection.execute(sa.select(table.c.digest).where(table.c.codec.in_(wanted)).distinct()).scalars()
        )
    return found


def forget(tx: Transaction, digests: Iterable[str]) -> None:
    """Remove the notes of artifacts that are about to be collected."""
    wanted = list(digests)
    for start in range(0, len(wanted), _BATCH):
        tx.execute(sa.delete(artifacts).where(artifacts.c.digest.in_(wanted[start : start + _BATCH])))


def digests_in(text: str | bytes) -> Iterator[str]:
    """Go through the digests that a text names."""
    found = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return (match.group() for match in _DIGEST.finditer(found))


def _rows(
    connection: sa.Connection, table: sa.Table, column: sa.Column[Any], condition: sa.ColumnElement[bool]
) -> Iterator[Reference]:
    for row in connection.execute(sa.select(*table.primary_key.columns).where(condition)):
        yield Reference(table.name, column.name, "/".join(map(str, row)))


def _digest_columns() -> Iterator[tuple[sa.Table, sa.Column[Any]]]:
    for table in metadata.sorted_tables:
        for column in table.columns:
            if table is not artifacts and (column.name == "digest" or column.name.endswith("_digest")):
                yield table, column


def _documents() -> Iterator[tuple[sa.Table, sa.Column[Any]]]:
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Json) and not any(column is mention for mention in _MENTIONS):
                yield table, column
