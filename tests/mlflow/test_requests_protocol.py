"""How requests are read: fields, bodies, prefixes, methods, tokens."""

from __future__ import annotations

import json

import pytest
from mlflow_api import PREFIX, Speaker


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


def test_the_head_of_an_answer_can_be_asked_for(api: Speaker) -> None:
    for path, query in (("/health", ""), (f"{PREFIX}/experiments/get", "experiment_id=0")):
        whole, head = (api.send(method, path, query=query) for method in ("GET", "HEAD"))
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.body))


def test_a_path_says_which_methods_it_takes(api: Speaker) -> None:
    asked = api.send("OPTIONS", f"{PREFIX}/experiments/search")
    assert (asked.status, asked.headers["allow"]) == (204, "GET, POST, HEAD, OPTIONS")
    refused = api.send("PUT", f"{PREFIX}/runs/create")
    assert (refused.status, refused.headers["allow"]) == (405, "POST, OPTIONS")


def test_one_slash_more_behind_the_address_means_nothing(api: Speaker) -> None:
    assert api.app.serves("//model-versions/get-artifact")
    reply = api.send("GET", "//model-versions/get-artifact", query="name=m&version=1&path=../x")
    assert (reply.status, reply.message) == (400, "Invalid path")
    assert api.send("GET", f"/{PREFIX}/experiments/get", query="experiment_id=0").status == 200
