"""Artifacts in a folder: `sha256/ab/<hex>`, read-only files that are complete from the moment they are visible.

A blob is written to `tmp/`, under a lock on the temporary file, flushed, and renamed into place. A temporary file
whose lock is free belongs to a process that died: it is swept when the store is opened. Putting takes a shared lock and
deleting an exclusive one, so a blob can't be collected in the moment in which it is put again.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

from mlwright.artifacts.port import Blob, Source
from mlwright.core.digest import is_digest
from mlwright.errors import (
    IntegrityError,
    InvalidInput,
    InvalidUsage,
    MlwrightError,
    NotFound,
    PermissionDenied,
    StorageFull,
    StoreUnavailable,
)

_CHUNK = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_Identity = tuple[int, int, int]


class LocalStore:
    """An artifact store in a folder, made when something is first put.

    Args:
        root: The folder.
        durability: `full` flushes each blob to the device before it counts as stored, `normal` leaves that to the
            operating system.
    """

    def __init__(self, root: str | Path, *, durability: str = "full") -> None:
        self.root = Path(root).absolute()
        self._flushes = durability == "full"
        self._verified: dict[str, _Identity] = {}
        self._sweep()

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    def describe(self) -> str:
        """Return the folder."""
        return str(self.root)

    def put(self, source: Source) -> Blob:
        """Store some content; see `ArtifactStore.put`."""
        if isinstance(source, bytes):
            known = self._put_again("sha256:" + hashlib.sha256(source).hexdigest())
            if known is not None:
                return known
        with self._faults("stored"), self._temporary() as (file, temporary):
            writer = _HashingFile(file)
            _pour(source, writer)
            file.flush()
            os.fchmod(file.fileno(), 0o444)
            if self._flushes:
                os.fsync(file.fileno())
            digest = "sha256:" + writer.hash.hexdigest()
            known = self._put_again(digest)
            if known is not None:
                return known
            target = self._file(digest)
            with self._locked(fcntl.LOCK_SH):
                if not target.parent.is_dir():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._flush_folder(target.parent.parent)
                os.rename(temporary, target)
                self._flush_folder(target.parent)
            stat = os.fstat(file.fileno())
            self._verified[digest] = _identity(stat)
            return Blob(digest, stat.st_size, _moment(stat.st_mtime_ns))

    def path(self, digest: str) -> Path:
        """Return the verified file; see `ArtifactStore.path`."""
        file = self._file(digest)
        with self._faults("read", digest):
            if self._verified.get(digest) != _identity(os.stat(file)):
                self._verify(digest, file)
        return file

    def read(self, digest: str) -> bytes:
        """Return the verified content; see `ArtifactStore.read`."""
        file = self.path(digest)
        with self._faults("read", digest):
            return file.read_bytes()

    def has(self, digest: str) -> bool:
        """Tell whether a blob is there."""
        return self._file(digest).is_file()

    def delete(self, digest: str, *, before: datetime | None = None) -> bool:
        """Remove a blob; see `ArtifactStore.delete`."""
        file = self._file(digest)
        if not file.exists():
            return False
        with self._faults("deleted", digest), self._locked(fcntl.LOCK_EX):
            with suppress(FileNotFoundError):
                if before is not None and _moment(os.stat(file).st_mtime_ns) >= before:
                    return False
                file.unlink()
                self._verified.pop(digest, None)
                return True
        return False

    def list(self) -> Iterator[Blob]:
        """Go through all blobs."""
        folder = self.root / "sha256"
        with self._faults("listed"):
            for part in sorted(folder.iterdir()) if folder.is_dir() else ():
                for entry in os.scandir(part):
                    digest = f"sha256:{entry.name}"
                    if is_digest(digest):
                        with suppress(FileNotFoundError):
                            stat = entry.stat()
                            yield Blob(digest, stat.st_size, _moment(stat.st_mtime_ns))

    def scratch(self) -> Path:
        """Return a folder for files derived from blobs."""
        folder = self.root / "scratch"
        with self._faults("written"):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _file(self, digest: str) -> Path:
        if not is_digest(digest):
            raise InvalidInput(
                f"'{digest}' is no digest.", why="a digest is 'sha256:' and 64 hexadecimal digits in lower case"
            )
        name = digest[7:]
        return self.root / "sha256" / name[:2] / name

    def _put_again(self, digest: str) -> Blob | None:
        """Renew the time of a blob that is there and sound, so that it isn't collected; None when it isn't."""
        file = self._file(digest)
        if not file.exists():
            return None
        try:
            self.path(digest)
            with self._faults("stored", digest), self._locked(fcntl.LOCK_SH):
                now_ns = time.time_ns()
                os.utime(file, ns=(now_ns, now_ns))
                stat = os.stat(file)
        except (NotFound, IntegrityError, PermissionDenied):
            # Gone, damaged, or another user's whose time can't be renewed: stored anew, which replaces it.
            return None
        self._verified[digest] = _identity(stat)
        return Blob(digest, stat.st_size, _moment(stat.st_mtime_ns))

    def _verify(self, digest: str, file: Path) -> None:
        hash_ = hashlib.sha256()
        with open(file, "rb") as opened:
            stat = os.fstat(opened.fileno())
            while chunk := opened.read(_CHUNK):
                hash_.update(chunk)
        found = "sha256:" + hash_.hexdigest()
        if found != digest:
            raise IntegrityError(
                f"the artifact {digest} is damaged.",
                why=f"the file {file} now has the digest {found}",
                fix="restore that file from a backup, or delete it and run again the step that made it",
                digest=digest,
                path=str(file),
            )
        self._verified[digest] = _identity(stat)

    @contextmanager
    def _temporary(self) -> Iterator[tuple[BinaryIO, Path]]:
        """Give an open, locked, new file that is gone afterwards unless it was renamed."""
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = folder / secrets.token_hex(12)
            file = open(path, "xb")  # noqa: SIM115 (closed below, after the lock was seen to hold)
            fcntl.flock(file, fcntl.LOCK_EX)
            # A sweeper may have come between the two calls above; then the file has no name any more.
            if os.fstat(file.fileno()).st_nlink:
                break
            file.close()
        try:
            with file:
                yield cast("BinaryIO", file), path
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Remove the temporary files of processes that died; those of living ones are locked."""
        try:
            left_over = list(os.scandir(self.root / "tmp"))
        except OSError:
            return
        for entry in left_over:
            with suppress(OSError):
                with open(entry.path, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(entry.path)

    def _flush_folder(self, folder: Path) -> None:
        if not self._flushes:
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _faults(self, done: str, digest: str = "") -> Iterator[None]:
        """Turn the operating system's errors into mlwright's."""
        try:
            yield
        except MlwrightError:
            raise
        except OSError as error:
            raise self._named(error, done, digest) from error

    def _named(self, error: OSError, done: str, digest: str) -> MlwrightError:
        subject = f"the artifact {digest}" if digest else "the artifact"
        if isinstance(error, FileNotFoundError) and digest:
            return NotFound(
                f"{subject} is not in the store.",
                why=f"there is no such file under {self.root}",
                fix="run again the step that made it, or point MLWRIGHT_ARTIFACTS to the store that has it",
                digest=digest,
            )
        cause = f"{error.strerror or error} ({error.filename or self.root})"
        if error.errno in _FULL:
            return StorageFull(
                f"{subject} can't be {done}: the store {self.root} is full.",
                why=cause,
                fix="free some space (mlwright gc removes what nothing refers to) and try again; nothing was kept",
            )
        if error.errno in _DENIED:
            return PermissionDenied(
                f"{subject} can't be {done}.", why=cause, fix=f"check the owner and mode of {self.root}"
            )
        return StoreUnavailable(f"{subject} can't be {done}.", why=cause, fix=f"check {self.root} and try again")


class _HashingFile:
    """A file for writing that computes the digest of what passes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.closed = False

    def write(self, data: bytes | memoryview) -> int:
        self.hash.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Do nothing: libraries close the files that they are given, and this one is still needed."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _pour(source: Source, target: _HashingFile) -> None:
    if isinstance(source, bytes):
        target.write(source)
    elif isinstance(source, Path):
        with _opened(source) as file:
            while chunk := file.read(_CHUNK):
                target.write(chunk)
    else:
        source(cast("BinaryIO", target))


def _opened(source: Path) -> BinaryIO:
    try:
        return open(source, "rb")
    except FileNotFoundError:
        raise NotFound(
            f"the file {source} does not exist.", fix=f"relative paths start from the working directory, {Path.cwd()}"
        ) from None
    except IsADirectoryError:
        raise InvalidUsage(f"{source} is a folder, not a file.", fix="use mlwright.artifacts.trees.put_tree") from None
    except PermissionError as error:
        raise PermissionDenied(f"the file {source} can't be read.", why=str(error.strerror)) from error


def _identity(stat: os.stat_result) -> _Identity:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
