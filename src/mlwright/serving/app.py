"""The Open Inference Protocol v2 over HTTP: a bare ASGI application, for the server to mount under `/v2`.

Requests are answered in a small pool of threads, so that the event loop stays free while models think.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import msgspec
import structlog

import mlwright
from mlwright import registry
from mlwright.errors import MlwrightError, Overloaded
from mlwright.serving import oip
from mlwright.serving.gateway import Answer, Gateway

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 64 * 1024 * 1024
_MAX_WAITING = 256
_EXTENSIONS = ["mlwright_row_version", "mlwright_prediction_id", "mlwright_event_time"]


class Reply(msgspec.Struct, frozen=True):
    """An HTTP response."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class OipApp:
    """Answers `/v2` and everything below it.

    Args:
        gateway: Who answers.
        workers: Threads that let models answer.
        max_body_bytes: Longest body that is read.
    """

    def __init__(self, gateway: Gateway, *, workers: int = 4, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.gateway = gateway
        self._max_body_bytes = max_body_bytes
        self._waiting = 0
        self._pool = ThreadPoolExecutor(workers, "mlwright-infer")
        self._threads = threading.local()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        try:
            reply = await self._reply(scope, receive)
        except MlwrightError as error:
            reply = _refusal(error)
        except Exception as error:  # boundary: HTTP
            log.error("request failed", path=scope["path"], exc_info=error)
            reply = _error(500, "the server failed; its log says why")
        if reply is None:
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(reply.body)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": [*headers, *reply.headers]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    def close(self) -> None:
        """Wait for the requests that are being answered and stop the threads."""
        self._pool.shutdown()

    async def _reply(self, scope: Scope, receive: Receive) -> Reply | None:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        # The protocol's paths begin with /v2 wherever the application is mounted.
        parts = path.strip("/").split("/")
        parts = [part for part in parts if part] if parts[0] == "v2" else ["v2", *(part for part in parts if part)]
        is_infer = parts[1:2] == ["models"] and parts[-1] == "infer" and len(parts) in (4, 6)
        allowed = "POST" if is_infer else "GET"
        if scope["method"] != allowed and not (allowed == "GET" and scope["method"] == "HEAD"):
            return _error(405, f"{path} takes {allowed}, not {scope['method']}", (b"allow", allowed.encode()))
        if is_infer:
            return await self._infer(parts, scope, receive)
        found: Reply = await self._run(self._look_up, parts)
        return found

    async def _infer(self, parts: list[str], scope: Scope, receive: Receive) -> Reply | None:
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity") != b"identity":
            return _error(415, "the body must not be compressed")
        if b"inference-header-content-length" in headers:
            return _error(400, "the binary tensor data extension is not supported: send tensors as JSON")
        body = await _read(receive, headers, self._max_body_bytes)
        if body is None:
            return None
        if len(body) > self._max_body_bytes:
            # The rest of the body stays unread, so the connection can't be used again.
            return _error(413, f"the body is longer than {self._max_body_bytes} bytes", (b"connection", b"close"))
        answer = await self._run(self._answer, parts[2], body, _version(parts))
        return Reply(200, answer.body, ((b"mlwright-repeated", b"true"),) if answer.is_repeated else ())

    def _answer(self, name: str, body: bytes, version: str | None) -> Answer:
        # Models bring their OpenMP libraries with them, so the limit is set anew after each loading, in each thread.
        loads = self.gateway.routes.loads
        if getattr(self._threads, "loads", 0) != loads:
            _use_one_core()
            self._threads.loads = loads
        return self.gateway.infer(name, body, version)

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._waiting >= _MAX_WAITING:
            raise Overloaded("too many requests are waiting.", fix="try again in a second", retry_after_s=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        finally:
            self._waiting -= 1

    def _look_up(self, parts: list[str]) -> Reply:
        match parts[1:]:
            case []:
                about = {"name": "mlwright", "version": mlwright.__version__, "extensions": _EXTENSIONS}
                return _json(200, about)
            case ["health", "live"]:
                return _json(200, {"live": True})
            case ["health", "ready"]:
                ready = self.gateway.routes.all_ready()
                return _json(200 if ready else 503, {"live": True, "ready": ready})
            case ["models"]:
                return _json(200, {"models": self.gateway.routes.names()})
            case ["models", _] | ["models", _, "versions", _]:
                return _json(200, describe(self.gateway, parts[2], _version(parts)))
            case ["models", _, "ready"] | ["models", _, "versions", _, "ready"]:
                route = self.gateway.routes.find(parts[2], _version(parts))
                return _json(200 if route.is_ready else 503, {"name": route.name, "ready": route.is_ready})
        return _error(404, f"there is no /{'/'.join(parts)} in the Open Inference Protocol")


def describe(gateway: Gateway, name: str, version: str | None = None) -> oip.ModelMetadata:
    """Return what a deployment (or a version of it) takes and gives.

    Raises:
        NotFound: There is no such deployment, model or version.
    """
    route = gateway.routes.find(name, version)
    serving = route.stable.version
    numbers = sorted(known.version for known in registry.versions(gateway.project, route.model))
    return oip.ModelMetadata(
        name=route.name,
        versions=[str(number) for number in numbers],
        platform=f"{serving.flavour}_{serving.codec}",
        inputs=[oip.TensorMetadata(column.name, column.datatype, [-1]) for column in serving.signature.inputs],
        outputs=[oip.TensorMetadata(column.name, column.datatype, [-1]) for column in serving.signature.outputs],
    )


async def _read(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes | None:
    """Return the body, up to a little more than the limit; None when the client has gone."""
    told = headers.get(b"content-length", b"0")
    if told.isdigit() and int(told[:18]) > limit:
        return b" " * (limit + 1)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > limit or not message.get("more_body", False):
            return b"".join(chunks)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _version(parts: list[str]) -> str | None:
    return parts[4] if len(parts) > 4 else None


def _refusal(error: MlwrightError) -> Reply:
    """Return an error as the protocol's body: one text that says what, why and how to mend it."""
    said = [error.what, f"why: {error.why}" if error.why else "", f"fix: {error.fix}" if error.fix else ""]
    extra = ((b"retry-after", b"1"),) if error.http_status in (429, 503) else ()
    return _error(error.http_status, " ".join(filter(None, said)), *extra)


def _error(status: int, text: str, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(status, msgspec.json.encode({"error": text}), headers)


def _json(status: int, value: Any) -> Reply:
    return Reply(status, msgspec.json.encode(value))


def _use_one_core() -> None:
    """Keep this thread's OpenMP loops on one core: for the rows of one request, more cost more than they save."""
    # It comes with scikit-learn; without that there is no such loop.
    if find_spec("threadpoolctl") is not None:
        importlib.import_module("threadpoolctl").threadpool_limits(1, user_api="openmp")
