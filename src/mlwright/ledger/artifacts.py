"""Which artifacts the ledger knows, and which of its facts refer to them.

A column refers to artifacts when it is named `digest` or ends in `_digest`, or when it is one of the JSON columns listed
here, which may name digests anywhere inside. So a new table need not be told to the garbage collector.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
import sqlalchemy as sa

from mlwright.ledger.schema import (
    artifacts,
    cache_entries,
    deployments,
    metadata,
    model_versions,
    monitors,
    runs,
    systems,
)
from mlwright.ledger.store import Transaction

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DOCUMENTS: tuple[sa.Column[object], ...] = (
    cache_entries.c.outputs,
    deployments.c.spec,
    model_versions.c.lineage,
    model_versions.c.signature,
    monitors.c.spec,
    runs.c.arguments,
    runs.c.source,
    systems.c.manifest,
)
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
    if tx.execute(sa.select(artifacts.c.digest).where(artifacts.c.digest == digest)).scalar() is None:
        values = {"digest": digest, "kind": kind, "size_bytes": size_bytes, "created_at": tx.now}
        try:
            with tx.connection.begin_nested():
                tx.execute(sa.insert(artifacts).values(values))
        except sa.exc.IntegrityError:
            # Another process noted it in this very moment.
            return


def references(connection: sa.Connection, digest: str) -> list[Reference]:
    """Return every fact that refers to an artifact; none means that it may be collected."""
    found = []
    for column in (*_digest_columns(), *_DOCUMENTS):
        is_document = column in _DOCUMENTS
        matches = sa.cast(column, sa.Text).contains(digest) if is_document else column == digest
        keys = list(column.table.primary_key.columns)
        for row in connection.execute(sa.select(*keys).where(matches)):
            found.append(Reference(column.table.name, column.name, "/".join(map(str, row))))
    return found


def referenced(connection: sa.Connection) -> set[str]:
    """Return the digests that any fact refers to directly."""
    found: set[str] = set()
    for column in _digest_columns():
        found.update(connection.execute(sa.select(column).where(column.is_not(None)).distinct()).scalars())
    for column in _DOCUMENTS:
        for text in connection.execute(sa.select(sa.type_coerce(column, sa.Text)).where(column.is_not(None))).scalars():
            found.update(digests_in(text))
    return found


def leaves(connection: sa.Connection, codecs: Iterable[str]) -> set[str]:
    """Return the digests that were saved with one of these codecs, as far as outputs and logged artifacts tell."""
    found: set[str] = set()
    for table in (metadata.tables["step_outputs"], metadata.tables["run_artifacts"]):
        query = sa.select(table.c.digest).where(table.c.codec.in_(list(codecs))).distinct()
        found.update(connection.execute(query).scalars())
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


def _digest_columns() -> list[sa.Column[str]]:
    return [
        column
        for table in metadata.sorted_tables
        if table is not artifacts
        for column in table.columns
        if column.name == "digest" or column.name.endswith("_digest")
    ]
