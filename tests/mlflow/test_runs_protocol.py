"""Runs over HTTP: beginning, ending, naming, deleting, finding them."""

from __future__ import annotations

import pytest
from mlflow_api import ON_BOTH, Speaker


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


@ON_BOTH
def test_a_run_that_loses_the_tag_of_its_name_keeps_the_name(api: Speaker) -> None:
    run_id = api.run(run_name="first")
    api.ok("runs/delete-tag", {"run_id": run_id, "key": "mlflow.runName"})
    assert api.post("runs/delete-tag", {"run_id": run_id, "key": "mlflow.runName"}).error == "RESOURCE_DOES_NOT_EXIST"
    shown = api.shown(run_id)
    assert (shown["info"]["run_name"], shown["data"].get("tags", [])) == ("first", [])
    api.ok("runs/update", {"run_id": run_id, "run_name": "second"})
    assert api.shown(run_id)["data"]["tags"] == [{"key": "mlflow.runName", "value": "second"}]


@ON_BOTH
def test_runs_may_begin_and_end_before_1970(api: Speaker) -> None:
    run_id = api.run(start_time=-5000)
    api.ok("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": -123})
    info = api.shown(run_id)["info"]
    assert (info["start_time"], info["end_time"]) == (-5000, -123)
    for moment in (-(2**62), 2**62):
        assert api.post("runs/update", {"run_id": run_id, "end_time": moment}).error == "INVALID_PARAMETER_VALUE"


def test_clients_find_the_sentences_that_they_look_for(api: Speaker) -> None:
    run_id = api.run(run_name="a")
    tags = [{"key": "mlflow.runName", "value": "b"}]
    api.ok("runs/log-parameter", {"run_id": run_id, "key": "lr", "value": "1"})
    for path, given, sentence in (
        ("runs/set-tag", {"run_id": "nobody", "key": "k", "value": "v"}, "Run with id=nobody not found"),
        ("runs/delete-tag", {"run_id": run_id, "key": "k"}, "No tag with name: k"),
        ("runs/log-parameter", {"run_id": run_id, "key": "lr", "value": "2"}, "Changing param values is not allowed"),
        ("runs/create", {"run_name": "a", "tags": tags}, "(run_name='a', mlflow.runName='b')"),
        ("runs/create", {"experiment_id": "77"}, "No Experiment with id=77 exists"),
        ("experiments/create", {"name": "Default"}, "Experiment(name=Default) already exists"),
        ("experiments/search-datasets", {}, "SearchDatasets request must specify at least one experiment_id"),
        ("runs/search", {"experiment_ids": ["0"], "page_token": "x"}, "Invalid page token"),
    ):
        assert sentence in api.post(path, given).message
    for path in ("artifacts/list", "get-artifact"):
        reply = api.get(path, run_id=run_id, path="../x")
        assert reply.json() == {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"}


@ON_BOTH
def test_runs_are_sorted_by_mlflows_words_of_their_status(api: Speaker) -> None:
    words = ["SCHEDULED", "KILLED", "FAILED", "RUNNING", "FINISHED"]
    for word in words:
        api.ok("runs/update", {"run_id": api.run(), "status": word, "end_time": 2000})
    for order, expected in (("status", sorted(words)), ("attributes.status DESC", sorted(words, reverse=True))):
        page = api.ok("runs/search", {"experiment_ids": ["0"], "order_by": [order], "max_results": 3})
        rest = {"experiment_ids": ["0"], "order_by": [order], "page_token": page["next_page_token"]}
        found = page["runs"] + api.ok("runs/search", rest)["runs"]
        assert [run["info"]["status"] for run in found] == expected
