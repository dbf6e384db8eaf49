"""Artifacts of a source that lie in folders of this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from mlwright.errors import NotFound, PermissionDenied
from mlwright.migration.port import FileFound
from mlwright.migration.values import checked_path

_CHUNK = 1 << 20


def folder_of(uri: str, artifacts: str) -> Path | None:
    """Return the folder that a URI of artifacts names, None when it is not one of this machine.

    Args:
        uri: A path, a `file:` URL, or `mlflow-artifacts:/...`.
        artifacts: The folder that the source's server kept `mlflow-artifacts:` in; empty when nobody told.
    """
    parts = urlsplit(uri)
    if parts.scheme == "mlflow-artifacts":
        inner = parts.path.strip("/")
        return Path(artifacts) / inner if artifacts and ".." not in inner.split("/") else None
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(uri) if uri and not parts.scheme else None


def files_in(folder: Path) -> list[FileFound]:
    """Return all files in a folder, by path; links are followed to files within it only.

    Raises:
        NotFound: There is no such folder.
        PermissionDenied: A folder can't be read.
    """
    if not folder.is_dir():
        raise NotFound(f"the folder of artifacts {folder} does not exist.")
    root = folder.resolve()
    found = []
    for here, _, names in os.walk(folder, onerror=_refuse):
        for name in names:
            file = Path(here) / name
            if file.is_symlink() and not file.resolve().is_relative_to(root):
                continue
            if file.is_file():
                path = checked_path(file.relative_to(folder).as_posix())
                found.append(FileFound(path, file.stat().st_size))
    return sorted(found, key=lambda each: each.path)


def pour(folder: Path, path: str, file: BinaryIO) -> None:
    """Write a file of a folder into an open file.

    Raises:
        NotFound: It is gone.
        PermissionDenied: It can't be read.
    """
    source = folder / checked_path(path)
    try:
        with open(source, "rb") as opened:
            shutil.copyfileobj(opened, file, _CHUNK)
    except FileNotFoundError as error:
        raise NotFound(f"the file {source} is gone.") from error
    except PermissionError as error:
        raise PermissionDenied(
            f"the file {source} can't be read.", why=str(error.strerror), fix="check its owner and mode"
        ) from error


def _refuse(error: OSError) -> None:
    raise PermissionDenied(
        f"{error.filename} can't be read.", why=str(error.strerror), fix="check its owner and mode"
    ) from error
