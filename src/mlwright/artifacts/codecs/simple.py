"""Text and bytes, stored as they are."""

from __future__ import annotations

from typing import Any

from mlwright.artifacts.port import ArtifactStore, Blob


class TextCodec:
    """A `str`, stored as UTF-8."""

    name = "text"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is text (half of a surrogate pair isn't: UTF-8 has no bytes for it)."""
        if type(value) is not str:
            return False
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
        return True

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the text."""
        return store.put(value.encode())

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the text."""
        return store.read(digest).decode()


class BytesCodec:
    """`bytes`."""

    name = "bytes"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is bytes."""
        return type(value) is bytes

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the bytes."""
        return store.put(value)

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the bytes."""
        return store.read(digest)
