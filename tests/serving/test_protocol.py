"""The Open Inference Protocol over HTTP, to the letter, and what is answered to everything that isn't it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import answer, request, tensors

import mlwright
from mlwright.registry import ModelVersion
from mlwright.serving import Gateway, OipApp
from mlwright.testing.executors import wait_until


class Client:
    """Speaks ASGI to the application, without a network."""

    def __init__(self, app: OipApp) -> None:
        self.app = app

    def __call__(
        self, method: str, path: str, body: bytes | list[bytes] = b"", root: str = "", **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        status, found, sent = asyncio.run(self._ask(method, path, body, root, headers))
        return status, msgspec.json.decode(found) if found else None, sent

    async def _ask(
        self, method: str, path: str, body: bytes | list[bytes], root: str, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        chunks = [body] if isinstance(body, bytes) else list(body)
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": root + path, "root_path": root, "headers": pairs}
        await self.app(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], sent[1]["body"], told


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    app = OipApp(gateway, workers=2, max_body_bytes=100_000)
    yield Client(app)
    app.close()


@pytest.fixture
def live(register: Callable[..., ModelVersion], send_to: Callable[..., None]) -> None:
    """A deployment `live` of model `churn`, whose version 1 fails for x = 2 and has a newer version 2."""
    register(bad=[2.0])
    register(shift=0.2)
    send_to(stable=(1, 1.0))


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_tells_its_name_version_and_extensions(client: Client, path: str) -> None:
    status, body, headers = client("GET", path)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (body["name"], body["version"]) == ("mlwright", mlwright.__version__)
    assert isinstance(body["extensions"], list)


def test_the_server_is_live_and_ready_once_its_deployments_are(client: Client, gateway: Gateway, live: None) -> None:
    assert client("GET", "/v2/health/live")[:2] == (200, {"live": True})
    gateway.refresh()
    assert client("GET", "/v2/health/ready")[:2] == (200, {"live": True, "ready": True})


def test_a_server_with_a_deployment_that_can_not_answer_is_not_ready(
    client: Client, gateway: Gateway, register: Callable[..., ModelVersion], send_to: Callable[..., None]
) -> None:
    version = register()
    gateway.project.store.delete(version.digest)
    send_to(stable=(1, 1.0))
    gateway.refresh()
    assert client("GET", "/v2/health/ready")[:2] == (503, {"live": True, "ready": False})
    assert client("GET", "/v2/models/live/ready")[:2] == (503, {"name": "live", "ready": False})
    assert client("POST", "/v2/models/live/infer", request([0.0]))[0] == 500


@pytest.mark.parametrize("path", ["/v2/models/live", "/v2/models/live/versions/2"])
def test_metadata_come_from_the_signature(client: Client, live: None, path: str) -> None:
    status, body, _ = client("GET", path)
    assert status == 200
    assert body == {
        "name": "live",
        "versions": ["1", "2"],
        "platform": "python_json",
        "inputs": [
            {"name": "x", "datatype": "FP64", "shape": [-1]},
            {"name": "gap", "datatype": "FP64", "shape": [-1]},
            {"name": "count", "datatype": "INT64", "shape": [-1]},
            {"name": "home", "datatype": "BOOL", "shape": [-1]},
            {"name": "carrier", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [{"name": "probability", "datatype": "FP64", "shape": [-1]}],
    }


def test_a_model_and_a_version_are_ready(client: Client, live: None) -> None:
    assert client("GET", "/v2/models/live/ready")[:2] == (200, {"name": "live", "ready": True})
    assert client("GET", "/v2/models/live/versions/2/ready")[:2] == (200, {"name": "live", "ready": True})
    assert client("GET", "/v2/models")[:2] == (200, {"models": ["live"]})


@pytest.mark.parametrize(
    ("path", "version"), [("/v2/models/live/infer", "1"), ("/v2/models/live/versions/2/infer", "2")]
)
def test_an_inference_has_model_version_id_and_outputs(client: Client, live: None, path: str, version: str) -> None:
    status, body, headers = client("POST", path, request([0.0, 1.0], id="42"), content_type="application/json")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (body["model_name"], body["model_version"], body["id"]) == ("live", version, "42")
    assert [(output["name"], output["datatype"], output["shape"]) for output in body["outputs"]] == [
        ("probability", "FP64", [2])
    ]
    again, _, told = client("POST", path, request([0.0, 1.0], id="42"))
    assert (again, told["mlwright-repeated"]) == (200, "true")


def test_members_that_the_protocol_does_not_name_are_ignored(client: Client, live: None) -> None:
    body = request([0.0], parameters={"priority": 3, "traced": True}, outputs=[{"name": "probability"}], further=1)
    assert client("POST", "/v2/models/live/infer", body)[0] == 200


def test_the_application_can_be_mounted_below_a_path(client: Client, live: None) -> None:
    assert client("GET", "/v2/models/live/ready", root="/team")[0] == 200
    assert client("GET", "/models/live/ready", root="/v2")[0] == 200


def test_a_body_may_come_in_pieces(client: Client, live: None) -> None:
    body = request([0.0])
    assert client("POST", "/v2/models/live/infer", [body[:10], body[10:50], body[50:]])[0] == 200


def with_tensor(which: str, /, **changes: Any) -> bytes:
    found = [tensor | (changes if tensor["name"] == which else {}) for tensor in tensors([0.0, 1.0])]
    return msgspec.json.encode({"inputs": found})


def without(name: str) -> bytes:
    return msgspec.json.encode({"inputs": [tensor for tensor in tensors([0.0]) if tensor["name"] != name]})


DEEP = b"[" * 20_000 + b"]" * 20_000
BAD = {
    "an empty body": (b"", "isn't valid JSON"),
    "lists a hundred thousand deep": (b'{"a": ' + b"[" * 90_000, "isn't valid JSON"),
    "data a thousand deep": (
        b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": %b}]}' % DEEP,
        "valid",
    ),
    "no JSON": (b"{", "isn't valid JSON"),
    "NaN in JSON": (b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [NaN]}]}', "send null"),
    "a byte that is no UTF-8": (b'{"inputs": [], "id": "\xff"}', "isn't valid JSON"),
    "a list": (b"[]", "Expected `object`, got `array`"),
    "no inputs": (b"{}", "missing required field `inputs`"),
    "an id that is no text": (b'{"inputs": [], "id": 5}', "Expected `str | null`, got `int` - at `$.id`"),
    "no tensors": (b'{"inputs": []}', "the input 'x' is missing"),
    "a tensor without data": (b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64"}]}', "`data`"),
    "a missing column": (without("count"), "the input 'count' is missing"),
    "an unknown column": (with_tensor("x", name="age"), "no input 'age'"),
    "a column twice": (with_tensor("gap", name="x"), "'x' is there twice"),
    "another datatype": (with_tensor("x", datatype="INT64"), "'x' has the datatype INT64, the model takes FP64"),
    "an unknown datatype": (with_tensor("x", datatype="FLOAT"), "'x' has the datatype FLOAT"),
    "a shape that lies": (with_tensor("x", shape=[3]), "'x' has the shape [3] and 2 values"),
    "a matrix": (with_tensor("x", shape=[1, 2]), "'x' has the shape [1, 2]"),
    "a scalar": (with_tensor("x", shape=[]), "'x' has the shape []"),
    "a negative shape": (with_tensor("x", shape=[-1]), "'x' has the shape [-1]"),
    "a huge shape": (with_tensor("x", shape=[2**80]), "shape"),
    "rows that differ": (with_tensor("x", shape=[1], data=[0.0]), "'x' has 1, 'gap' has 2"),
    "text for a number": (with_tensor("x", data=["a", 1.0]), "'x' holds a value that isn't FP64"),
    "a fraction for an integer": (with_tensor("count", shape=[2], data=[1, 1.5]), "'count' holds a value that isn't"),
    "a number for a bool": (with_tensor("home", data=[1, 0]), "'home' holds a value that isn't BOOL"),
    "a number for text": (with_tensor("carrier", data=[1, 0]), "'carrier' holds a value that isn't BYTES"),
    "an integer too large": (with_tensor("count", shape=[2], data=[1, 2**63]), "'count' holds a number beyond INT64"),
    "null where none may be": (with_tensor("x", data=[0.0, None]), "'x' holds a value that isn't FP64"),
    "ragged data": (with_tensor("count", data=[[1], [1, 2]]), "'count' holds a value that isn't INT64"),
    "data that is no list": (with_tensor("x", data=5), "'x' holds a value that isn't FP64"),
    "an unknown output": (request([0.0], outputs=[{"name": "prob"}]), "no output 'prob'"),
}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["name", "datatype", "shape", "data", "parameters"])


@settings(max_examples=200)
@given(
    st.integers(0, 4), MEMBERS, JSON, st.dictionaries(st.sampled_from(["id", "inputs", "outputs", "parameters"]), JSON)
)
def test_no_body_makes_the_server_fail(
    client: Client, live: None, which: int, member: str, value: Any, others: dict[str, Any]
) -> None:
    """Whatever is put in the place of any part of a request: it is answered, or refused by a 400 that says why."""
    inputs = tensors([0.0])
    inputs[which][member] = value
    for body in ({"inputs": inputs}, {"inputs": tensors([0.0]), **others}):
        status, told, _ = client("POST", "/v2/models/live/infer", msgspec.json.encode(body))
        assert status == 200 or (status == 400 and list(told) == ["error"]), told


@settings(max_examples=100)
@given(st.binary(max_size=60), st.text(max_size=30))
def test_no_bytes_and_no_path_make_the_server_fail(client: Client, live: None, body: bytes, path: str) -> None:
    assert client("POST", "/v2/models/live/infer", body)[0] == 400
    assert client("GET", f"/v2/{path}")[0] in (200, 404, 405)
    assert client("POST", f"/v2/models/{path}/infer", request([0.0]))[0] in (200, 400, 404, 405)
    assert client("POST", f"/v2/models/live/versions/{path}/infer", request([0.0]))[0] in (200, 400, 404, 405)


@pytest.mark.parametrize("case", BAD)
def test_a_request_that_does_not_fit_is_a_400_that_names_the_thing(client: Client, live: None, case: str) -> None:
    body, said = BAD[case]
    status, told, _ = client("POST", "/v2/models/live/infer", body)
    assert (status, list(told)) == (400, ["error"])
    assert said in told["error"]
    assert client("GET", "/v2/health/live")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/v2/models/lvie", 404, "did you mean 'live'"),
        ("POST", "/v2/models/lvie/infer", 404, "there is no deployment 'lvie'"),
        ("GET", "/v2/models/live/versions/9", 404, "no version 9"),
        ("GET", "/v2/models/live/versions/x/ready", 404, "no version 'x'"),
        ("GET", "/v2/models/live/versions", 404, "there is no /v2/models/live/versions"),
        ("GET", "/v2/nothing", 404, "there is no /v2/nothing"),
        ("GET", "/v2/models/live/infer", 405, "takes POST"),
        ("POST", "/v2/models/live", 405, "takes GET"),
        ("DELETE", "/v2", 405, "takes GET"),
    ],
)
def test_an_unknown_path_model_or_method_is_an_error_of_the_protocol(
    client: Client, live: None, method: str, path: str, status: int, said: str
) -> None:
    found, told, headers = client(method, path, b"{}")
    assert (found, list(told)) == (status, ["error"])
    assert said in told["error"]
    assert ("allow" in headers) == (status == 405)


def test_a_body_over_the_limit_is_a_413_whether_or_not_it_says_so(client: Client, live: None) -> None:
    big = b" " * 100_001
    for headers in ({}, {"content_length": str(len(big))}):
        status, told, _ = client("POST", "/v2/models/live/infer", [big[:60_000], big[60_000:]], **headers)
        assert (status, told) == (413, {"error": "the body is longer than 100000 bytes"})


def test_a_model_that_raises_is_a_500_with_its_error(client: Client, live: None) -> None:
    status, told, _ = client("POST", "/v2/models/live/infer", request([2.0]))
    assert status == 500
    assert "RuntimeError: this model does not like x" in told["error"]


def test_encodings_that_are_not_supported_are_said_so(client: Client, live: None) -> None:
    assert client("POST", "/v2/models/live/infer", b"x", content_encoding="gzip")[0] == 415
    status, told, _ = client("POST", "/v2/models/live/infer", b"x", inference_header_content_length="1")
    assert status == 400
    assert "binary" in told["error"]


def test_a_head_request_has_the_headers_and_no_body(client: Client, live: None) -> None:
    status, body, headers = client("HEAD", "/v2/health/live")
    assert (status, body) == (200, None)
    assert int(headers["content-length"]) > 0


def test_a_client_that_hangs_up_is_no_error(client: Client, live: None) -> None:
    async def hang_up() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v2/models/live/infer", "root_path": "", "headers": []}
        await client.app(scope, receive, send)
        return sent

    assert asyncio.run(hang_up()) == []


def test_missing_values_come_as_null_and_nested_data_as_flat(client: Client, live: None) -> None:
    inputs = tensors([0.0, 1.0])
    inputs[0] |= {"shape": [2, 1], "data": [[0.0], [1.0]]}
    inputs[1] |= {"data": [None, 2.5]}
    inputs[4] |= {"data": [None, "UA"]}
    status, body, _ = client("POST", "/v2/models/live/infer", msgspec.json.encode({"inputs": inputs}))
    assert status == 200
    assert body["outputs"][0]["data"] == [0.1, pytest.approx(0.3)]
    assert answer(request([0.0]))["inputs"][0]["data"] == [0.0]


def test_a_thread_limits_the_loops_of_models_once_for_each_loading(
    gateway: Gateway,
    register: Callable[..., ModelVersion],
    send_to: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited: list[int] = []
    monkeypatch.setattr("mlwright.serving.app._use_one_core", lambda: limited.append(gateway.routes.loads))
    register()
    send_to(stable=(1, 1.0))
    client = Client(OipApp(gateway, workers=1))
    for _ in range(3):
        client("POST", "/v2/models/live/infer", request([1.0]))
    register(shift=0.1)
    send_to(stable=(2, 1.0))
    # The new version is loaded by a thread while the old one answers.
    wait_until(lambda: client("POST", "/v2/models/live/infer", request([1.0]))[1]["model_version"] == "2", "version 2")
    for _ in range(3):
        client("POST", "/v2/models/live/infer", request([1.0]))
    assert len(limited) == len(set(limited)) >= 2
