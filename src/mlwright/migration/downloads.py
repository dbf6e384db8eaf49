"""Files on their way from a source into the store: several at once, each tried again when the connection breaks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

from mlwright.artifacts.trees import Entry
from mlwright.errors import InvalidInput, NotFound, ServerUnavailable
from mlwright.migration.context import WORKERS, Context
from mlwright.migration.port import FileFound, Place

if TYPE_CHECKING:
    from mlwright.artifacts.port import Blob

_TRIES = 3
_PAUSE_S = 0.5


def listed(context: Context, place: Place, about: str) -> list[FileFound] | None:
    """Return the files at a place of the source; None, with a note, when they are out of reach."""
    if not place.uri:
        return []
    try:
        return context.source.files(place)
    except (NotFound, InvalidInput) as error:
        context.note(about, _told(error))
        return None


def fetched(context: Context, place: Place, files: list[FileFound], about: str) -> list[Entry]:
    """Store files of the source and return them by path; one that can't be had is noted and left out."""

    def fetch(file: FileFound) -> Entry | Exception:
        try:
            blob = _stored(context, place, file.path)
        except (NotFound, InvalidInput) as error:
            return error
        return Entry(path=file.path, digest=blob.digest, size_bytes=blob.size_bytes)

    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(fetch, files))
    found = []
    for file, result in zip(files, results, strict=True):
        if isinstance(result, Entry):
            found.append(result)
        else:
            context.note(f"{about}, file '{file.path}'", _told(result))
    return found


def size_of(files: list[FileFound]) -> int:
    """Return the size of files, as far as the source tells it."""
    return sum(file.size_bytes or 0 for file in files)


def _stored(context: Context, place: Place, path: str) -> Blob:
    def write(file: BinaryIO) -> None:
        context.source.fetch(place, path, file)

    for attempt in range(1, _TRIES):
        try:
            return context.project.store.put(write)
        except ServerUnavailable:
            time.sleep(_PAUSE_S * attempt)
    return context.project.store.put(write)


def _told(error: Exception) -> str:
    what, why = getattr(error, "what", str(error)), getattr(error, "why", None)
    return f"{what} ({why})" if why else str(what)
