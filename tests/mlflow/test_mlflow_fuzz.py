"""Whatever is sent to the MLflow-compatible API, it is answered, and never with a 500 that isn't meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mlflow_api import PREFIX, Speaker

from mlwright.ledger import runs
from mlwright.ledger.runs import NewRun
from mlwright.project import Project
from mlwright.server.mlflow.app import MlflowApp
from mlwright.server.mlflow.route import Change, Route
from mlwright.server.mlflow.routes import all_routes

ROUTES = sorted(
    (route for route in all_routes() if isinstance(route, Change | Route)), key=lambda route: (route.path, route.method)
)
RUN_ID = "01hzzzzzzzzzzzzzzzzzzzzzzz"
#: Values that some field takes, so that requests come further than their first check.
LIKELY = [
    "0",
    "1",
    RUN_ID,
    "k",
    "a/b",
    "FINISHED",
    "ALL",
    1,
    0,
    -1,
    0.5,
    1_700_000_000_000,
    "",
    None,
    True,
    "NaN",
    "m-1",
]
NASTY = [
    "../..",
    "\x00",
    "\ud800",
    "'; DROP TABLE runs; --",
    "metrics.a > 1",
    "name = 'x'",
    "%",
    "x" * 9000,
    2**63,
    10**400,
]
scalars = st.one_of(
    st.sampled_from([*LIKELY, *NASTY]),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
)
names = st.sampled_from(["key", "value", "timestamp", "step", "dataset", "tags", "name", "digest", "model_id", "runId"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=8
)
entries = st.lists(
    st.fixed_dictionaries(
        {"key": scalars, "value": scalars},
        optional={"timestamp": scalars, "step": scalars, "model_id": scalars, "dataset": values, "tags": values},
    ),
    max_size=4,
)


def bodies(route: Change | Route) -> st.SearchStrategy[dict[str, Any]]:
    """Return what may be sent to a route: its own fields, with values that may fit."""
    fields = [field.encode_name for field in msgspec.structs.fields(route.request)]
    optional: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(fields, values | entries)
    for field in fields:
        if field in ("run_id", "experiment_id"):
            optional[field] = st.sampled_from([RUN_ID, "0", "1"]) | scalars
    return st.fixed_dictionaries({}, optional=optional)


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speaker]:
    """The API of a project that has a run."""
    with Project.open(tmp_path_factory.mktemp("fuzz"), durability="normal") as project:
        app = MlflowApp(project)
        with project.ledger.write("user:test") as tx:
            runs.create_run(tx, NewRun(id=RUN_ID, experiment="Default", name="fuzzed", kind="script"))
        yield Speaker(app)
        app.close()


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
def test_no_body_breaks_a_route(speaker: Speaker, route: Change | Route) -> None:
    path = f"/api/2.0{route.path}".replace("{model_id}", "m-1").replace("{tag_key}", "k").replace("{webhook_id}", "w")

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(body=bodies(route))
    def send(body: dict[str, Any]) -> None:
        reply = speaker.send(route.method, path, json.dumps(body).encode(), kind="application/json")
        assert reply.status < 500 or reply.error in ("NOT_IMPLEMENTED", "INVALID_STATE"), (body, reply)
        answer = json.loads(reply.body)
        assert reply.status == 200 or set(answer) >= {"error_code", "message"}

    send()


@given(body=st.binary(max_size=60))
@example(b"\xff\xfe")
@example(b'{"run_id": "' + b"[" * 40)
@example(b"[" * 100_000)
@example(b'"' + b'{\\"a\\":1}' + b'"')
@settings(max_examples=200)
def test_no_bytes_break_it(speaker: Speaker, body: bytes) -> None:
    reply = speaker.send("POST", f"{PREFIX}/runs/log-batch", body, kind="application/json")
    assert reply.status in (200, 400, 404)


@pytest.mark.parametrize("depth", [200, 900, 980, 2000, 50_000])
@pytest.mark.parametrize("route", ["runs/log-batch", "runs/search", "logged-models", "registered-models/create"])
def test_no_depth_breaks_it(speaker: Speaker, route: str, depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    for body in (deep, b'{"run_id": "' + RUN_ID.encode() + b'", "tags": ' + deep + b"}"):
        assert speaker.send("POST", f"{PREFIX}/{route}", body, kind="application/json").status in (200, 400)


@pytest.mark.parametrize("number", ["9" * 5000, 10**4000, "\u0663", "\u00b2", "-1", "99"])
def test_a_number_that_no_enumeration_has_is_refused(speaker: Speaker, number: str | int) -> None:
    sent = [
        speaker.post("runs/update", {"run_id": RUN_ID, "status": number}),
        speaker.post("runs/search", {"experiment_ids": ["0"], "run_view_type": number}),
        speaker.post("experiments/search", {"max_results": 1, "view_type": number}),
    ]
    assert {reply.error for reply in sent} <= {"INVALID_PARAMETER_VALUE", "BAD_REQUEST"}
    assert all(reply.status == 400 for reply in sent)


@given(query=st.text(max_size=60))
@example("run_id=%ff&metric_key=%00")
@example("run_id=a&run_id=b")
@settings(max_examples=200)
def test_no_query_breaks_it(speaker: Speaker, query: str) -> None:
    sent = query.encode("ascii", "ignore").decode()
    for path in ("runs/get", "metrics/get-history", "metrics/get-history-bulk", "experiments/search"):
        assert speaker.send("GET", f"{PREFIX}/{path}", query=sent).status < 500


@given(path=st.text(max_size=40))
@example("/api/2.0/mlflow/../../v2")
@example("/api/2.0/mlflow//runs/create")
@settings(max_examples=200)
def test_no_path_breaks_it(speaker: Speaker, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "TRACE"):
        reply = speaker.send(method, f"{PREFIX}/{path}", kind="application/json")
        assert reply.status < 500 or reply.status == 501


def test_the_run_that_all_that_was_sent_to_can_be_shown(speaker: Speaker) -> None:
    speaker.post("runs/restore", {"run_id": RUN_ID})
    assert speaker.shown(RUN_ID)["info"]["lifecycle_stage"] == "active"
