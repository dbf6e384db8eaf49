"""A filled project and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filled import START, fill
from mlwright.api.client import LocalClient
from mlwright.core.clock import ReplayClock
from mlwright.project import Project


@pytest.fixture
def filled(project_folder: Path) -> Iterator[Project]:
    """A project with one of everything, whose clock stands on 1 April 2013."""
    with Project.open(project_folder, clock=ReplayClock(START)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def local(filled: Project) -> LocalClient:
    """Calls endpoints of the filled project in this process."""
    return LocalClient(filled)
