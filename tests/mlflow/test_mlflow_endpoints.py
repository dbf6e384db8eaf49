"""Every endpoint that MLflow describes is served, or said not to be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from mlwright.server.mlflow.route import Table
from mlwright.server.mlflow.routes import all_routes, later


def test_every_endpoint_of_mlflow_is_served_or_said_not_to_be(peer: Path) -> None:
    script = Path(__file__).parent / "scripts" / "endpoints.py"
    printed = subprocess.run([peer, script], capture_output=True, text=True, check=True).stdout
    table = Table(all_routes())
    unknown = []
    for line in printed.splitlines():
        method, version, described = line.split()
        path = re.sub(r"<path:\w+>|\{[\w.]+\}", "x", described)
        if table.find(method, f"/api/{version}.0{path}") is None and later(path) is None:
            unknown.append(line)
    assert printed.count("\n") > 150
    assert unknown == []


def test_no_route_hides_another() -> None:
    known = [(route.method, route.path) for route in all_routes()]
    assert len(known) == len(set(known))


def test_nothing_that_is_served_is_said_not_to_be() -> None:
    assert [route.path for route in all_routes() if later(route.path) is not None] == []
