from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from test_local_store import file_of, flip

from mlwright.adapters.store.local import LocalStore
from mlwright.core.digest import digest_bytes
from mlwright.errors import IntegrityError, NotFound


class StoreMachine(RuleBasedStateMachine):
    """A local store, compared with a dictionary."""

    digests = Bundle("digests")

    @initialize()
    def open(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.store = LocalStore(self.root / "store", durability="normal")
        self.model: dict[str, bytes] = {}
        self.damaged: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "root"):
            shutil.rmtree(self.root)

    @rule(target=digests, content=st.binary(max_size=6))
    def put(self, content: bytes) -> str:
        return self._put(content, content)

    @rule(target=digests, content=st.binary(max_size=6))
    def put_file(self, content: bytes) -> str:
        file = self.root / "source"
        file.write_bytes(content)
        return self._put(file, content)

    def _put(self, source: bytes | Path, content: bytes) -> str:
        digest = self.store.put(source).digest
        assert digest == digest_bytes(content)
        self.model[digest] = content
        self.damaged.discard(digest)
        return digest

    @rule(digest=digests)
    def read(self, digest: str) -> None:
        if digest in self.damaged:
            with pytest.raises(IntegrityError, match=digest):
                self.store.read(digest)
        elif digest in self.model:
            assert self.store.read(digest) == self.model[digest]
        else:
            with pytest.raises(NotFound, match=digest):
                self.store.read(digest)

    @rule(digest=consumes(digests))
    def delete(self, digest: str) -> None:
        assert self.store.delete(digest) == (digest in self.model)
        self.model.pop(digest, None)
        self.damaged.discard(digest)

    @rule(digest=digests)
    def damage(self, digest: str) -> None:
        if self.model.get(digest) and digest not in self.damaged:
            flip(file_of(self.store, digest))
            self.damaged.add(digest)

    @rule()
    def reopen(self) -> None:
        self.store = LocalStore(self.store.root, durability="normal")

    @invariant()
    def lists_what_it_has(self) -> None:
        if hasattr(self, "store"):
            listed = {blob.digest: blob.size_bytes for blob in self.store.list()}
            assert listed == {digest: len(content) for digest, content in self.model.items()}
            assert all(self.store.has(digest) for digest in listed)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
