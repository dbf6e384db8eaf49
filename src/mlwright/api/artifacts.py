"""Endpoints about artifacts: what the store holds, and removing what nothing refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from mlwright.api.endpoint import Act, Endpoint, acting

if TYPE_CHECKING:
    from mlwright.project import Project

_SHOWN = 1000


class CollectArtifacts(Act, frozen=True, kw_only=True):
    """What to remove.

    Attributes:
        dry_run: Only tell what would be removed.
        grace_s: Keep what nothing refers to for this many seconds after it was put.
    """

    dry_run: bool = False
    grace_s: Annotated[float, msgspec.Meta(ge=0, le=1e10)] = 24 * 3600.0


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact that was, or would be, removed.

    Attributes:
        digest: Its digest.
        size_bytes: Its size.
    """

    digest: str
    size_bytes: int


class CollectedArtifacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection removed, or would remove.

    Attributes:
        dry_run: True when nothing was removed.
        removed: How many artifacts.
        removed_bytes: Their size.
        kept: How many stay.
        kept_bytes: Their size.
        young: How many of those stay only because they are new.
        largest: The largest of the removed ones, at most 1000.
        sentence: The same for people.
    """

    dry_run: bool
    removed: int
    removed_bytes: int
    kept: int
    kept_bytes: int
    young: int
    largest: list[Removed]
    sentence: str


def collect_artifacts(project: Project, given: CollectArtifacts) -> CollectedArtifacts:
    """Remove the artifacts that no fact of the ledger refers to."""
    from mlwright.artifacts.gc import collect

    found = collect(project, dry_run=given.dry_run, grace_s=given.grace_s, actor=acting(project, given))
    largest = sorted(found.removed, key=lambda blob: (-blob.size_bytes, blob.digest))[:_SHOWN]
    return CollectedArtifacts(
        dry_run=found.dry_run,
        removed=len(found.removed),
        removed_bytes=found.removed_bytes,
        kept=found.kept,
        kept_bytes=found.kept_bytes,
        young=found.young,
        largest=[Removed(digest=blob.digest, size_bytes=blob.size_bytes) for blob in largest],
        sentence=found.sentence,
    )


ENDPOINTS = (
    Endpoint(
        name="artifacts.collect",
        method="POST",
        path="/artifacts/collect",
        summary="Remove the artifacts that nothing refers to, or tell which those are.",
        input=CollectArtifacts,
        output=CollectedArtifacts,
        function=collect_artifacts,
        scope="write",
        audit="artifacts.collected",
    ),
)
