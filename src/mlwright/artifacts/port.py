"""What mlwright asks of a place that keeps artifacts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

#: What a blob is made of: bytes, a file, or a function that writes to the open file it is given.
Source = bytes | Path | Callable[[BinaryIO], object]


class Blob(msgspec.Struct, frozen=True):
    """Some stored bytes.

    Attributes:
        digest: Their name: `sha256:` and 64 hexadecimal digits.
        size_bytes: How many they are.
        stored_at: When they were last put, by the store's machine.
    """

    digest: str
    size_bytes: int
    stored_at: datetime


class ArtifactStore(Protocol):
    """Keeps blobs under the digest of their content. Safe to share between threads and processes.

    Every method raises `InvalidInput` for a text that is no digest, `PermissionDenied` when the operating system or the
    service refuses, and `StoreUnavailable` when it is out of reach.
    """

    def put(self, source: Source) -> Blob:
        """Store some content; content that is there already is not stored again.

        It appears whole or not at all, and what is there and damaged is replaced.

        Raises:
            StorageFull: There is no room; nothing half-written was kept.
            NotFound: The source is a file that doesn't exist.
        """

    def path(self, digest: str) -> Path:
        """Return a local, read-only file with the verified content, fit to be mapped into memory.

        Raises:
            NotFound: There is no such blob.
            IntegrityError: The stored bytes no longer match the digest; the error names both.
        """

    def read(self, digest: str) -> bytes:
        """Return the verified content.

        Raises:
            NotFound: There is no such blob.
            IntegrityError: The stored bytes no longer match the digest.
        """

    def has(self, digest: str) -> bool:
        """Tell whether a blob is there, without verifying it."""

    def delete(self, digest: str, *, before: datetime | None = None) -> bool:
        """Remove a blob, only if it was last put before a moment where one is given; tell whether it was removed."""

    def list(self) -> Iterator[Blob]:
        """Go through all blobs, in no particular order."""

    def scratch(self) -> Path:
        """Return a local folder for files derived from blobs; all of it may be deleted at any time."""

    def describe(self) -> str:
        """Return where the store is, without secrets."""
