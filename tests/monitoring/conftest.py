"""A project on each database, on a clock that tests move, with simulated traffic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from replayed import START, Traffic

from mlwright.artifacts.store import open_store
from mlwright.core.clock import ReplayClock
from mlwright.core.settings import resolve
from mlwright.ledger import Ledger
from mlwright.project import Project


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


@pytest.fixture
def project(project_folder: Path, ledger_url: str, clock: ReplayClock) -> Iterator[Project]:
    settings = resolve(project_folder, ledger=ledger_url)
    with Ledger(ledger_url, clock=clock, durability="normal") as ledger:
        yield Project(settings, ledger, open_store(settings.artifacts))


@pytest.fixture
def traffic(project: Project, clock: ReplayClock) -> Traffic:
    return Traffic(project, clock)
