"""One request is one answer and one row, on both databases and whoever else answers at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from messages import START, request

from mlwright.core.clock import ReplayClock
from mlwright.project import Project
from mlwright.registry import ModelVersion
from mlwright.serving import Gateway, Predictions, scan

Register = Callable[..., ModelVersion]
SendTo = Callable[..., None]


@pytest.fixture
def project(project_folder: Path, clock: ReplayClock, ledger_url: str) -> Iterator[Project]:
    with Project.open(project_folder, clock=clock, ledger=ledger_url) as opened:
        yield opened


def everything(project: Project) -> Predictions:
    return scan(project, "live", START - timedelta(days=1), START + timedelta(days=1))


def test_twenty_threads_at_two_gateways_with_one_request_make_one_row_and_get_one_answer(
    project: Project, register: Register, send_to: SendTo
) -> None:
    register()
    send_to(stable=(1, 1.0))
    # Two gateways on one ledger know nothing of each other, as two processes would.
    gateways = [Gateway(project), Gateway(project)]
    for gateway in gateways:
        gateway.refresh()
    start = threading.Barrier(20)

    def ask(number: int) -> bytes:
        start.wait()
        return gateways[number % 2].infer("live", request([0.0, 1.0], ["a", "b"], id="r1")).body

    with ThreadPoolExecutor(20) as pool:
        bodies = list(pool.map(ask, range(20)))
    assert len(set(bodies)) == 1
    assert len(everything(project)) == 2


def test_overlapping_units_of_many_requests_are_logged_for_each_request(
    project: Project, register: Register, send_to: SendTo
) -> None:
    """The index of prediction ids keeps the first of each; writers that meet there don't wait in a circle."""
    register()
    send_to(stable=(1, 1.0))
    gateway = Gateway(project)
    gateway.refresh()
    units = [f"u{number}" for number in range(30)]

    def ask(number: int) -> None:
        ordered = units if number % 2 else units[::-1]
        gateway.infer("live", request([0.0] * 30, ordered, id=f"r{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(40)))
    assert len(everything(project)) == 40 * 30
