"""Files and folders that a step made, named by their `pathlib.Path`.

A path comes back as a read-only copy of the same name in the store's scratch folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlwright.artifacts import trees
from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import NotFound


class FileCodec:
    """The `pathlib.Path` of a file; its name is kept."""

    name = "file"
    kind = "tree"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is the path of something that isn't a folder."""
        return isinstance(value, Path) and not value.is_dir()

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the file.

        Raises:
            NotFound: It doesn't exist.
        """
        if not value.exists():
            raise NotFound(
                f"the file {value} does not exist.",
                why=f"relative paths start from the working directory, {Path.cwd()}",
                fix="write the file before its path is returned",
            )
        return trees.put_file(store, value)

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the path of a read-only copy."""
        return next(path for path in trees.view(store, digest).iterdir())


class FolderCodec:
    """The `pathlib.Path` of a folder."""

    name = "folder"
    kind = "tree"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is the path of a folder."""
        return isinstance(value, Path) and value.is_dir()

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store all files of the folder."""
        return trees.put_tree(store, value)

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the path of a read-only copy."""
        return trees.view(store, digest)
