"""What lies at a path of the artifacts: a file of a run, of a registered version, or any other.

The artifacts of a run appear under their names, whoever logged them. One that was saved as a folder appears as one;
what was saved in a form of mlwright's own appears as a file that holds that form.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from mlwright.artifacts import trees
from mlwright.core.digest import canonical_json
from mlwright.errors import InvalidInput, NotFound, PermissionDenied
from mlwright.ledger import artifacts, files, tracked
from mlwright.server.mlflow import paths

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore, Blob
    from mlwright.ledger import Connection, Transaction
    from mlwright.project import Project

_FILE, _FOLDER = "file", "folder"
_ID = re.compile(r"[0-9a-z]{26}")
_HEX = re.compile(r"[0-9a-f]{64}")


class Place(msgspec.Struct, frozen=True):
    """Where a path leads.

    Attributes:
        path: The whole path.
        name: The path within the run or version; the whole path where it is neither's.
        run_id: The run whose artifact it would be.
        tree: The version's files that it would be one of.
    """

    path: str
    name: str
    run_id: str | None = None
    tree: str | None = None


class Found(msgspec.Struct, frozen=True):
    """A file."""

    digest: str
    size_bytes: int


class Listed(msgspec.Struct, frozen=True):
    """A file or folder in a folder; `size_bytes` is None for folders."""

    name: str
    size_bytes: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.size_bytes is None


def locate(connection: Connection, path: str) -> Place:
    """Return where a checked path leads."""
    parts = path.split("/")
    if parts[0] == paths.VERSIONS and len(parts) > 1 and _HEX.fullmatch(parts[1]):
        return Place(path, "/".join(parts[2:]), tree=f"sha256:{parts[1]}")
    ids = [before for before, part in itertools.pairwise(parts) if part == "artifacts" and _ID.fullmatch(before)]
    for found in files.run_places(connection, ids) if ids else ():
        root = run_root(found)
        if root is not None and f"{path}/".startswith(f"{root}/"):
            return Place(path, path[len(root) + 1 :], run_id=found.run_id)
    return Place(path, path)


def run_root(found: files.RunPlace) -> str | None:
    """Return the path of a run's artifacts, None when clients keep them elsewhere."""
    try:
        return paths.path_of(paths.run_uri(found.number, found.location, found.run_id))
    except InvalidInput:
        return None


def run_place(connection: Connection, run_id: str, name: str) -> tuple[str, Place]:
    """Return the URI of a run's artifacts, and the place of a name within them.

    Raises:
        NotFound: There is no such run.
    """
    found = files.run_places(connection, [run_id]) if run_id else []
    if not found:
        raise NotFound(f"Run with id={run_id} not found.")
    root = paths.run_uri(found[0].number, found[0].location, run_id)
    return root, Place(f"{run_root(found[0]) or run_id}/{name}", name, run_id=run_id)


def find(store: ArtifactStore, connection: Connection, place: Place) -> Found | None:
    """Return the file at a place, None when there is none (or a folder)."""
    if place.tree is not None:
        return _in_tree(store, place.tree, place.name)
    if place.run_id is not None:
        return _of_run(store, connection, place.run_id, place.name)
    row = files.find_file(connection, place.path)
    return None if row is None else Found(row.digest, row.size_bytes)


def listing(store: ArtifactStore, connection: Connection, place: Place) -> list[Listed]:
    """Return what is in the folder at a place, by name; nothing when it is a file or not there."""
    if place.tree is not None:
        return _children((entry.path, entry.size_bytes) for entry in _entries(store, place.tree, place.name))
    if place.run_id is None:
        skipped = len(place.path) + 1 if place.path else 0
        below = files.files_below(connection, place.path)
        return _children((row.path[skipped:], row.size_bytes) for row in below)
    return _children(_names_of_run(store, connection, place.run_id, place.name))


def all_below(store: ArtifactStore, connection: Connection, place: Place) -> list[trees.Entry]:
    """Return all files below a place, as the entries of a tree."""
    if place.tree is not None:
        return _entries(store, place.tree, place.name)
    if place.run_id is None:
        skipped = len(place.path) + 1 if place.path else 0
        return [
            trees.Entry(path=row.path[skipped:], digest=row.digest, size_bytes=row.size_bytes)
            for row in files.files_below(connection, place.path)
        ]
    entries = _in_folder(store, connection, place.run_id, place.name)
    for row in files.run_files_below(connection, place.run_id, place.name):
        rest = row.name[len(place.name) + 1 :] if place.name else row.name
        if row.codec == _FOLDER:
            entries += [
                msgspec.structs.replace(entry, path=f"{rest}/{entry.path}") for entry in _entries(store, row.digest)
            ]
        else:
            found = _content(store, row)
            entries.append(trees.Entry(path=rest, digest=found.digest, size_bytes=found.size_bytes))
    return sorted(entries, key=lambda entry: entry.path)


def check_free(connection: Connection, place: Place) -> None:
    """Refuse a place where no file can be written.

    Raises:
        PermissionDenied: It belongs to a registered version.
        InvalidInput: It is a folder, or lies below a file.
    """
    if place.tree is not None or place.path.split("/")[0] == paths.VERSIONS:
        raise PermissionDenied(f"'{place.path}' can't be changed.", why="the files of registered versions never change")
    if not place.name:
        raise InvalidInput(f"Invalid path '{place.path}'.", why="it names a folder, not a file")
    other = files.taken(connection, place.name if place.run_id else place.path, run_id=place.run_id)
    if other is not None:
        raise InvalidInput(f"Invalid path '{place.path}'.", why=f"'{other}' is there, and a name is a file or a folder")


def prepare(store: ArtifactStore, place: Place, blob: Blob) -> Blob:
    """Return what the ledger is going to name: for a run, a file is kept with its name."""
    if place.run_id is None:
        return blob
    name = place.name.rsplit("/", 1)[-1]
    manifest = trees.Manifest(files=[trees.Entry(path=name, digest=blob.digest, size_bytes=blob.size_bytes)])
    return msgspec.structs.replace(store.put(canonical_json(manifest)), size_bytes=blob.size_bytes)


def keep(tx: Transaction, place: Place, kept: Blob) -> None:
    """Name a stored and prepared file at a place; one that is there is replaced.

    Raises:
        InvalidInput: It is a folder, or lies below a file.
    """
    check_free(tx.connection, place)
    artifacts.record(tx, kept.digest, "tree" if place.run_id else "blob", kept.size_bytes)
    if place.run_id is None:
        files.put_file(tx, place.path, kept.digest, kept.size_bytes)
        return
    row = tracked.RunArtifact(
        name=place.name,
        digest=kept.digest,
        codec=_FILE,
        size_bytes=kept.size_bytes,
        step="",
        created_at=tx.now,
    )
    tracked.put_artifacts(tx, place.run_id, [row])


def remove(project: Project, path: str) -> None:
    """Remove the file at a path, or the folder with all below it; a path where nothing is is no error.

    Raises:
        PermissionDenied: It belongs to a registered version.
        InvalidInput: It is everything, or a part of a folder that was logged as a whole.
    """
    if not path:
        raise InvalidInput("Invalid path ''.", why="it names everything")
    with project.ledger.write(project.actor) as tx:
        place = locate(tx.connection, path)
        if place.tree is not None:
            raise PermissionDenied(f"'{path}' can't be changed.", why="the files of registered versions never change")
        if place.run_id is None:
            files.delete_files(tx, path)
        elif not files.delete_run_files(tx, place.run_id, place.name) and _is_part(project.store, tx.connection, place):
            raise InvalidInput(
                f"'{path}' can't be removed by itself.", why="it is a part of a folder that was logged as a whole"
            )


def _is_part(store: ArtifactStore, connection: Connection, place: Place) -> bool:
    """Tell whether something is there, which can only be because a folder was logged as a whole."""
    return find(store, connection, place) is not None or bool(listing(store, connection, place))


def _of_run(store: ArtifactStore, connection: Connection, run_id: str, name: str) -> Found | None:
    for row in files.run_files(connection, run_id, [name]):
        return None if row.codec == _FOLDER else _content(store, row)
    for row, rest in _folders_above(connection, run_id, name):
        found = _in_tree(store, row.digest, rest)
        if found is not None:
            return found
    return None


def _content(store: ArtifactStore, row: tracked.RunArtifact) -> Found:
    """Return the file that an artifact of a run appears as."""
    if row.codec != _FILE:
        return Found(row.digest, row.size_bytes)
    entry = trees.read_manifest(store, row.digest).files[0]
    return Found(entry.digest, entry.size_bytes)


def _names_of_run(
    store: ArtifactStore, connection: Connection, run_id: str, folder: str
) -> Iterable[tuple[str, int | None]]:
    skipped = len(folder) + 1 if folder else 0
    for row in files.run_files_below(connection, run_id, folder):
        yield row.name[skipped:], None if row.codec == _FOLDER else row.size_bytes
    for entry in _in_folder(store, connection, run_id, folder):
        yield entry.path, entry.size_bytes


def _in_folder(store: ArtifactStore, connection: Connection, run_id: str, name: str) -> list[trees.Entry]:
    """Return what lies below a name within artifacts that were logged as folders."""
    if not name:
        return []
    return [
        entry
        for row, rest in [
            *((row, "") for row in files.run_files(connection, run_id, [name]) if row.codec == _FOLDER),
            *_folders_above(connection, run_id, name),
        ]
        for entry in _entries(store, row.digest, rest)
    ]


def _folders_above(connection: Connection, run_id: str, name: str) -> list[tuple[tracked.RunArtifact, str]]:
    """Return the artifacts logged as folders that a name lies below, each with the rest of the name."""
    parents = [name[:place] for place, letter in enumerate(name) if letter == "/"]
    rows = files.run_files(connection, run_id, parents) if parents else []
    return [(row, name[len(row.name) + 1 :]) for row in rows if row.codec == _FOLDER]


def _entries(store: ArtifactStore, digest: str, folder: str = "") -> list[trees.Entry]:
    """Return a tree's files below a folder, with their paths from there."""
    entries = trees.read_manifest(store, digest).files
    if not folder:
        return list(entries)
    start = f"{folder}/"
    return [
        msgspec.structs.replace(entry, path=entry.path[len(start) :])
        for entry in entries
        if entry.path.startswith(start)
    ]


def _in_tree(store: ArtifactStore, digest: str, name: str) -> Found | None:
    for entry in trees.read_manifest(store, digest).files:
        if entry.path == name:
            return Found(entry.digest, entry.size_bytes)
    return None


def _children(below: Iterable[tuple[str, int | None]]) -> list[Listed]:
    found: dict[str, Listed] = {}
    for path, size_bytes in below:
        name, _, rest = path.partition("/")
        found[name] = Listed(name) if rest or size_bytes is None else Listed(name, size_bytes)
    return [found[name] for name in sorted(found)]
