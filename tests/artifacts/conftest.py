from __future__ import annotations

from pathlib import Path

import pytest

from mlwright.adapters.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "artifacts", durability="normal")


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """One store for all examples of a hypothesis test."""
    return LocalStore(tmp_path_factory.mktemp("shared"), durability="normal")
