"""A project on each database, on a clock that tests move, with a model of three versions and a deployment of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from replaying import RULES
from worlds import START

from mlwright import delivery
from mlwright.artifacts.store import open_store
from mlwright.core.clock import ReplayClock
from mlwright.core.settings import resolve
from mlwright.delivery import Deployment
from mlwright.ledger import Ledger, registry
from mlwright.project import Project
from version_rows import version_row


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


@pytest.fixture
def project(project_folder: Path, ledger_url: str, clock: ReplayClock) -> Iterator[Project]:
    settings = resolve(project_folder, ledger=ledger_url)
    with Ledger(ledger_url, clock=clock, durability="normal") as ledger:
        yield Project(settings, ledger, open_store(settings.artifacts))


@pytest.fixture
def flights(project: Project) -> str:
    """A declared deployment that nothing answers yet."""
    with project.ledger.write("user:test") as tx:
        registry.claim_model(tx, "flight-delay")
        for version in (1, 2, 3):
            registry.add_version(tx, version_row(tx, "flight-delay", version))
        delivery.declare(tx, Deployment("flights", model="flight-delay", route_by="flight", rollout=RULES))
    return "flights"


@pytest.fixture
def served(project: Project, flights: str) -> str:
    """The same with version 1 serving."""
    delivery.start(project, flights, 1)
    return flights
