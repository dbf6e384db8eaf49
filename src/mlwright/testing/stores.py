"""What every artifact store must do.

class TestBucketStore(StoreContract):
    @pytest.fixture
    def open_again(self): ...      # a function that opens the same, at first empty, place once more

    @pytest.fixture
    def damage(self): ...          # a function that flips a byte of a stored blob, given its digest
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mlwright.artifacts.port import ArtifactStore
from mlwright.errors import IntegrityError, InvalidInput, InvalidUsage, NotFound
from mlwright.testing import refuse_overrides

_ABSENT = "sha256:" + "0" * 64
_FAR_AHEAD = timedelta(days=1)


class StoreContract:
    """Tests of an `ArtifactStore`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_overrides(StoreContract, cls)

    @pytest.fixture
    def open_again(self) -> Callable[[], ArtifactStore]:
        """A function that opens the place under test, as another process would."""
        raise NotImplementedError

    @pytest.fixture
    def damage(self) -> Callable[[str], None]:
        """A function that flips one byte of a stored blob."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, open_again: Callable[[], ArtifactStore]) -> ArtifactStore:
        """The store under test, empty."""
        return open_again()

    @pytest.mark.parametrize("content", [b"", b"a", bytes(range(256)) * 20_000], ids=["empty", "short", "5 MB"])
    def test_what_was_put_is_read_back_under_the_digest_of_its_bytes(
        self, store: ArtifactStore, content: bytes
    ) -> None:
        """Content addressing."""
        blob = store.put(content)
        assert blob.digest == "sha256:" + hashlib.sha256(content).hexdigest()
        assert blob.size_bytes == len(content)
        assert store.read(blob.digest) == content
        assert store.path(blob.digest).read_bytes() == content
        assert store.has(blob.digest)

    def test_bytes_a_file_and_a_writer_give_the_same_blob_stored_once(
        self, store: ArtifactStore, tmp_path: Path
    ) -> None:
        """Deduplication."""
        file = tmp_path / "source"
        file.write_bytes(b"some content")

        def write(target: BinaryIO) -> None:
            target.write(b"some ")
            target.write(b"content")

        digests = {store.put(source).digest for source in (b"some content", file, write)}
        assert len(digests) == 1
        assert [blob.digest for blob in store.list()] == list(digests)

    def test_another_process_reads_what_was_put(
        self, store: ArtifactStore, open_again: Callable[[], ArtifactStore]
    ) -> None:
        """Durability."""
        digest = store.put(b"shared").digest
        assert open_again().read(digest) == b"shared"

    def test_a_file_that_is_handed_out_is_read_only(self, store: ArtifactStore) -> None:
        """Immutability."""
        assert store.path(store.put(b"content").digest).stat().st_mode & 0o222 == 0

    def test_a_missing_blob_is_not_found_and_its_digest_is_named(self, store: ArtifactStore) -> None:
        """Missing."""
        for act in (store.read, store.path):
            with pytest.raises(NotFound, match=_ABSENT):
                act(_ABSENT)
        assert not store.has(_ABSENT)
        assert not store.delete(_ABSENT)

    @pytest.mark.parametrize("text", ["", "sha256:", "../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "0" * 32])
    def test_a_text_that_is_no_digest_is_refused(self, store: ArtifactStore, text: str) -> None:
        """No way out of the store."""
        for act in (store.read, store.path, store.has, store.delete):
            with pytest.raises(InvalidInput):
                act(text)

    def test_a_flipped_byte_is_found_and_the_digest_named(
        self, store: ArtifactStore, open_again: Callable[[], ArtifactStore], damage: Callable[[str], None]
    ) -> None:
        """Integrity, for this process and for others."""
        digest = store.put(b"precious").digest
        assert store.read(digest) == b"precious"
        damage(digest)
        for reader in (store, open_again()):
            for act in (reader.read, reader.path):
                with pytest.raises(IntegrityError, match=digest):
                    act(digest)

    def test_putting_damaged_content_again_mends_it(
        self, open_again: Callable[[], ArtifactStore], damage: Callable[[str], None], tmp_path: Path
    ) -> None:
        """Repair."""
        file = tmp_path / "source"
        file.write_bytes(b"precious")
        for source in (b"precious", file):
            digest = open_again().put(source).digest
            damage(digest)
            mended = open_again()
            assert mended.put(source).digest == digest
            assert mended.read(digest) == b"precious"

    def test_a_writer_that_fails_leaves_nothing(self, store: ArtifactStore) -> None:
        """Atomicity."""

        def write(target: BinaryIO) -> None:
            target.write(b"half")
            raise RuntimeError("stop")

        with pytest.raises(RuntimeError, match="stop"):
            store.put(write)
        assert list(store.list()) == []

    def test_a_source_that_is_missing_or_a_folder_is_named(self, store: ArtifactStore, tmp_path: Path) -> None:
        """Bad sources."""
        with pytest.raises(NotFound, match="missing"):
            store.put(tmp_path / "missing")
        with pytest.raises(InvalidUsage, match="folder"):
            store.put(tmp_path)
        assert list(store.list()) == []

    def test_a_deleted_blob_is_gone_and_the_others_stay(self, store: ArtifactStore) -> None:
        """Deleting."""
        first, second = store.put(b"first"), store.put(b"second")
        assert store.delete(first.digest)
        assert not store.delete(first.digest)
        assert not store.has(first.digest)
        with pytest.raises(NotFound):
            store.read(first.digest)
        assert [blob.digest for blob in store.list()] == [second.digest]

    def test_a_blob_put_since_a_moment_is_not_deleted_with_the_older_ones(self, store: ArtifactStore) -> None:
        """The collector's condition."""
        blob = store.put(b"content")
        assert not store.delete(blob.digest, before=blob.stored_at)
        assert store.has(blob.digest)
        assert store.delete(blob.digest, before=datetime.now(UTC) + _FAR_AHEAD)

    def test_putting_again_renews_the_time(self, store: ArtifactStore) -> None:
        """What is in use again is not collected as old."""
        first = store.put(b"content")
        second = store.put(b"content")
        assert second.stored_at > first.stored_at
        assert not store.delete(first.digest, before=second.stored_at)

    def test_the_listing_tells_digest_and_size_of_each_blob(self, store: ArtifactStore) -> None:
        """Listing."""
        put = {store.put(bytes(size)).digest: size for size in (0, 1, 10_000)}
        assert {blob.digest: blob.size_bytes for blob in store.list()} == put

    def test_many_threads_may_put_and_read_the_same(self, store: ArtifactStore) -> None:
        """Concurrency."""

        def work(number: int) -> bytes:
            return store.read(store.put(b"content %d" % (number % 5)).digest)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(work, range(80)))
        assert found == [b"content %d" % (number % 5) for number in range(80)]
        assert len(list(store.list())) == 5

    def test_the_scratch_folder_can_be_written(self, store: ArtifactStore) -> None:
        """Scratch."""
        (store.scratch() / "probe").write_bytes(b"x")
        assert list(store.list()) == []

    def test_it_says_where_it_is(self, store: ArtifactStore) -> None:
        """Describing."""
        assert store.describe()
