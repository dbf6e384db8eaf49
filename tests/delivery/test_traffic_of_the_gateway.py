"""The gateway's traffic passes the port's contract, and repairs what a crash left."""

from __future__ import annotations

import pytest

from mlwright import delivery
from mlwright.adapters.traffic.gateway import GatewayTraffic
from mlwright.core import adapters
from mlwright.delivery import Deployment
from mlwright.errors import NotFound
from mlwright.ledger import delivery as rows
from mlwright.project import Project
from mlwright.testing.traffic import TrafficContract


class TestGatewayTraffic(TrafficContract):
    @pytest.fixture
    def traffic(self, project: Project, flights: str) -> GatewayTraffic:
        return GatewayTraffic(project)


def test_the_gateway_is_a_row_of_the_adapter_table() -> None:
    assert adapters.load("traffic", "gateway") is GatewayTraffic


def test_a_deployment_with_an_unknown_traffic_adapter_is_refused(project: Project) -> None:
    with pytest.raises(NotFound, match="no traffic 'gatway'"), project.ledger.write() as tx:
        delivery.declare(tx, Deployment("flights", model="m", traffic="gatway"))


def test_setting_the_same_arms_again_writes_no_history(project: Project, served: str) -> None:
    traffic = GatewayTraffic(project)
    traffic.set_arms(served, traffic.arms(served))
    with project.ledger.read() as connection:
        assert len(rows.traffic_history(connection, served)) == 1


def test_nothing_is_repaired_where_nothing_differs(project: Project, served: str) -> None:
    assert delivery.reconcile(project) == []
