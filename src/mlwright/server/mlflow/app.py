"""The ASGI application that answers MLflow's clients: route, decode, do, encode."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mlwright.api import wire
from mlwright.errors import InvalidInput, MlwrightError, NotFound, Overloaded, Unsupported
from mlwright.ledger import experiments
from mlwright.server.mlflow import values
from mlwright.server.mlflow.errors import answer_of
from mlwright.server.mlflow.route import AnyRoute, Call, Change, Receive, Route, Send, Stream, Table
from mlwright.server.mlflow.routes import all_routes, later
from mlwright.server.mlflow.writer import Writer

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from mlwright.project import Project

MOST_BODY_BYTES = 64 * 1024 * 1024
#: How many requests may wait for an answer at once; clients come back after a moment.
MOST_WAITING = 1024
_HEADERS = ((b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff"))

_log = logging.getLogger("mlwright.server")


class MlflowApp:
    """Answers the paths of MLflow's tracking and registry API.

    Args:
        project: Whose ledger and store are served.
        workers: Threads that answer what isn't a `Change`.
    """

    def __init__(self, project: Project, *, workers: int = 4) -> None:
        self._project = project
        self._table = Table(all_routes())
        self._pool = ThreadPoolExecutor(workers, "mlwright-mlflow")
        self._writer = Writer(project)
        self._waiting = 0
        with project.ledger.write("system") as tx:
            experiments.ensure_default(tx)

    def serves(self, path: str) -> bool:
        """Tell whether a path is this application's."""
        return self._table.serves(path)

    def close(self) -> None:
        """Finish what is under way and stop the threads."""
        self._writer.close()
        self._pool.shutdown()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["method"] == "OPTIONS" and (methods := self._table.methods(scope["path"])):
            await _send(send, 204, b"", head=_allowed(methods))
            return
        if scope["method"] == "HEAD":
            send = _bodiless(send)
        said = _Said(send)
        try:
            body = await self._answer(scope, receive, said)
            if body is not None:
                await _send(send, 200, body)
        except (MlwrightError, RecursionError) as error:
            fault = error if isinstance(error, MlwrightError) else wire.too_deep()
            if not said.began:
                await _send(send, *answer_of(fault), head=_allow(fault))
        except Exception:  # boundary: HTTP; a caller gets an answer, the log gets the traceback
            _log.exception("%s failed", scope["path"])
            if said.began:
                raise
            await _send(send, *answer_of(wire.internal_error()))

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: _Said) -> bytes | None:
        """Return the body of the answer, None when it was sent already or nobody waits for it."""
        is_head = scope["method"] == "HEAD"
        method: str = "GET" if is_head else scope["method"]
        route, parts = self._find(method, scope["path"])
        if isinstance(route, Stream):
            call = Call(parts, scope["query_string"], dict(scope["headers"]), is_head)
            await route.answer(self._project, call, receive, send)
            return None
        body = await _read(receive)
        if body is None:
            return None
        if method == "GET" and scope["query_string"]:
            given = values.decode_query(route.request, scope["query_string"], parts)
        else:
            if method in ("POST", "PUT"):
                _check_type(scope)
            given = values.decode(route.request, body or b"{}", parts)
        if self._waiting >= MOST_WAITING:
            raise Overloaded("too many requests are waiting.", fix="try again in a second", retry_after_s=1)
        self._waiting += 1
        try:
            return await self._work(route, given)
        finally:
            self._waiting -= 1

    async def _work(self, route: Change | Route, given: Any) -> bytes:
        if isinstance(route, Change):
            answer = route.answer
            return values.encode(await self._writer.change(lambda tx: answer(tx, given)))
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, route, given)

    def _run(self, route: Route, given: Any) -> bytes:
        return values.encode(route.answer(self._project, given))

    def _find(self, method: str, path: str) -> tuple[AnyRoute, dict[str, str]]:
        found = self._table.find(method, path)
        if found is not None:
            return found
        methods = self._table.methods(path)
        if methods:
            taken = f"{path} takes {' or '.join(methods)}, not {method}."
            raise InvalidInput(taken, error_code="BAD_REQUEST", http_status=405, methods=methods)
        what = later(f"/{path.split('/', 3)[-1]}")
        if what is not None:
            raise Unsupported(f"mlwright does not serve {path}.", why=f"{what} are not supported yet")
        raise NotFound(f"there is nothing at {path}.", error_code="ENDPOINT_NOT_FOUND")


class _Said:
    """Sends on, and remembers whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self.began = True
        await self._send(message)


async def _read(receive: Receive) -> bytes | None:
    """Return a request's body, None when the client has gone."""
    message = await receive()
    if not message.get("more_body", False):
        return None if message["type"] == "http.disconnect" else message.get("body", b"")
    chunks, size = [message.get("body", b"")], len(message.get("body", b""))
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MOST_BODY_BYTES:
            raise InvalidInput(f"the body is larger than {MOST_BODY_BYTES} bytes.", fix="send it in several requests")
    return b"".join(chunks)


def _check_type(scope: MutableMapping[str, Any]) -> None:
    """Refuse what isn't JSON: a browser can't send that type to another origin without asking first."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            if value.partition(b";")[0].strip().lower() == b"application/json":
                return
            given = value.decode("latin-1")
            raise InvalidInput("Bad Request. Content-Type must be 'application/json'.", why=f"it is '{given}'")
    raise InvalidInput("Bad Request. Content-Type header is missing.", fix="send application/json")


def _bodiless(send: Send) -> Send:
    """Return what sends the head of an answer only."""

    async def head(message: MutableMapping[str, Any]) -> None:
        await send({**message, "body": b""} if "body" in message else message)

    return head


def _allowed(methods: list[str]) -> tuple[tuple[bytes, bytes], ...]:
    names = [*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"]
    return ((b"allow", ", ".join(names).encode()),)


def _allow(error: MlwrightError) -> tuple[tuple[bytes, bytes], ...]:
    if "methods" in error.context:
        return _allowed(error.context["methods"])
    if "retry_after_s" in error.context:
        return ((b"retry-after", str(error.context["retry_after_s"]).encode()),)
    return ()


async def _send(send: Send, status: int, body: bytes, *, head: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*_HEADERS, length, *head]})
    await send({"type": "http.response.body", "body": body})
