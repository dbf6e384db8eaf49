"""Folders as artifacts: a manifest that names each file's content, so that equal files of two folders are stored once.

The manifest is JSON: `{"files": [{"digest", "executable", "path", "size_bytes"}, ...], "folders": [], "format": ...}`,
sorted by path, with `/` between the parts. Only empty folders are listed. Times and owners are not kept.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import msgspec

from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.core.digest import canonical_json, digest_bytes, is_digest
from mlwright.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, StorageFull, StoreUnavailable

FORMAT = "mlwright-tree/1"
_WORKERS = 4


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a tree."""

    path: str
    digest: str
    size_bytes: int
    executable: bool = False


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a tree holds."""

    files: list[Entry]
    folders: list[str] = []
    format: str = FORMAT

    @property
    def size_bytes(self) -> int:
        """Size of all files."""
        return sum(entry.size_bytes for entry in self.files)


def put_tree(store: ArtifactStore, folder: Path) -> Blob:
    """Store all files of a folder.

    A link to a file is stored as that file.

    Returns:
        The manifest's digest, and the size of all files.

    Raises:
        NotFound: The folder doesn't exist.
        InvalidInput: It holds a link to a folder, a socket or the like, or a name that is no text.
    """
    if not folder.is_dir():
        raise NotFound(f"the folder {folder} does not exist.", fix=f"the working directory is {Path.cwd()}")
    files, empty = _walk(folder)
    return _put(store, files, empty)


def put_file(store: ArtifactStore, file: Path) -> Blob:
    """Store one file with its name, as a tree that holds nothing else."""
    return _put(store, {_checked_name(file.name, file): file}, [])


def read_manifest(store: ArtifactStore, digest: str) -> Manifest:
    """Return a tree's manifest, its paths checked.

    Raises:
        InvalidInput: The blob is no tree, or a path would leave the folder.
    """
    try:
        manifest = msgspec.json.decode(store.read(digest), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the artifact {digest} is no folder.", why=str(error)) from error
    if manifest.format != FORMAT:
        raise InvalidInput(
            f"the folder {digest} has the format {manifest.format}; this mlwright knows {FORMAT}.",
            fix="pip install --upgrade mlwright",
        )
    paths = [entry.path for entry in manifest.files] + manifest.folders
    for path in paths:
        _check_inside(path, digest)
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    doubled = len(set(paths)) != len(paths) or any(entry.path in folders for entry in manifest.files)
    if doubled or not all(is_digest(entry.digest) for entry in manifest.files):
        raise InvalidInput(f"the folder {digest} lists a path twice, or a file by no digest.")
    return manifest


def materialize(store: ArtifactStore, digest: str, destination: Path) -> Path:
    """Write a tree's files into a folder of the caller's, who may change them.

    The folder appears whole or not at all.

    Args:
        store: Where the tree is.
        digest: The tree.
        destination: A folder that doesn't exist yet, or is empty.

    Raises:
        AlreadyExists: There is something at the destination.
        IntegrityError: A file is damaged; it is named.
    """
    manifest = read_manifest(store, digest)
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise AlreadyExists(f"there is something at {destination} already.", fix="name a folder that doesn't exist yet")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
        try:
            for entry in manifest.files:
                target = _target(building, entry.path)
                shutil.copyfile(store.path(entry.digest), target)
                target.chmod(0o755 if entry.executable else 0o644)
            _finish(building, manifest)
            building.rename(destination)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        raise _named(error, destination) from error
    return destination


def view(store: ArtifactStore, digest: str) -> Path:
    """Return a read-only folder with a tree's files, kept in the store's scratch folder and shared by all who read it.

    Every file is compared with the verified content each time, so what somebody changed in the folder is put right.

    Raises:
        IntegrityError: A file's stored content is damaged; it is named.
    """
    manifest = read_manifest(store, digest)
    blobs = {entry.path: store.path(entry.digest) for entry in manifest.files}
    folder = store.scratch() / "views" / digest[7:]
    try:
        if _is_sound(folder, manifest, blobs):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix="building-", dir=folder.parent))
        try:
            for entry in manifest.files:
                _link(blobs[entry.path], _target(building, entry.path), executable=entry.executable)
            _finish(building, manifest)
            _swap(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        raise _named(error, folder) from error
    return folder


def _put(store: ArtifactStore, files: dict[str, Path], empty: list[str]) -> Blob:
    def put(item: tuple[str, Path]) -> Entry:
        path, file = item
        executable = bool(file.stat().st_mode & stat.S_IXUSR)
        blob = store.put(file)
        return Entry(path=path, digest=blob.digest, size_bytes=blob.size_bytes, executable=executable)

    ordered = sorted(files.items())
    if len(ordered) > 1:
        # Hashing and writing leave the interpreter's lock, so threads are enough.
        with ThreadPoolExecutor(_WORKERS) as pool:
            entries = list(pool.map(put, ordered))
    else:
        entries = [put(item) for item in ordered]
    manifest = Manifest(files=entries, folders=sorted(empty))
    blob = store.put(canonical_json(manifest))
    return Blob(blob.digest, manifest.size_bytes, blob.stored_at)


def _walk(root: Path) -> tuple[dict[str, Path], list[str]]:
    files: dict[str, Path] = {}
    empty: list[str] = []
    for folder, folders, names in os.walk(root, onerror=_refuse):
        here = Path(folder)
        for name in (*folders, *names):
            _checked_name(name, here / name)
        for name in folders:
            if (here / name).is_symlink():
                raise InvalidInput(f"{here / name} is a link to a folder.", fix="copy the folder to that place")
        for name in names:
            file = here / name
            if not file.is_file():
                raise InvalidInput(f"{file} is no file: it is a broken link, a socket or a device.", fix="remove it")
            files[file.relative_to(root).as_posix()] = file
        if not folders and not names and here != root:
            empty.append(here.relative_to(root).as_posix())
    return files, empty


def _refuse(error: OSError) -> None:
    raise PermissionDenied(f"{error.filename} can't be read.", why=str(error.strerror)) from error


def _checked_name(name: str, path: Path) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"the name of {str(path)!r} is no text.", fix="rename it") from None
    return name


def _check_inside(path: str, digest: str) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise InvalidInput(
            f"the folder {digest} holds the path '{path}', which could lead out of it.", why="it was tampered with"
        )


def _target(root: Path, path: str) -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _finish(building: Path, manifest: Manifest) -> None:
    for folder in manifest.folders:
        (building / folder).mkdir(parents=True, exist_ok=True)
    building.chmod(0o755)


def _link(blob: Path, target: Path, *, executable: bool) -> None:
    """Give a blob a second name; copy it where its mode has to differ or the file system knows no links."""
    if not executable:
        try:
            target.hardlink_to(blob)
            return
        except OSError:
            pass
    shutil.copyfile(blob, target)
    target.chmod(0o555 if executable else 0o444)


def _is_sound(folder: Path, manifest: Manifest, blobs: dict[str, Path]) -> bool:
    if not folder.is_dir():
        return False
    files, empty = _walk(folder)
    if set(files) != set(blobs) or sorted(empty) != sorted(manifest.folders):
        return False
    digests = {entry.path: entry.digest for entry in manifest.files}
    return all(
        file.samefile(blobs[path]) or digest_bytes(file.read_bytes()) == digests[path] for path, file in files.items()
    )


def _swap(building: Path, folder: Path) -> None:
    """Put a finished view in its place; when another process was faster, its view is as good."""
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix="old-", dir=folder.parent))
        try:
            os.rename(folder, old)
        finally:
            shutil.rmtree(old, ignore_errors=True)
    try:
        os.rename(building, folder)
    except OSError:
        if not folder.is_dir():
            raise


def _named(error: OSError, path: Path) -> Exception:
    import errno

    cause = f"{error.strerror or error} ({error.filename or path})"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"there is no room for {path}.", why=cause, fix="free some space and try again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDenied(f"{path} can't be written.", why=cause, fix="check the folder's owner and mode")
    return StoreUnavailable(f"{path} can't be written.", why=cause)
