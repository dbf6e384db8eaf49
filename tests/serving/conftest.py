"""A project with a registered model, and deployments of it whose traffic the tests set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from messages import COLUMNS, START

from mlwright import registry
from mlwright.core.clock import ReplayClock
from mlwright.ledger import delivery
from mlwright.ledger.delivery import Arm
from mlwright.project import Project
from mlwright.registry import Column
from mlwright.serving import Gateway
from slope_models import Slope


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


@pytest.fixture
def project(project_folder: Path, clock: ReplayClock) -> Iterator[Project]:
    with Project.open(project_folder, clock=clock) as opened:
        yield opened


@pytest.fixture
def register(project: Project) -> Callable[..., registry.ModelVersion]:
    """Register the next version of `churn`: a `Slope` with some options."""

    def add(columns: list[Column] | None = None, name: str = "churn", **options: Any) -> registry.ModelVersion:
        return registry.register_model(
            name, Slope(**options), project=project, columns=columns or COLUMNS, output="probability"
        )

    return add


@pytest.fixture
def send_to(project: Project) -> Callable[..., None]:
    """Set the traffic of the deployment `live`: name of the arm to (version, weight)."""

    def send(rollout_id: str | None = None, name: str = "live", **arms: tuple[int, float]) -> None:
        with project.ledger.write("user:test") as tx:
            delivery.put_deployment(tx, name, "churn", {"route_by": "unit"})
            rows = [Arm(arm=arm, version=version, weight=weight) for arm, (version, weight) in arms.items()]
            delivery.set_traffic(tx, name, rows, reason="test", rollout_id=rollout_id)

    return send


@pytest.fixture
def gateway(project: Project) -> Iterator[Gateway]:
    opened = Gateway(project, refresh_s=0.0)
    yield opened
    opened.close()
