"""What MLflow's clients are told when the store vanishes, when two of them write one run, and when a run is deleted."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from mlflow_api import PREFIX, Speaker

from mlwright.project import Project
from mlwright.server.main import background

POINTS = 150
Post = Callable[[str, Any], tuple[int, Any]]


def test_a_store_that_is_gone_is_named_and_back_with_all_that_it_had(api: Speaker, served_project: Project) -> None:
    run_id = api.run()
    place = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts"
    assert api.send("PUT", f"{place}/before.txt", b"before").status == 200
    store = Path(served_project.store.describe())
    store.rename(store.with_name("away"))
    gone = api.send("GET", f"{place}/before.txt")
    assert (gone.status, gone.error) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert api.get("artifacts/list", run_id=run_id).json()["files"][0]["path"] == "before.txt"
    api.ok("runs/log-metric", {"run_id": run_id, "key": "k", "value": 1, "timestamp": 1})
    store.with_name("away").rename(store)
    assert api.send("GET", f"{place}/before.txt").body == b"before"


@pytest.mark.parametrize("size", [3, 3_000_000])
def test_a_store_that_can_not_be_written_takes_nothing_and_says_so(
    api: Speaker, served_project: Project, size: int
) -> None:
    run_id = api.run()
    place = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts"
    store = Path(served_project.store.describe())
    if store.exists():
        store.rename(store.with_name("away"))
    store.write_text("no folder")
    refused = api.send("PUT", f"{place}/file.bin", b"x" * size)
    assert (refused.status, refused.error) == (503, "TEMPORARILY_UNAVAILABLE")
    assert "files" not in api.get("artifacts/list", run_id=run_id).json()
    api.ok("runs/log-metric", {"run_id": run_id, "key": "k", "value": 1, "timestamp": 1})
    store.unlink()
    assert api.send("PUT", f"{place}/file.bin", b"x" * size).status == 200
    assert len(api.send("GET", f"{place}/file.bin").body) == size


@pytest.fixture
def post(served_project: Project) -> Iterator[Callable[[], Post]]:
    """Makes clients of a served project, each with a connection of its own."""
    with background(served_project) as url, ExitStack() as opened:

        def client() -> Post:
            connection = http.client.HTTPConnection(url.removeprefix("http://"))
            opened.callback(connection.close)

            def send(path: str, given: Any) -> tuple[int, Any]:
                headers = {"Content-Type": "application/json"}
                connection.request("POST", f"{PREFIX}/{path}", json.dumps(given), headers)
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read())

            return send

        yield client


def begun(post: Post) -> str:
    return str(post("runs/create", {"experiment_id": "0", "start_time": 1})[1]["run"]["info"]["run_id"])


def test_two_clients_that_write_one_run_lose_no_point(post: Callable[[], Post], api: Speaker) -> None:
    run_id = begun(post())
    together = Barrier(2)

    def write(which: int) -> list[int]:
        send = post()
        together.wait()
        said = []
        for n in range(POINTS):
            point = {"key": "loss", "value": which, "timestamp": n, "step": 2 * n + which}
            said.append(send("runs/log-batch", {"run_id": run_id, "metrics": [point]})[0])
            said.append(send("runs/set-tag", {"run_id": run_id, "key": "last", "value": str(which)})[0])
        said.append(send("runs/log-parameter", {"run_id": run_id, "key": "who", "value": str(which)})[0])
        return said

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(write, range(2))
    assert set(first[:-1] + second[:-1]) == {200}
    # One of them was first; the other one is told that a param doesn't change.
    assert sorted([first[-1], second[-1]]) == [200, 400]
    history = api.get("metrics/get-history", run_id=run_id, metric_key="loss").json()["metrics"]
    assert sorted(point["step"] for point in history) == list(range(2 * POINTS))


def test_a_run_that_is_deleted_while_it_is_written_keeps_what_was_acknowledged(
    post: Callable[[], Post], api: Speaker
) -> None:
    run_id = begun(post())
    underway = Event()

    def write() -> tuple[int, Any]:
        send = post()
        for n in range(100_000):
            point = {"run_id": run_id, "key": "loss", "value": n, "timestamp": n, "step": n}
            status, said = send("runs/log-metric", point)
            if status != 200:
                return n, said
            if n == POINTS // 10:
                underway.set()
        raise AssertionError("nobody refused to write a deleted run")

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        assert underway.wait(120)
        assert post()("runs/delete", {"run_id": run_id})[0] == 200
        acknowledged, said = writing.result(120)
    assert said["error_code"] == "INVALID_PARAMETER_VALUE"
    assert f"The run {run_id} must be in the 'active' state" in said["message"]
    api.ok("runs/restore", {"run_id": run_id})
    history = api.get("metrics/get-history", run_id=run_id, metric_key="loss").json()["metrics"]
    assert [point["step"] for point in history] == list(range(acknowledged))
