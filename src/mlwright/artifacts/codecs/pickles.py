"""Pickle: takes nearly everything, and runs code on loading. Only ever used on the user's explicit wish."""

from __future__ import annotations

import pickle
from typing import Any

from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import TypeMismatch


class PickleCodec:
    """Any value that Python can pickle."""

    name = "pickle"
    kind = "blob"
    unsafe = True

    def accepts(self, value: Any) -> bool:
        """Accept everything; `save` finds out."""
        return True

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Pickle the value.

        Raises:
            TypeMismatch: It can't be pickled.
        """
        try:
            data = pickle.dumps(value, protocol=5)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise TypeMismatch(
                f"a {type(value).__qualname__} can't be pickled.", why=str(error), fix="return its data instead"
            ) from error
        return store.put(data)

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Unpickle the value; `mlwright.artifacts.codecs.load` has asked for consent."""
        return pickle.loads(store.read(digest))  # noqa: S301
