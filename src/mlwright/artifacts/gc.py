"""Removing the artifacts that nothing refers to any more.

What a fact of the ledger names is kept, and so is everything that a kept folder, bundle or document names in turn. What
was put only a moment ago is kept too: its fact may not be committed yet. The ledger is read after the store was listed,
and a blob is removed only if it was not put again meanwhile, so nothing is lost to a race.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.core.clock import wall_now
from mlwright.errors import NotFound
from mlwright.ledger import Connection, Ledger
from mlwright.ledger import artifacts as rows

#: How long a blob that nothing refers to is kept, counted from when it was last put.
GRACE_S = 24 * 3600.0
# Blobs of these codecs never name others; every other blob that is kept is searched for digests.
_LEAF_CODECS = ("arrow", "bytes", "columns", "json", "numpy", "pandas", "parquet", "pickle", "skops", "tensors", "text")
_JSON_STARTS = (b"{", b"[")
_PIECE = 1 << 20
_LONGEST_DIGEST = len("sha256:") + 64


class Holder(Protocol):
    """What has a ledger and a store: a `Project`."""

    @property
    def ledger(self) -> Ledger:
        """The facts."""

    @property
    def store(self) -> ArtifactStore:
        """The artifacts."""


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or would be, removed.

    Attributes:
        dry_run: True when nothing was removed.
        removed: The blobs.
        removed_bytes: Their size.
        kept: How many blobs stay.
        kept_bytes: Their size.
        young: How many of those stay only because they were put a short while ago.
    """

    dry_run: bool
    removed: list[Blob]
    removed_bytes: int
    kept: int
    kept_bytes: int
    young: int

    @property
    def sentence(self) -> str:
        """One sentence for people."""
        verb = "would remove" if self.dry_run else "removed"
        return (
            f"{verb} {len(self.removed)} artifacts ({_size(self.removed_bytes)}); {self.kept} stay "
            f"({_size(self.kept_bytes)}), {self.young} of them only because they are new."
        )


def collect(
    project: Holder, *, dry_run: bool = False, grace_s: float = GRACE_S, actor: str = "controller:gc"
) -> Collection:
    """Remove what no fact refers to.

    Args:
        project: Ledger and store.
        dry_run: Only tell what would be removed.
        grace_s: How long what nothing refers to is kept.
        actor: Who asked for it.

    Raises:
        IntegrityError: A kept folder is damaged, so what it refers to can't be known; nothing was removed.
    """
    started_at = wall_now()
    before = started_at - timedelta(seconds=grace_s)
    blobs = {blob.digest: blob for blob in project.store.list()}
    with project.ledger.read() as connection:
        kept = reachable(project.store, connection)
    loose = [blob for digest, blob in blobs.items() if digest not in kept]
    old = [blob for blob in loose if blob.stored_at < before]
    removed = old if dry_run else _remove(project, old, before, actor)
    total_bytes, removed_bytes = _sum(list(blobs.values())), _sum(removed)
    return Collection(
        dry_run=dry_run,
        removed=removed,
        removed_bytes=removed_bytes,
        kept=len(blobs) - len(removed),
        kept_bytes=total_bytes - removed_bytes,
        young=len(loose) - len(old),
    )


def reachable(store: ArtifactStore, connection: Connection) -> set[str]:
    """Return the digests that facts refer to, directly or through folders, bundles and documents."""
    leaves = rows.saved_with(connection, _LEAF_CODECS)
    pending = list(rows.referenced(connection))
    found: set[str] = set()
    while pending:
        digest = pending.pop()
        if digest in found:
            continue
        found.add(digest)
        if digest not in leaves:
            pending += named_in(store, digest)
    return found


def named_in(store: ArtifactStore, digest: str) -> list[str]:
    """Return the digests that a blob names, if it is JSON."""
    try:
        path = store.path(digest)
    except NotFound:
        return []
    found: list[str] = []
    with open(path, "rb") as file:
        piece = file.read(1)
        if piece not in _JSON_STARTS:
            return []
        # In pieces, because a client may have logged JSON of any size; one that is cut in two is found in the next.
        while more := file.read(_PIECE):
            piece = piece[-_LONGEST_DIGEST:] + more
            found += rows.digests_in(piece)
    return found


def _remove(project: Holder, old: list[Blob], before: datetime, actor: str) -> list[Blob]:
    if not old:
        return []
    # The notes go first: a crash in between leaves blobs that the next collection finds, never notes without blobs.
    with project.ledger.write(actor) as tx:
        rows.forget(tx, [blob.digest for blob in old])
        tx.emit("artifacts.collected", "artifacts", count=len(old), size_bytes=_sum(old))
    removed = [blob for blob in old if project.store.delete(blob.digest, before=before)]
    _sweep_views(project.store, {blob.digest[7:] for blob in removed}, before)
    return removed


def _sweep_views(store: ArtifactStore, gone: set[str], before: datetime) -> None:
    """Remove the views of removed folders, and the half-built ones of processes that died."""
    views = store.scratch() / "views"
    for view in views.iterdir() if views.is_dir() else ():
        is_unfinished = "-" in view.name and view.stat().st_mtime < before.timestamp()
        if view.name in gone or is_unfinished:
            shutil.rmtree(view, ignore_errors=True)


def _sum(blobs: list[Blob]) -> int:
    return sum(blob.size_bytes for blob in blobs)


def _size(size_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"
