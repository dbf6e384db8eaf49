"""Nested values: JSON, or a bundle when there are arrays, tables, files or models inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from mlwright.artifacts.codecs import plain
from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import InvalidInput


class JsonCodec:
    """None, booleans, numbers, text, and lists, dicts, tuples, dataclasses and so on of these."""

    name = "json"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value and all it holds can be written as JSON."""
        return first_unknown(value, lambda item: False) is None

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the value."""
        return store.put(plain.encode(value, _refuse))

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the value."""
        return plain.decode(store.read(digest), lambda found: _no_leaf(digest))


class BundleCodec:
    """A nested value whose arrays, tables, files and models are artifacts of their own.

    Args:
        takes: Tells whether a value can be one of them.
        save: Stores one and returns what it was saved as.
        load: Brings one back by digest and codec.
    """

    name = "bundle"
    kind = "tree"
    unsafe = False

    def __init__(
        self,
        takes: Callable[[Any], bool],
        save: Callable[[ArtifactStore, Any], Any],
        load: Callable[[ArtifactStore, str, str], Any],
    ) -> None:
        self._takes = takes
        self._save = save
        self._load = load

    def accepts(self, value: Any) -> bool:
        """Tell whether everything that the value holds can be stored."""
        return first_unknown(value, self._takes) is None

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the value and what it holds."""
        size_bytes = 0

        def leaf(item: Any, where: str) -> Any:
            nonlocal size_bytes
            saved = self._save(store, item)
            size_bytes += saved.size_bytes
            return {"$artifact": {"digest": saved.digest, "codec": saved.codec}}

        blob = store.put(plain.encode(value, leaf))
        return Blob(blob.digest, blob.size_bytes + size_bytes, blob.stored_at)

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the value."""
        return plain.decode(store.read(digest), lambda found: self._load(store, found["digest"], found["codec"]))


def first_unknown(value: Any, takes: Callable[[Any], bool]) -> plain.Unknown | None:
    """Return the first part of a value that is neither JSON nor taken, None when there is none."""

    def leaf(item: Any, where: str) -> None:
        if not takes(item):
            raise plain.Unknown(item, where)

    try:
        plain.walk(value, leaf)
    except plain.Unknown as unknown:
        return unknown
    return None


def _refuse(item: Any, where: str) -> NoReturn:
    raise plain.Unknown(item, where)


def _no_leaf(digest: str) -> NoReturn:
    raise InvalidInput(f"the artifact {digest} is no plain JSON: it names others.", fix="load it as 'bundle'")
