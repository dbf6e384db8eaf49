"""Logged models as plain HTTP: life cycle, files, metrics, search."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mlflow_api import ON_BOTH, PREFIX, Reply, Speaker

from mlwright.ledger import logged_models
from mlwright.project import Project


def patch(api: Speaker, path: str, body: Any) -> Reply:
    return api.send("PATCH", f"{PREFIX}/{path}", json.dumps(body).encode(), kind="application/json")


def made(api: Speaker, name: str, **more: Any) -> str:
    given = {"experiment_id": "0", "name": name, **more}
    return str(api.ok("logged-models", given)["model"]["info"]["model_id"])


def names(reply: Reply) -> list[str]:
    assert reply.status == 200, reply
    return [model["info"]["name"] for model in reply.json().get("models", [])]


def search(api: Speaker, filter_: str = "", **more: Any) -> list[str]:
    return names(api.post("logged-models/search", {"experiment_ids": ["0"], "filter": filter_, **more}))


@ON_BOTH
def test_a_model_is_made_finalized_tagged_and_deleted(api: Speaker) -> None:
    run_id = api.run()
    given = {
        "experiment_id": "0",
        "name": "net",
        "model_type": "classifier",
        "source_run_id": run_id,
        "params": [{"key": "lr", "value": "0.1"}],
        "tags": [{"key": "team", "value": "blue"}],
    }
    model = api.ok("logged-models", given)["model"]
    info, id_ = model["info"], model["info"]["model_id"]
    assert id_.startswith("m-")
    assert len(id_) == 34
    assert (info["name"], info["status"], info["source_run_id"]) == ("net", "LOGGED_MODEL_PENDING", run_id)
    assert info["artifact_uri"] == f"mlflow-artifacts:/0/models/{id_}/artifacts"
    assert info["tags"] == given["tags"]
    assert model["data"]["params"] == given["params"]
    path = f"logged-models/{id_}"
    done = patch(api, path, {"model_id": id_, "status": "LOGGED_MODEL_READY"}).json()["model"]["info"]
    assert done["status"] == "LOGGED_MODEL_READY"
    assert patch(api, path, {"status": 3}).json()["model"]["info"]["status"] == "LOGGED_MODEL_UPLOAD_FAILED"
    assert patch(api, path, {"status": "GOOD"}).error == "INVALID_PARAMETER_VALUE"
    changed = patch(api, f"{path}/tags", {"tags": [{"key": "team", "value": "red"}, {"key": "b", "value": ""}]})
    assert changed.json() == {}
    assert api.get(path).json()["model"]["info"]["tags"] == [
        {"key": "team", "value": "red"},
        {"key": "b", "value": ""},
    ]
    assert api.send("DELETE", f"{PREFIX}/{path}/tags/team").json() == {}
    assert api.send("DELETE", f"{PREFIX}/{path}/tags/team").error == "RESOURCE_DOES_NOT_EXIST"
    assert api.ok(f"{path}/params", {"params": [{"key": "depth", "value": "3"}]}) == {}
    assert api.post(f"{path}/params", {"params": [{"key": "depth", "value": "4"}]}).status == 400
    assert api.send("DELETE", f"{PREFIX}/{path}").json() == {}
    assert api.get(path).error == "RESOURCE_DOES_NOT_EXIST"
    assert api.get(path, allow_deleted="true").json()["model"]["data"]["params"][1] == {"key": "depth", "value": "3"}
    assert api.send("DELETE", f"{PREFIX}/{path}").json() == {}
    assert search(api) == []
    assert api.ok("logged-models/search", {"experiment_ids": []}) == {}
    nameless = api.ok("logged-models", {"experiment_id": "0"})["model"]["info"]
    assert nameless["name"].count("-") == 2


@ON_BOTH
def test_the_files_of_a_model_are_listed_and_read(api: Speaker) -> None:
    id_ = made(api, "net")
    for name in ("MLmodel", "code/a.py"):
        path = f"/api/2.0/mlflow-artifacts/artifacts/0/models/{id_}/artifacts/{name}"
        assert api.send("PUT", path, b"x").status == 200
    listed = api.get(f"logged-models/{id_}/artifacts/directories").json()
    assert listed["root_uri"] == f"mlflow-artifacts:/0/models/{id_}/artifacts"
    assert listed["files"] == [
        {"path": "MLmodel", "is_dir": False, "file_size": 1},
        {"path": "code", "is_dir": True},
    ]
    deeper = api.get(f"logged-models/{id_}/artifacts/directories", artifact_directory_path="code").json()
    assert [entry["path"] for entry in deeper["files"]] == ["code/a.py"]
    path = f"/ajax-api/2.0/mlflow/logged-models/{id_}/artifacts/files"
    assert api.send("GET", path, query="artifact_file_path=code/a.py").body == b"x"
    assert api.send("GET", path, query="artifact_file_path=../a").error == "INVALID_PARAMETER_VALUE"
    assert api.send("GET", path).error == "INVALID_PARAMETER_VALUE"


@ON_BOTH
def test_metrics_and_runs_belong_to_models(api: Speaker, served_project: Project) -> None:
    run_id, id_ = api.run(), made(api, "net")
    metric = {"run_id": run_id, "key": "acc", "value": 0.5, "timestamp": 1000, "step": 1, "model_id": id_}
    for value in (metric, metric, {**metric, "step": 2, "value": "NaN", "dataset_name": "d", "dataset_digest": "1"}):
        api.ok("runs/log-metric", value)
    found = api.get(f"logged-models/{id_}").json()["model"]["data"]["metrics"]
    assert [(each["step"], each["value"], each["run_id"]) for each in found] == [(1, 0.5, run_id), (2, "NaN", run_id)]
    assert (found[1]["dataset_name"], found[1]["dataset_digest"]) == ("d", "1")
    api.ok("runs/outputs", {"run_id": run_id, "models": [{"model_id": id_, "step": 7}]})
    api.ok("runs/log-inputs", {"run_id": run_id, "models": [{"model_id": id_}]})
    shown = api.shown(run_id)
    assert shown["outputs"]["model_outputs"] == [{"model_id": id_, "step": 7}]
    assert shown["inputs"]["model_inputs"] == [{"model_id": id_}]
    with served_project.ledger.read() as connection:
        assert {link.role for link in logged_models.models_of_runs(connection, [run_id])[run_id]} == {"input", "output"}


@ON_BOTH
def test_models_are_searched_sorted_and_paged(api: Speaker) -> None:
    run_id = api.run()
    ids = {}
    for place, name in enumerate(("ann", "bob", "cyd")):
        params = [{"key": "depth", "value": str(place)}]
        ids[name] = made(api, name, params=params, tags=[{"key": "even", "value": str(place % 2)}], model_type=name[0])
        for data in ("train", "test"):
            value = {
                "key": "acc",
                "value": place + (0.5 if data == "test" else 0),
                "timestamp": 1,
                "dataset_name": data,
            }
            api.ok("runs/log-metric", {"run_id": run_id, "model_id": ids[name], "dataset_digest": "1", **value})
    patch(api, f"logged-models/{ids['bob']}", {"status": 2})
    assert sorted(search(api)) == ["ann", "bob", "cyd"]
    by_name = [{"field_name": "name", "ascending": True}]
    assert search(api, "metrics.acc >= 1", order_by=by_name) == ["bob", "cyd"]
    assert search(api, "metrics.acc > 1.5", datasets=[{"dataset_name": "train"}], order_by=by_name) == ["cyd"]
    assert search(api, datasets=[{"dataset_name": "train", "dataset_digest": "2"}]) == []
    assert search(api, "params.depth = '1' AND tags.even = '1'") == ["bob"]
    assert search(api, "name LIKE 'c%'") == ["cyd"]
    assert search(api, "name IN ('ann', 'cyd')", order_by=by_name) == ["ann", "cyd"]
    assert search(api, "status = 'READY'") == ["bob"]
    assert search(api, f"source_run_id = '{run_id}'") == []
    assert search(api, f"model_id = '{ids['ann']}'") == ["ann"]
    assert search(api, "creation_timestamp > 0", order_by=by_name) == ["ann", "bob", "cyd"]
    falling = [{"field_name": "metrics.acc", "ascending": False, "dataset_name": "test"}]
    assert search(api, order_by=falling) == ["cyd", "bob", "ann"]
    given = {"experiment_ids": ["0"], "max_results": 2, "order_by": by_name}
    first = api.ok("logged-models/search", given)
    second = api.post("logged-models/search", {**given, "page_token": first["next_page_token"]})
    assert names(second) == ["cyd"]
    assert "next_page_token" not in second.json()
    other = {**given, "filter": "name != 'x'", "page_token": first["next_page_token"]}
    assert api.post("logged-models/search", other).error == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"experiment_ids": ["x"]},
        {"experiment_ids": ["0"], "filter": "colour = 'red'"},
        {"experiment_ids": ["0"], "filter": "metrics.acc = 'x'"},
        {"experiment_ids": ["0"], "order_by": [{"field_name": "params.x"}]},
        {"experiment_ids": ["0"], "order_by": [{"field_name": "colour"}]},
        {"experiment_ids": ["0"], "datasets": [{"dataset_digest": "1"}]},
        {"experiment_ids": ["0"], "max_results": -1},
        {"experiment_ids": ["0"], "page_token": "x"},
    ],
)
def test_a_search_that_can_not_be_is_refused(api: Speaker, wrong: Any) -> None:
    assert api.post("logged-models/search", wrong).error == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"name": "a"}, "INVALID_PARAMETER_VALUE"),
        ({"experiment_id": "0", "name": "a/b"}, "INVALID_PARAMETER_VALUE"),
        ({"experiment_id": "0", "name": "a.b"}, "INVALID_PARAMETER_VALUE"),
        ({"experiment_id": "0", "name": "x" * 501}, "INVALID_PARAMETER_VALUE"),
        ({"experiment_id": "99", "name": "a"}, "RESOURCE_DOES_NOT_EXIST"),
        ({"experiment_id": "0", "name": "a", "source_run_id": "none"}, "RESOURCE_DOES_NOT_EXIST"),
        ({"experiment_id": "0", "name": "a", "params": [{"key": "../x", "value": "1"}]}, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_a_model_that_can_not_be_is_refused(api: Speaker, wrong: Any, error: str) -> None:
    assert api.post("logged-models", wrong).error == error


@ON_BOTH
def test_what_is_not_there_is_not_found(api: Speaker) -> None:
    run_id = api.run()
    for reply in (
        api.get("logged-models/m-0"),
        patch(api, "logged-models/m-0", {"status": 2}),
        patch(api, "logged-models/m-0/tags", {"tags": []}),
        api.post("logged-models/m-0/params", {"params": []}),
        api.send("DELETE", f"{PREFIX}/logged-models/m-0"),
        api.post("runs/log-metric", {"run_id": run_id, "key": "a", "value": 1, "timestamp": 1, "model_id": "m-0"}),
        api.post("runs/outputs", {"run_id": run_id, "models": [{"model_id": "m-0", "step": 0}]}),
    ):
        assert reply.error == "RESOURCE_DOES_NOT_EXIST", reply
