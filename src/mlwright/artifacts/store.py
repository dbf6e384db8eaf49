"""Opening the store that a project's settings name."""

from __future__ import annotations

from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.core import adapters
from mlwright.core.settings import redact
from mlwright.errors import InvalidUsage, did_you_mean

__all__ = ["ArtifactStore", "Blob", "open_store"]


def open_store(location: str, *, durability: str = "full") -> ArtifactStore:
    """Open the artifact store at a location.

    Args:
        location: A folder, as a path or a `file://` URL.
        durability: `full` survives a power cut after each put, `normal` survives a killed process.

    Raises:
        InvalidUsage: No store is known for this kind of URL.
    """
    scheme, mark, rest = location.partition("://")
    if mark and scheme != "file":
        known = [spec.name for spec in adapters.specs() if spec.port == "store"]
        raise InvalidUsage(
            f"'{redact(location)}' is no artifact store that mlwright knows.",
            why=f"there is no store for '{scheme}://' ({did_you_mean(scheme, known)})",
            fix="set MLWRIGHT_ARTIFACTS to a folder",
        )
    store: ArtifactStore = adapters.load("store", "local")(rest if mark else location, durability=durability)
    return store
