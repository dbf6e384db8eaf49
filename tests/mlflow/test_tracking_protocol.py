"""The tracking API as plain HTTP: shapes, rules and errors."""

from __future__ import annotations

import json

import pytest
from mlflow_api import ON_BOTH, PREFIX, Speaker


def test_a_new_ledger_has_the_default_experiment(api: Speaker) -> None:
    found = api.get("experiments/get", experiment_id="0").json()["experiment"]
    assert found["name"] == "Default"
    assert found["lifecycle_stage"] == "active"
    assert found["artifact_location"] == "mlflow-artifacts:/0"


@ON_BOTH
def test_an_experiment_is_made_found_renamed_deleted_and_restored(api: Speaker) -> None:
    made = api.ok("experiments/create", {"name": "vision/defects", "tags": [{"key": "team", "value": "blue"}]})
    id_ = made["experiment_id"]
    assert id_ == "1"
    found = api.get("experiments/get-by-name", experiment_name="vision/defects").json()["experiment"]
    assert found["experiment_id"] == id_
    assert found["tags"] == [{"key": "team", "value": "blue"}]
    assert api.ok("experiments/update", {"experiment_id": id_, "new_name": "vision/scratches"}) == {}
    run_id = api.run(experiment_id=id_)
    assert api.ok("experiments/delete", {"experiment_id": id_}) == {}
    assert api.get("experiments/get", experiment_id=id_).json()["experiment"]["lifecycle_stage"] == "deleted"
    assert api.shown(run_id)["info"]["lifecycle_stage"] == "deleted"
    assert api.post("experiments/delete", {"experiment_id": id_}).error == "RESOURCE_DOES_NOT_EXIST"
    assert api.post("experiments/update", {"experiment_id": id_, "new_name": "x"}).error == "INVALID_STATE"
    assert api.post("runs/create", {"experiment_id": id_}).error == "INVALID_PARAMETER_VALUE"
    assert api.ok("experiments/restore", {"experiment_id": id_}) == {}
    assert api.shown(run_id)["info"]["lifecycle_stage"] == "active"
    assert api.post("experiments/restore", {"experiment_id": id_}).error == "RESOURCE_DOES_NOT_EXIST"


@ON_BOTH
def test_a_name_is_taken_once(api: Speaker) -> None:
    api.ok("experiments/create", {"name": "same"})
    reply = api.post("experiments/create", {"name": "same"})
    assert (reply.status, reply.error) == (400, "RESOURCE_ALREADY_EXISTS")


@ON_BOTH
def test_experiments_have_tags(api: Speaker) -> None:
    api.ok("experiments/set-experiment-tag", {"experiment_id": "0", "key": "k", "value": "1"})
    api.ok("experiments/set-experiment-tag", {"experiment_id": "0", "key": "k", "value": "2"})
    assert api.get("experiments/get", experiment_id="0").json()["experiment"]["tags"] == [{"key": "k", "value": "2"}]
    api.ok("experiments/delete-experiment-tag", {"experiment_id": "0", "key": "k"})
    again = api.post("experiments/delete-experiment-tag", {"experiment_id": "0", "key": "k"})
    assert (again.status, again.error) == (404, "RESOURCE_DOES_NOT_EXIST")


@ON_BOTH
def test_a_run_is_begun_with_what_the_client_says(api: Speaker) -> None:
    given = {
        "experiment_id": "0",
        "user_id": "ada",
        "start_time": "1700000000123",
        "run_name": "first",
        "tags": [{"key": "mlflow.note.content", "value": "a note"}],
    }
    run = api.ok("runs/create", given)["run"]
    info = run["info"]
    assert info["run_id"] == info["run_uuid"]
    assert info["artifact_uri"] == f"mlflow-artifacts:/0/{info['run_id']}/artifacts"
    assert {key: info[key] for key in ("run_name", "user_id", "status", "start_time", "lifecycle_stage")} == {
        "run_name": "first",
        "user_id": "ada",
        "status": "RUNNING",
        "start_time": 1700000000123,
        "lifecycle_stage": "active",
    }
    assert {"key": "mlflow.runName", "value": "first"} in run["data"]["tags"]
    assert api.shown(info["run_id"]) == run


def test_a_run_without_a_name_is_given_one(api: Speaker) -> None:
    run = api.ok("runs/create", {})["run"]
    assert run["info"]["run_name"].count("-") == 2
    assert {"key": "mlflow.runName", "value": run["info"]["run_name"]} in run["data"]["tags"]


def test_two_names_that_differ_are_refused(api: Speaker) -> None:
    tags = [{"key": "mlflow.runName", "value": "b"}]
    assert api.post("runs/create", {"run_name": "a", "tags": tags}).error == "INVALID_PARAMETER_VALUE"
    assert api.ok("runs/create", {"run_name": "b", "tags": tags})["run"]["info"]["run_name"] == "b"


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED", "SCHEDULED", "RUNNING"])
def test_every_status_comes_back_as_it_was_set(api: Speaker, status: str) -> None:
    run_id = api.run()
    info = api.ok("runs/update", {"run_id": run_id, "status": status, "end_time": 5000})["run_info"]
    assert (info["status"], info["end_time"]) == (status, 5000)
    assert api.shown(run_id)["info"]["status"] == status


def test_a_run_is_renamed_by_its_field_and_by_its_tag(api: Speaker) -> None:
    run_id = api.run(run_name="a")
    assert api.ok("runs/update", {"run_id": run_id, "run_name": "b"})["run_info"]["run_name"] == "b"
    api.ok("runs/set-tag", {"run_id": run_id, "key": "mlflow.runName", "value": "c"})
    shown = api.shown(run_id)
    assert shown["info"]["run_name"] == "c"
    assert {"key": "mlflow.runName", "value": "c"} in shown["data"]["tags"]


@ON_BOTH
def test_a_deleted_run_is_read_but_not_written(api: Speaker) -> None:
    run_id = api.run()
    api.ok("runs/delete", {"run_id": run_id})
    assert api.shown(run_id)["info"]["lifecycle_stage"] == "deleted"
    for path, given in (
        ("log-metric", {"key": "k", "value": 1, "timestamp": 1}),
        ("log-parameter", {"key": "k", "value": "1"}),
        ("set-tag", {"key": "k", "value": "1"}),
        ("delete-tag", {"key": "mlflow.runName"}),
        ("log-batch", {"metrics": []}),
        ("update", {"status": "FINISHED"}),
        ("log-inputs", {"datasets": []}),
        ("outputs", {"models": []}),
    ):
        reply = api.post(f"runs/{path}", {"run_id": run_id, **given})
        assert (path, reply.status, reply.error) == (path, 400, "INVALID_PARAMETER_VALUE")
    api.ok("runs/restore", {"run_id": run_id})
    api.ok("runs/set-tag", {"run_id": run_id, "key": "k", "value": "1"})


def test_runs_that_do_not_exist_are_not_found(api: Speaker) -> None:
    for path, given in (
        ("log-metric", {"key": "k", "value": 1, "timestamp": 1}),
        ("log-parameter", {"key": "k", "value": "1"}),
        ("set-tag", {"key": "k", "value": "1"}),
        ("log-batch", {"params": [{"key": "a", "value": "b"}]}),
        ("update", {"status": "FINISHED"}),
        ("delete", {}),
        ("restore", {}),
    ):
        reply = api.post(f"runs/{path}", {"run_id": "0" * 32, **given})
        assert (path, reply.status, reply.error) == (path, 404, "RESOURCE_DOES_NOT_EXIST")
    assert api.get("runs/get", run_id="nobody").status == 404
    assert api.get("metrics/get-history", run_id="nobody", metric_key="k").json() == {}


@ON_BOTH
def test_numbers_that_are_none_travel_as_text_and_as_literals(api: Speaker) -> None:
    run_id = api.run()
    for step, value in enumerate(("NaN", "Infinity", "-Infinity")):
        given = {"run_id": run_id, "key": "text", "value": value, "timestamp": 1, "step": step}
        api.ok("runs/log-metric", given)
        literal = f'{{"run_id": "{run_id}", "key": "literal", "value": {value}, "timestamp": 1, "step": {step}}}'
        reply = api.send("POST", f"{PREFIX}/runs/log-metric", literal.encode(), kind="application/json")
        assert reply.status == 200
    for key in ("text", "literal"):
        found = api.get("metrics/get-history", run_id=run_id, metric_key=key).json()["metrics"]
        assert [point["value"] for point in found] == ["NaN", "Infinity", "-Infinity"]
    assert {metric["key"]: metric["value"] for metric in api.shown(run_id)["data"]["metrics"]} == {
        "text": "-Infinity",
        "literal": "-Infinity",
    }


def test_a_metric_is_shown_by_its_last_step(api: Speaker) -> None:
    run_id = api.run()
    for step, value in ((5, 0.5), (9, 0.9), (1, 0.1)):
        api.ok("runs/log-metric", {"run_id": run_id, "key": "k", "value": value, "timestamp": 7, "step": step})
    (metric,) = api.shown(run_id)["data"]["metrics"]
    assert metric == {"key": "k", "value": 0.9, "timestamp": 7, "step": 9}


@ON_BOTH
def test_a_history_is_given_in_pages(api: Speaker) -> None:
    run_id = api.run()
    metrics = [{"key": "k", "value": n / 7, "timestamp": 1000 + n // 3, "step": n} for n in range(25)]
    api.ok("runs/log-batch", {"run_id": run_id, "metrics": metrics})
    whole = api.get("metrics/get-history", run_id=run_id, metric_key="k").json()
    assert whole["metrics"] == metrics
    assert "next_page_token" not in whole
    found, token = [], None
    for size in (1, 4, 10, 10):
        more = {"page_token": token} if token else {}
        page = api.get("metrics/get-history", run_id=run_id, metric_key="k", max_results=size, **more).json()
        found += page["metrics"]
        token = page.get("next_page_token")
    assert found == metrics
    assert token is None


def test_a_point_that_is_sent_again_is_shown_once(api: Speaker) -> None:
    run_id = api.run()
    for value in ("NaN", 0.5):
        for _ in range(3):
            api.ok("runs/log-metric", {"run_id": run_id, "key": "k", "value": value, "timestamp": 7, "step": 1})
    found = api.get("metrics/get-history", run_id=run_id, metric_key="k").json()["metrics"]
    assert [point["value"] for point in found] == ["NaN", 0.5]


@ON_BOTH
def test_histories_of_several_runs_are_given_at_once(api: Speaker) -> None:
    ids = [api.run(), api.run()]
    for index, run_id in enumerate(ids):
        metrics = [{"key": "k", "value": float(index), "timestamp": 1, "step": step} for step in range(10)]
        api.ok("runs/log-batch", {"run_id": run_id, "metrics": metrics})
    bulk = api.get("metrics/get-history-bulk", run_id=ids, metric_key="k").json()["metrics"]
    assert [point["run_id"] for point in bulk] == [ids[0]] * 10 + [ids[1]] * 10
    assert len(api.get("metrics/get-history-bulk", run_id=ids, metric_key="k", max_results=12).json()["metrics"]) == 12
    query = {"run_ids": ids, "metric_key": "k", "start_step": 2, "end_step": 4}
    interval = api.get("metrics/get-history-bulk-interval", **query).json()["metrics"]
    assert [(point["run_id"], point["step"]) for point in interval] == [(id_, s) for id_ in ids for s in (2, 3, 4)]
    for limit, steps in ((1, [9]), (2, [0, 9]), (4, [0, 3, 6, 9])):
        few = api.get("metrics/get-history-bulk-interval", run_ids=ids[:1], metric_key="k", max_results=limit).json()
        assert [point["step"] for point in few["metrics"]] == steps
    half = api.get("metrics/get-history-bulk-interval", run_ids=ids, metric_key="k", start_step=2)
    assert half.error == "INVALID_PARAMETER_VALUE"


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


@pytest.mark.parametrize(
    ("path", "given", "named"),
    [
        ("runs/log-metric", {"run_id": "r", "value": 1, "timestamp": 1}, "'key'"),
        ("runs/log-metric", {"run_id": "r", "key": "k", "timestamp": 1}, "'value'"),
        ("runs/log-metric", {"run_id": "r", "key": "k", "value": 1}, "'timestamp'"),
        ("runs/log-metric", {"run_id": "", "key": "k", "value": 1, "timestamp": 1}, "'run_id'"),
        ("runs/log-metric", {"run_id": None, "key": "k", "value": 1, "timestamp": 1}, "'run_id'"),
        ("runs/log-metric", {"run_id": "r", "key": "k", "value": "high", "timestamp": 1}, '"high"'),
        ("runs/log-metric", {"run_id": "r", "key": "k", "value": 1, "timestamp": "soon"}, '"soon"'),
        ("runs/log-metric", {"run_id": "r", "key": "k", "value": 1, "timestamp": 1, "step": "x"}, "'step'"),
        ("runs/log-metric", {"run_id": "r", "key": 31, "value": 1, "timestamp": 1}, "31"),
        ("runs/log-batch", {"run_id": "r", "metrics": {}}, "'metrics'"),
        ("runs/log-batch", {"run_id": "r", "metrics": [{"key": "k", "timestamp": 1}]}, "'metrics[0].value'"),
        ("runs/log-batch", {"run_id": "r", "params": [{"key": "a"}, {"value": "1"}]}, "'params[1].key'"),
        ("runs/create", {"tags": "none"}, "'tags'"),
        ("runs/create", {"start_time": "early"}, "'start_time'"),
        ("experiments/create", {}, "'name'"),
        ("experiments/create", {"name": ""}, "'name'"),
        ("experiments/create", {"name": [1]}, "[1]"),
        ("experiments/update", {"experiment_id": "0"}, "'new_name'"),
        ("runs/search", {"experiment_ids": "0"}, "'experiment_ids'"),
        ("runs/search", {"order_by": [1]}, "'order_by"),
    ],
)
def test_a_field_that_is_missing_or_wrong_is_named(api: Speaker, path: str, given: object, named: str) -> None:
    reply = api.post(path, given)
    assert (reply.status, reply.error) == (400, "INVALID_PARAMETER_VALUE"), reply
    assert named in reply.message


def test_whole_numbers_may_be_texts_and_names_in_camel_case(api: Speaker) -> None:
    run_id = api.run()
    given = {"runId": run_id, "key": "k", "value": "0.5", "timestamp": "17", "step": "3", "unknown": {"a": 1}}
    api.ok("runs/log-metric", given)
    assert api.shown(run_id)["data"]["metrics"] == [{"key": "k", "value": 0.5, "timestamp": 17, "step": 3}]
    api.ok("runs/set-tag", {"run_uuid": run_id, "key": "k", "value": "v"})


def test_a_body_that_was_encoded_twice_is_read(api: Speaker) -> None:
    run_id = api.run()
    once = json.dumps({"run_id": run_id, "key": "k", "value": "v"})
    api.ok("runs/set-tag", once)


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"\xff", b'{"run_id": "\\ud800"}', b'{"run_id": "a\\u0000b"}'])
def test_what_is_no_json_object_is_refused(api: Speaker, body: bytes) -> None:
    reply = api.send("POST", f"{PREFIX}/runs/delete", body, kind="application/json")
    assert reply.status == 400


def test_a_body_of_another_type_is_refused(api: Speaker) -> None:
    for kind in ("", "text/plain", "application/x-www-form-urlencoded"):
        assert api.send("POST", f"{PREFIX}/runs/create", b"{}", kind=kind).status == 400
    assert api.send("POST", f"{PREFIX}/runs/create", b"{}", kind="application/json; charset=utf-8").status == 200


def test_moments_that_no_calendar_has_are_refused(api: Speaker) -> None:
    run_id = api.run()
    for timestamp in (-1, 2**62, 253_402_300_800_000):
        given = {"key": "k", "value": 1, "timestamp": timestamp}
        assert api.post("runs/log-metric", {"run_id": run_id, **given}).error == "INVALID_PARAMETER_VALUE"
        batch = api.post("runs/log-batch", {"run_id": run_id, "metrics": [given]})
        assert batch.error == "INVALID_PARAMETER_VALUE"
        assert api.post("runs/update", {"run_id": run_id, "end_time": timestamp}).error == "INVALID_PARAMETER_VALUE"
    api.ok("runs/log-metric", {"run_id": run_id, "key": "k", "value": 1, "timestamp": 253_402_300_799_999})


def test_tokens_of_no_search_are_refused(api: Speaker) -> None:
    run_id = api.run()
    for token in ("x", "e30=", "!!", "WzFd", "bnVsbA=="):
        for reply in (
            api.get("metrics/get-history", run_id=run_id, metric_key="k", page_token=token, max_results=1),
            api.post("runs/search", {"experiment_ids": ["0"], "page_token": token}),
            api.post("experiments/search", {"max_results": 5, "page_token": token}),
        ):
            assert reply.error == "INVALID_PARAMETER_VALUE"


def test_sizes_of_pages_have_limits(api: Speaker) -> None:
    run_id = api.run()
    for size in (0, -1, 50_001):
        assert api.post("runs/search", {"experiment_ids": ["0"], "max_results": size}).status == 400
        assert api.post("experiments/search", {"max_results": size}).status == 400
    for size in (0, -5):
        reply = api.get("metrics/get-history", run_id=run_id, metric_key="k", max_results=size)
        assert reply.error == "INVALID_PARAMETER_VALUE"


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


@ON_BOTH
def test_tags_are_taken_off(api: Speaker) -> None:
    run_id = api.run(tags=[{"key": "mlflow.note.content", "value": "n"}, {"key": "k", "value": "v"}])
    for key in ("mlflow.note.content", "k"):
        api.ok("runs/delete-tag", {"run_id": run_id, "key": key})
        assert api.post("runs/delete-tag", {"run_id": run_id, "key": key}).error == "RESOURCE_DOES_NOT_EXIST"
    assert {tag["key"] for tag in api.shown(run_id)["data"]["tags"]} == {"mlflow.runName"}


@ON_BOTH
def test_runs_are_searched_sorted_and_paged(api: Speaker) -> None:
    ids = []
    for index in range(7):
        run_id = api.run(run_name=f"run {index}", start_time=1000 + index)
        metrics = [{"key": "auc", "value": index / 10, "timestamp": 1}]
        params = [{"key": "lr", "value": str(index)}]
        api.ok("runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params})
        ids.append(run_id)
    query = {
        "experiment_ids": ["0"],
        "filter": "metrics.auc >= 0.2",
        "order_by": ["metrics.auc DESC"],
        "max_results": 2,
    }
    found, token = [], ""
    while True:
        page = api.ok("runs/search", {**query, "page_token": token})
        found += [run["info"]["run_id"] for run in page.get("runs", [])]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert found == ids[:1:-1]
    assert api.ok("runs/search", {"experiment_ids": []}) == {}
    newest = api.ok("runs/search", {"experiment_ids": ["0"]})["runs"]
    assert [run["info"]["run_id"] for run in newest] == ids[::-1]
    api.ok("runs/delete", {"run_id": ids[0]})
    deleted = api.ok("runs/search", {"experiment_ids": ["0"], "run_view_type": "DELETED_ONLY"})["runs"]
    assert [run["info"]["run_id"] for run in deleted] == ids[:1]


def test_experiments_are_searched_by_name_tag_time_and_id(api: Speaker) -> None:
    for index in range(12):
        api.ok("experiments/create", {"name": f"n{index}", "tags": [{"key": "k", "value": str(index % 2)}]})

    def found(**given: object) -> list[str]:
        page = api.ok("experiments/search", {"max_results": 50, **given})
        return [experiment["name"] for experiment in page.get("experiments", [])]

    assert found()[0] == "n11"
    assert found(filter="name = 'n3'") == ["n3"]
    assert found(filter="name LIKE 'n1%' AND tags.k = '1'", order_by=["name ASC"]) == ["n1", "n11"]
    assert found(filter="experiment_id = '1'") == ["n0"]
    assert found(filter="creation_time < 5") == []
    assert found(order_by=["experiment_id DESC"])[:4] == ["n11", "n10", "n9", "n8"]
    first = api.ok("experiments/search", {"max_results": 10, "order_by": ["experiment_id"]})
    rest = api.ok(
        "experiments/search",
        {"max_results": 10, "order_by": ["experiment_id"], "page_token": first["next_page_token"]},
    )
    assert [experiment["name"] for experiment in rest["experiments"]] == ["n9", "n10", "n11"]
    assert api.post("experiments/search", {"filter": "nothing = 1"}).error == "INVALID_PARAMETER_VALUE"


def test_a_filter_that_can_not_be_read_is_refused(api: Speaker) -> None:
    for text in (
        "metrics.a >",
        "nothing.a = 1",
        "metrics.a = 'x'",
        "params.a > 1 OR params.b > 2",
        "a; DROP TABLE runs",
    ):
        reply = api.post("runs/search", {"experiment_ids": ["0"], "filter": text})
        assert (text, reply.status, reply.error) == (text, 400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("prefix", ["/api/2.0", "/api/3.0", "/ajax-api/2.0", "/ajax-api/3.0"])
def test_every_prefix_leads_to_the_same_routes(api: Speaker, prefix: str) -> None:
    assert api.send("GET", f"{prefix}/mlflow/experiments/get", query="experiment_id=0").status == 200
    asked = api.send("GET", f"{prefix}/mlflow/experiments/get", b'{"experiment_id": "0"}', kind="application/json")
    assert asked.status == 200


def test_what_mlflow_does_not_know_is_an_unknown_endpoint(api: Speaker) -> None:
    reply = api.get("no/such/thing")
    assert (reply.status, reply.error) == (404, "ENDPOINT_NOT_FOUND")
    assert api.send("DELETE", f"{PREFIX}/runs/create").status == 405


def test_what_is_not_served_yet_says_so(api: Speaker) -> None:
    for path in ("traces", "traces/tr-1/info", "scorers/list", "gateway/endpoints/list", "datasets/search"):
        reply = api.send("GET", f"/api/3.0/mlflow/{path}")
        assert (path, reply.status, reply.error) == (path, 501, "NOT_IMPLEMENTED")


def test_health_and_version_are_plain_text(api: Speaker) -> None:
    assert api.send("GET", "/health").body == b"OK"
    assert api.send("GET", "/version").body.count(b".") == 2
