"""The small loop, played once for all tests of a session, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_loop import SmallLoop

from mlwright.core.settings import PROJECT_FILE
from mlwright.reports import LoopReport, collect


def new_loop(folder: Path) -> SmallLoop:
    """Return a loop in a folder that is a project of its own."""
    folder.mkdir(exist_ok=True)
    (folder / PROJECT_FILE).write_text("")
    return SmallLoop(folder)


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallLoop]:
    """The loop after its sixty days; tests only look at it."""
    loop = new_loop(tmp_path_factory.mktemp("loop"))
    loop.run()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def report(played: SmallLoop) -> LoopReport:
    """What the played loop's report says."""
    return collect(played.project, "delays", outcome="late")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[SmallLoop]:
    """A loop in which nothing has happened but that the system was applied."""
    loop = new_loop(tmp_path / "fresh")
    yield loop
    loop.close()
