from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from mlwright.adapters.store import local
from mlwright.adapters.store.local import LocalStore
from mlwright.artifacts.port import ArtifactStore
from mlwright.artifacts.store import open_store
from mlwright.errors import IntegrityError, InvalidUsage, PermissionDenied, StorageFull
from mlwright.testing.executors import wait_until
from mlwright.testing.stores import StoreContract

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount a file system or to become another user")
not_root = pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")


def file_of(store: LocalStore, digest: str) -> Path:
    return store.root / "sha256" / digest[7:9] / digest[7:]


def flip(file: Path) -> None:
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    with open(file, "r+b") as opened:
        opened.write(content)
    file.chmod(0o444)


class TestLocalStore(StoreContract):
    @pytest.fixture
    def open_again(self, tmp_path: Path) -> Callable[[], ArtifactStore]:
        return lambda: LocalStore(tmp_path / "store")

    @pytest.fixture
    def damage(self, tmp_path: Path) -> Callable[[str], None]:
        return lambda digest: flip(file_of(LocalStore(tmp_path / "store"), digest))


def test_a_contract_test_cannot_be_overridden() -> None:
    with pytest.raises(TypeError, match="test_it_says_where_it_is"):
        type("Cheat", (StoreContract,), {"test_it_says_where_it_is": lambda self: None})


def test_a_blob_lies_under_the_first_two_digits_of_its_digest(store: LocalStore) -> None:
    digest = store.put(b"content").digest
    assert file_of(store, digest).read_bytes() == b"content"


def test_opening_a_store_makes_no_folder(tmp_path: Path) -> None:
    open_store(str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    assert open_store(f"file://{tmp_path}/x").describe() == f"{tmp_path}/x"


def test_a_location_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidUsage, match="ftp"):
        open_store("ftp://host/artifacts")


def test_a_blob_is_hashed_once_while_its_file_stays_as_it_was(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = store.put(b"content").digest
    reader = LocalStore(store.root)
    reader.read(digest)
    monkeypatch.setattr(local.hashlib, "sha256", lambda *_: pytest.fail("hashed again"))
    assert reader.read(digest) == b"content"


def test_a_file_that_was_touched_is_hashed_again(store: LocalStore) -> None:
    digest = store.put(b"content").digest
    file = file_of(store, digest)
    flip(file)
    with pytest.raises(IntegrityError, match=str(file)):
        store.read(digest)


def test_full_durability_flushes_the_file_and_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(local.os, "fsync", flushed.append)
    LocalStore(tmp_path / "fast", durability="normal").put(b"content")
    assert flushed == []
    LocalStore(tmp_path / "safe", durability="full").put(b"content")
    assert len(flushed) >= 2


def test_left_overs_of_dead_writers_are_swept_and_those_of_living_ones_stay(store: LocalStore) -> None:
    store.put(b"content")
    dead = store.root / "tmp" / "dead"
    dead.write_bytes(b"half")
    seen: list[list[str]] = []

    def write(target: BinaryIO) -> None:
        target.write(b"being written")
        LocalStore(store.root)
        seen.append(os.listdir(store.root / "tmp"))

    blob = store.put(write)
    assert len(seen[0]) == 1
    assert "dead" not in seen[0]
    assert store.read(blob.digest) == b"being written"
    assert os.listdir(store.root / "tmp") == []


_WRITER = """
import sys, time
from pathlib import Path
from mlwright.adapters.store.local import LocalStore

def write(target):
    target.write(b"x" * 1_000_000)
    target.flush()
    Path(sys.argv[2]).touch()
    time.sleep(600)

LocalStore(sys.argv[1]).put(write)
"""


def test_a_writer_that_is_killed_leaves_nothing_visible(store: LocalStore, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(store.root), str(ready)])
    wait_until(ready.exists, "the start of the writing")
    assert len(os.listdir(store.root / "tmp")) == 1
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert list(LocalStore(store.root).list()) == []
    assert os.listdir(store.root / "tmp") == []


_BUSY_WRITER = """
import sys, hashlib
from mlwright.adapters.store.local import LocalStore

store = LocalStore(sys.argv[1], durability="normal")
print("ready", flush=True)
for number in range(10**9):
    print(store.put(b"%d " % number * 5_000).digest, flush=True)
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03, 0.07, 0.15])
def test_whatever_a_killed_process_had_put_is_there_and_whole(store: LocalStore, delay_s: float) -> None:
    command = [sys.executable, "-c", _BUSY_WRITER, str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(delay_s)
        writer.kill()
        acknowledged = writer.stdout.read().decode().splitlines(keepends=True)
    reader = LocalStore(store.root)
    for line in acknowledged:
        if line.endswith("\n"):
            reader.read(line.strip())
    for blob in reader.list():
        assert len(reader.read(blob.digest)) == blob.size_bytes
    assert not (store.root / "tmp").exists() or os.listdir(store.root / "tmp") == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@needs_root
def test_a_full_disk_is_named_and_keeps_nothing_half_written(small_disk: Path, tmp_path: Path) -> None:
    store = LocalStore(small_disk / "store")
    kept = store.put(b"k" * 100_000)
    large = tmp_path / "large"
    large.write_bytes(b"l" * 3_000_000)
    for source in (b"l" * 3_000_000, large, lambda target: [target.write(b"l" * 100_000) for _ in range(30)]):
        with pytest.raises(StorageFull, match=str(small_disk)) as caught:
            store.put(source)
        assert isinstance(caught.value, OSError)
    assert [blob.digest for blob in store.list()] == [kept.digest]
    assert os.listdir(store.root / "tmp") == []
    store.put(b"s" * 100_000)


_LIMITED = """
import resource, sys
from mlwright.adapters.store.local import LocalStore
from mlwright.errors import StorageFull

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = LocalStore(sys.argv[1])
try:
    store.put(b"x" * 1_000_000)
except StorageFull as error:
    print(error)
"""


def test_a_limit_on_file_sizes_is_named_like_a_full_disk(store: LocalStore) -> None:
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(store.root)], capture_output=True, text=True, check=True)
    assert "is full" in done.stdout
    assert list(store.list()) == []


def test_an_error_of_the_device_is_named(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(local.os, "rename", fail)
    with pytest.raises(Exception, match="Input/output error") as caught:
        store.put(b"content")
    assert caught.value.code == "store-unavailable"
    assert list(store.list()) == []


_AS_NOBODY = """
import os, sys
from mlwright.adapters.store.local import LocalStore
from mlwright.errors import MlwrightError

store = LocalStore(sys.argv[1])
os.setgid(65534)
os.setuid(65534)
for act in (lambda: store.put(b"new"), lambda: store.delete(sys.argv[2]), lambda: store.read(sys.argv[2])):
    try:
        print(act())
    except MlwrightError as error:
        print(error.code)
"""


@needs_root
def test_another_user_may_read_and_is_told_why_it_may_not_write(tmp_path: Path) -> None:
    # The folder of the test itself is closed to others.
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        digest = LocalStore(folder / "store").put(b"content").digest
        command = [sys.executable, "-c", _AS_NOBODY, str(folder / "store"), digest]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        shutil.rmtree(folder)
    assert done.stdout.split("\n")[:3] == ["permission-denied", "permission-denied", "b'content'"]


@not_root
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionDenied, match=str(tmp_path)):
            LocalStore(tmp_path / "store").put(b"content")
    finally:
        tmp_path.chmod(0o755)
