"""The local journal: what `log_*` writes to before it returns, so that a `kill -9` right after loses nothing.

A journal is a file of frames. A frame is the payload's length and CRC-32 (two little-endian 32-bit numbers) and the
payload, one `Record` as MessagePack. A frame is appended by one `write`. A process that dies in the middle of one
leaves a torn tail, which readers recognise by its length or its CRC and never pass on. A journal has one writing
process (and what it forks), and is never reopened for writing.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from mlwright.errors import Conflict, IntegrityError, InvalidInput, PermissionDenied, StorageFull, StoreUnavailable
from mlwright.tracking import forking
from mlwright.tracking.records import Opened, Record

_log = logging.getLogger("mlwright.tracking")
_FRAME = struct.Struct("<II")
_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
_MAX_FRAME_BYTES = 256 * 1024 * 1024
#: A larger record is refused: a server takes no larger body, and what is that large is an artifact.
MOST_RECORD_BYTES = 16 * 1024 * 1024
#: A journal up to this size is also kept in memory.
_KEPT_BYTES = 16 * 1024
_FIRST_BYTES = 16 * 1024
_READ_BYTES = 1024 * 1024
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


class Frame(NamedTuple):
    """A record and where it stands in its journal.

    Attributes:
        position: Offset of its first byte.
        end: Offset after its last byte.
        record: The record.
    """

    position: int
    end: int
    record: Record


class Received(NamedTuple):
    """A part of a journal that is somewhere else, as its client sent it.

    Attributes:
        data: Whole frames.
        offset: Where they stand in the journal.
    """

    data: bytes
    offset: int


#: A journal on this machine, or the part of one that was sent.
Source = Path | Received


class Journal:
    """A journal open for writing. Safe to share between threads.

    Args:
        path: A file that doesn't exist yet; its folder is made.
        opened: The first record.
    """

    def __init__(self, path: Path, opened: Opened) -> None:
        self.path = path
        self.opened = opened
        self._lock = threading.Lock()
        self._forked = False
        self._recent: list[bytes] = []
        self._recent_bytes = 0
        forking.watch(self)
        with _faults(path):
            try:
                self._file = os.open(path, _NEW, 0o600)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(path, _NEW, 0o600)
        self.append(opened)

    def append(self, record: Record) -> None:
        """Write one record; when this returns, the record survives the death of the process.

        Raises:
            StorageFull: The disk is full; nothing of the record was kept.
            InvalidInput: The record is too large, or holds what can't be written.
            Conflict: The run ended, and this is a process that was forked from it.
        """
        frame = frame_of(record)
        with self._lock, _faults(self.path):
            if self._forked and os.fstat(self._file).st_nlink == 0:
                raise _ended_elsewhere()
            written = 0
            try:
                while written < len(frame):
                    written += os.write(self._file, frame[written:])
            except OSError:
                if written:
                    os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise
            self._recent_bytes += len(frame)
            if self._recent_bytes <= _KEPT_BYTES:
                self._recent.append(frame)
            else:
                self._recent.clear()

    def whole(self) -> Source:
        """Return all of the journal: what was written to it, as long as that is little, which needs no reading."""
        with self._lock:
            if self._recent and self.path.stat().st_size == self._recent_bytes:
                return Received(b"".join(self._recent), 0)
        # It is long, or a process that was forked has written to it too.
        return self.path

    def renew_after_fork(self) -> None:
        """Forget who held the lock in the parent process."""
        self._lock = threading.Lock()
        self._forked = True

    def sync(self) -> None:
        """Force everything to the disk, so that it survives a power cut too."""
        with _faults(self.path):
            os.fsync(self._file)

    def restore(self) -> bool:
        """Write the file again if somebody removed it meanwhile; tell whether that was so.

        Raises:
            StorageFull: There is no room for it.
        """
        with self._lock, _faults(self.path):
            return self._restore()

    def close(self) -> None:
        """Close the file; what was written stays."""
        with self._lock, _faults(self.path):
            if self._file >= 0:
                self._restore()
                os.close(self._file)
                self._file = -1

    def _restore(self) -> bool:
        if self._file < 0 or self._forked or os.fstat(self._file).st_nlink > 0:
            return False
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".again")
        draft.unlink(missing_ok=True)
        file = os.open(draft, _NEW, 0o600)
        try:
            place = 0
            while chunk := os.pread(self._file, _READ_BYTES, place):
                place += os.write(file, chunk)
            draft.rename(self.path)
        except OSError:
            os.close(file)
            draft.unlink(missing_ok=True)
            raise
        os.close(self._file)
        self._file = file
        _log.warning("the journal %s was removed while it was written to; it is there again, whole", self.path)
        return True


def read(path: Source, *, start: int = 0) -> Iterator[Frame]:
    """Yield the whole records of a journal from an offset on; a torn tail ends it.

    Args:
        path: The journal, which may still be written to; or the part of one that was sent.
        start: Offset of a frame's first byte.
    """
    with _open(path, start) as file:
        buffer, base = b"", start
        # Most journals are short, and room for a long one costs more than reading a short one.
        size_bytes = _FIRST_BYTES
        while True:
            chunk = file.read(size_bytes)
            size_bytes = _READ_BYTES
            buffer += chunk
            place = 0
            while len(buffer) - place >= _FRAME.size:
                size, crc = _FRAME.unpack_from(buffer, place)
                end = place + _FRAME.size + size
                if size > _MAX_FRAME_BYTES:
                    return
                if end > len(buffer):
                    break
                payload = buffer[place + _FRAME.size : end]
                if zlib.crc32(payload) != crc:
                    return
                yield Frame(base + place, base + end, _decode(payload, path))
                place = end
            buffer, base = buffer[place:], base + place
            if not chunk:
                return


def header(path: Path) -> Opened | None:
    """Return a journal's first record, None when its writer died before it was whole."""
    for frame in read(path):
        return frame.record if isinstance(frame.record, Opened) else None
    return None


def frame_of(record: Record) -> bytes:
    """Return a record as it stands in a journal.

    Raises:
        InvalidInput: It is too large, or holds what can't be written.
    """
    payload = _payload(record)
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def is_damaged(path: Path, end: int) -> bool:
    """Tell whether what follows the last readable record is more than a write that a kill cut short."""
    with path.open("rb") as file:
        file.seek(end)
        head = file.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return False
    size, _ = _FRAME.unpack(head)
    return bool(end + _FRAME.size + size <= path.stat().st_size or size > _MAX_FRAME_BYTES)


def _open(source: Source, start: int) -> io.BytesIO | io.FileIO:
    if isinstance(source, Received):
        return io.BytesIO(source.data[max(start - source.offset, 0) :])
    file = source.open("rb", buffering=0)
    if start:
        file.seek(start)
    return file


def _payload(record: Record) -> bytes:
    try:
        payload = _encoder.encode(record)
    except (UnicodeEncodeError, OverflowError) as error:
        raise InvalidInput(
            "a value that was logged can't be written.",
            why=str(error),
            fix="log texts that are valid Unicode, and whole numbers of at most 64 bits",
        ) from error
    if len(payload) > MOST_RECORD_BYTES:
        raise InvalidInput(
            f"what was logged is {len(payload)} bytes large; one call takes at most {MOST_RECORD_BYTES}.",
            fix="log it as an artifact: log_dict or log_artifact",
        )
    return payload


def _ended_elsewhere() -> Conflict:
    return Conflict(
        "the run has ended and can't be logged to from this process, which was forked from it.",
        fix="wait for such processes before the run's block ends",
    )


def _decode(payload: bytes, path: Source) -> Record:
    try:
        record: Record = _decoder.decode(payload)
        return record
    except msgspec.MsgspecError as error:
        raise IntegrityError(
            f"the journal {'sent' if isinstance(path, Received) else path} holds a record that can't be read.",
            why=str(error),
            fix="it was written by another version: ship it with that version",
        ) from error


class _faults:
    """Turns the file system's errors into mlwright's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"the journal {self._path} has no room to grow.",
                why=os.strerror(error.errno),
                fix="free some space; what was logged before is safe",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise PermissionDenied(
                f"the journal {self._path} can't be written.",
                why=os.strerror(error.errno),
                fix="set MLWRIGHT_HOME to a folder of yours",
            ) from error
        raise StoreUnavailable(f"the journal {self._path} can't be written.", why=str(error)) from error
