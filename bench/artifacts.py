"""The artifact store: putting and reading, beside plain files made equally durable and equally verified."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness import Case
from mlwright.artifacts.store import open_store

_SMALL = 4 * 1024
_LARGE = 32 * 1024 * 1024


def _fresh(size: int) -> Callable[[], bytes]:
    """Return a maker of contents that are all different; only the first bytes differ, so making them costs little."""
    rest, number = os.urandom(size - 16), 0

    def make() -> bytes:
        nonlocal number
        number += 1
        return number.to_bytes(16, "big") + rest

    return make


def _write_durably(folder: Path, data: bytes) -> None:
    """Write one file so that it survives a power cut: temporary name, fsync, rename, fsync of the folder."""
    digest = hashlib.sha256(data).hexdigest()
    temporary = folder / f".{digest}"
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / digest)
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


@contextmanager
def _put(folder: Path, size: int, count: int, name: str) -> Iterator[Case]:
    store, plain = open_store(str(folder / "store")), folder / "plain"
    plain.mkdir()
    ours_make, floor_make = _fresh(size), _fresh(size)

    def ours(operations: int) -> None:
        for _ in range(operations):
            blob = store.put(ours_make())
            if size == _LARGE:
                store.delete(blob.digest)

    def floor(operations: int) -> None:
        for _ in range(operations):
            _write_durably(plain, floor_make())
            if size == _LARGE:
                next(plain.iterdir()).unlink()

    yield Case(f"artifacts: put {name}", "sha256, write, fsync, rename", count, ours, floor)


@contextmanager
def _read(folder: Path, size: int, count: int, name: str) -> Iterator[Case]:
    location, plain = str(folder / "store"), folder / "plain"
    data = os.urandom(size)
    digest = open_store(location).put(data).digest
    plain.write_bytes(data)

    def ours(operations: int) -> None:
        for _ in range(operations):
            # A store that is already open knows what it has verified; here each read is the first one.
            open_store(location).read(digest)

    def floor(operations: int) -> None:
        for _ in range(operations):
            hashlib.sha256(plain.read_bytes()).digest()

    yield Case(f"artifacts: read {name}", "read and sha256", count, ours, floor)


@contextmanager
def put_small(folder: Path) -> Iterator[Case]:
    """Put 4 KiB."""
    with _put(folder, _SMALL, 50, "4 KiB") as case:
        yield case


@contextmanager
def put_large(folder: Path) -> Iterator[Case]:
    """Put 32 MiB."""
    with _put(folder, _LARGE, 1, "32 MiB") as case:
        yield case


@contextmanager
def read_small(folder: Path) -> Iterator[Case]:
    """Read 4 KiB, verified."""
    with _read(folder, _SMALL, 500, "4 KiB") as case:
        yield case


@contextmanager
def read_large(folder: Path) -> Iterator[Case]:
    """Read 32 MiB, verified."""
    with _read(folder, _LARGE, 2, "32 MiB") as case:
        yield case
