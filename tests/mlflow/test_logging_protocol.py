"""What runs log over HTTP: params, tags, batches, datasets, models of old clients."""

from __future__ import annotations

import json

import pytest
from mlflow_api import ON_BOTH, Speaker


@ON_BOTH
def test_a_param_never_changes(api: Speaker) -> None:
    run_id = api.run()
    api.ok("runs/log-parameter", {"run_id": run_id, "key": "lr", "value": "0.1"})
    api.ok("runs/log-parameter", {"run_id": run_id, "key": "lr", "value": "0.1"})
    assert api.post("runs/log-parameter", {"run_id": run_id, "key": "lr", "value": "0.2"}).error == (
        "INVALID_PARAMETER_VALUE"
    )
    batch = {"run_id": run_id, "params": [{"key": "new", "value": "1"}, {"key": "lr", "value": "0.3"}]}
    assert api.post("runs/log-batch", batch).error == "INVALID_PARAMETER_VALUE"
    assert api.shown(run_id)["data"]["params"] == [{"key": "lr", "value": "0.1"}]


@ON_BOTH
def test_a_batch_is_logged_whole_or_not_at_all(api: Speaker) -> None:
    run_id = api.run()
    batch = {
        "run_id": run_id,
        "metrics": [{"key": "m", "value": 1.5, "timestamp": 3, "step": 2}],
        "params": [{"key": "p", "value": "x"}],
        "tags": [{"key": "t", "value": "y"}, {"key": "t", "value": "z"}],
    }
    api.ok("runs/log-batch", batch)
    data = api.shown(run_id)["data"]
    assert data["metrics"] == [{"key": "m", "value": 1.5, "timestamp": 3, "step": 2}]
    assert data["params"] == [{"key": "p", "value": "x"}]
    assert {"key": "t", "value": "z"} in data["tags"]
    broken = {**batch, "metrics": [*batch["metrics"], {"key": "../m", "value": 1, "timestamp": 1}]}
    broken["params"] = [{"key": "q", "value": "x"}]
    reply = api.post("runs/log-batch", broken)
    assert reply.error == "INVALID_PARAMETER_VALUE"
    assert "metrics[1].name" in reply.message
    assert len(api.shown(run_id)["data"]["params"]) == 1


@pytest.mark.parametrize(
    ("part", "count"), [("metrics", 1001), ("params", 101), ("tags", 101)], ids=["metrics", "params", "tags"]
)
def test_a_batch_has_its_limits(api: Speaker, part: str, count: int) -> None:
    one = {"value": 1, "timestamp": 1} if part == "metrics" else {"value": "1"}
    run_id = api.run()
    entries = [{"key": f"k{index}", **one} for index in range(count)]
    reply = api.post("runs/log-batch", {"run_id": run_id, part: entries})
    assert reply.error == "INVALID_PARAMETER_VALUE"
    assert str(count - 1) in reply.message
    api.ok("runs/log-batch", {"run_id": run_id, part: entries[1:]})


def test_a_param_that_a_batch_has_twice_is_refused(api: Speaker) -> None:
    params = [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]
    reply = api.post("runs/log-batch", {"run_id": api.run(), "params": params})
    assert reply.error == "INVALID_PARAMETER_VALUE"
    assert "'a'" in reply.message


def test_long_params_and_tags_are_cut_as_mlflow_cuts_them(api: Speaker) -> None:
    run_id = api.run()
    api.ok("runs/log-parameter", {"run_id": run_id, "key": "p", "value": "x" * 6001})
    api.ok("runs/set-tag", {"run_id": run_id, "key": "t", "value": "y" * 8001})
    data = api.shown(run_id)["data"]
    assert len(data["params"][0]["value"]) == 6000
    assert len(next(tag["value"] for tag in data["tags"] if tag["key"] == "t")) == 8000


@pytest.mark.parametrize("name", ["", "../x", "/x", "a//b", "a/../b", ".", "x\ny", "a" * 251, "a;b", "ключ*"])
def test_bad_names_are_refused_everywhere(api: Speaker, name: str) -> None:
    run_id = api.run()
    for path, given in (
        ("log-metric", {"key": name, "value": 1, "timestamp": 1}),
        ("log-parameter", {"key": name, "value": "1"}),
        ("set-tag", {"key": name, "value": "1"}),
        ("log-batch", {"metrics": [{"key": name, "value": 1, "timestamp": 1}]}),
        ("log-batch", {"params": [{"key": name, "value": "1"}]}),
        ("log-batch", {"tags": [{"key": name, "value": "1"}]}),
    ):
        reply = api.post(f"runs/{path}", {"run_id": run_id, **given})
        assert (reply.status, reply.error) == (400, "INVALID_PARAMETER_VALUE"), (path, reply)


@pytest.mark.parametrize("name", ["a b", "val/loss", "a.b-c_d", "x:y", "größe"])
def test_good_names_are_taken(api: Speaker, name: str) -> None:
    run_id = api.run()
    api.ok("runs/log-metric", {"run_id": run_id, "key": name, "value": 1, "timestamp": 1})
    assert api.shown(run_id)["data"]["metrics"][0]["key"] == name


@ON_BOTH
def test_datasets_are_kept_once_and_shown_with_their_runs(api: Speaker) -> None:
    run_id = api.run()
    dataset = {"name": "d", "digest": "123", "source_type": "local", "source": "{}", "schema": "{}", "profile": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "training"}, {"key": "more", "value": "1"}]
    for _ in range(2):
        api.ok("runs/log-inputs", {"run_id": run_id, "datasets": [{"dataset": dataset, "tags": tags}]})
    (used,) = api.shown(run_id)["inputs"]["dataset_inputs"]
    assert used["dataset"] == dataset
    assert sorted(tag["key"] for tag in used["tags"]) == ["mlflow.data.context", "more"]
    assert api.ok("experiments/search-datasets", {"experiment_ids": ["0"]})["dataset_summaries"] == [
        {"experiment_id": "0", "name": "d", "digest": "123", "context": "training"}
    ]
    nameless = {"run_id": run_id, "datasets": [{"dataset": {**dataset, "name": ""}}]}
    assert api.post("runs/log-inputs", nameless).error == "INVALID_PARAMETER_VALUE"
    long = {"run_id": run_id, "datasets": [{"dataset": {**dataset, "digest": "1" * 37}}]}
    assert api.post("runs/log-inputs", long).error == "INVALID_PARAMETER_VALUE"


def test_models_of_old_clients_are_noted_in_their_tag(api: Speaker) -> None:
    run_id = api.run()
    for path in ("a", "b"):
        model = {"artifact_path": path, "flavors": {}, "utc_time_created": "now", "run_id": run_id}
        api.ok("runs/log-model", {"run_id": run_id, "model_json": json.dumps(model)})
    tags = {tag["key"]: tag["value"] for tag in api.shown(run_id)["data"]["tags"]}
    assert [model["artifact_path"] for model in json.loads(tags["mlflow.log-model.history"])] == ["a", "b"]
    for bad in ("{", "[]", '{"artifact_path": "a"}'):
        assert api.post("runs/log-model", {"run_id": run_id, "model_json": bad}).error == "INVALID_PARAMETER_VALUE"


def test_datasets_are_shown_in_the_order_in_which_they_were_logged(api: Speaker) -> None:
    run_id = api.run()
    names = ["zebra", "ant", "mole"]
    used = [{"dataset": {"name": name, "digest": "1", "source_type": "s", "source": "s"}} for name in names]
    api.ok("runs/log-inputs", {"run_id": run_id, "datasets": used})
    shown = api.shown(run_id)["inputs"]["dataset_inputs"]
    assert [entry["dataset"]["name"] for entry in shown] == names
