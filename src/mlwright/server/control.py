"""The control plane: routes made from the endpoint table, the documentation, health, and the page."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from mlwright.api import openapi, wire
from mlwright.api.client import LocalClient
from mlwright.api.endpoint import PREFIX, Endpoint, bare
from mlwright.api.table import ENDPOINTS
from mlwright.errors import InvalidInput, InvalidUsage, MlwrightError, NotFound, PermissionDenied
from mlwright.server import blobs

MOST_BODY_BYTES = 64 * 1024 * 1024
_PAGE_FILES = {
    "page.css": "text/css",
    **dict.fromkeys(("page.js", "parts.js", "runs.js"), "text/javascript"),
    "icon.svg": "image/svg+xml",
}
#: The page loads nothing from elsewhere, runs no inline script and can't be framed.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Answer = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger("mlwright.server")


def control_plane(client: LocalClient) -> Starlette:
    """Return the application that answers everything but `/v2`.

    Args:
        client: Calls the endpoints.
    """
    answers: dict[str, dict[str, Answer]] = {}
    for endpoint in _literal_first(ENDPOINTS):
        answers.setdefault(endpoint.path, {})[endpoint.method] = _answering(client, endpoint)
    answers["/blobs/{digest}"] = {"PUT": blobs.taking(client.project.store)}
    routes = [Route(f"{PREFIX}{path}", _Methods(by_method)) for path, by_method in answers.items()]
    routes += [
        Route(f"{PREFIX}/openapi.json", _constant(_document, "application/json")),
        Route("/api/docs", _constant(_documentation, "text/html; charset=utf-8")),
        Route("/healthz", _constant(b"ok\n", "text/plain; charset=utf-8")),
        Route("/readyz", _ready(client)),
        Route("/", _constant(_page_file("index.html"), "text/html; charset=utf-8")),
    ]
    routes += [
        Route(f"/static/{name}", _constant(_page_file(name), f"{kind}; charset=utf-8"))
        for name, kind in _PAGE_FILES.items()
    ]
    handlers: dict[Any, Any] = {HTTPException: _on_http_error}
    application = Starlette(routes=routes, exception_handlers=handlers)
    application.router.redirect_slashes = False
    return application


def failure(error: MlwrightError) -> Response:
    """Return the answer that carries an error."""
    headers = {"retry-after": str(error.context["retry_after_s"])} if "retry_after_s" in error.context else {}
    return _respond(wire.fault_of(error), status=error.http_status, headers=headers)


class _Methods:
    """All methods of one path: a path written out is never taken for a name, and `Allow` is true."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = {**answers, "HEAD": answers["GET"]} if "GET" in answers else answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        answer = self._answers.get(request.method)
        if answer is None:
            allowed = {"Allow": ", ".join(sorted(self._answers))}
            response = await _on_http_error(request, HTTPException(405, headers=allowed))
        else:
            response = await answer(request)
        await response(scope, receive, send)


def _answering(client: LocalClient, endpoint: Endpoint) -> Answer:
    async def answer(request: Request) -> Response:
        try:
            given = endpoint.bind(await _fields(endpoint, request), strict=endpoint.method != "GET")
            return _respond(await run_in_threadpool(lambda: wire.encode(client.answer(endpoint, given))))
        except MlwrightError as error:
            return failure(error)
        except RecursionError:
            return failure(wire.too_deep())
        except Exception:  # noqa: BLE001  # boundary: HTTP; a caller gets an answer, the log gets the traceback
            _log.exception("%s failed", endpoint.name)
            return failure(wire.internal_error())

    return answer


async def _fields(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """Collect an endpoint's fields from path, query and body."""
    in_path = {name: unquote(text) for name, text in request.path_params.items()}
    rest = _query_fields(endpoint, request) if endpoint.method == "GET" else await _body_fields(request)
    twice = in_path.keys() & rest.keys()
    if twice:
        raise InvalidUsage(f"the field '{min(twice)}' is given twice.", why="it stands in the path already")
    return {**rest, **in_path}


def _query_fields(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    lists = {
        field.name
        for field in msgspec.structs.fields(endpoint.input)
        if isinstance(bare(msgspec.inspect.type_info(field.type)), msgspec.inspect.ListType)
    }
    query = request.query_params
    for name in query:
        if name not in lists and len(query.getlist(name)) > 1:
            raise InvalidUsage(f"the field '{name}' is given twice.", why="it takes one value", fix="give it once")
    return {name: query.getlist(name) if name in lists else query[name] for name in query}


async def _body_fields(request: Request) -> dict[str, Any]:
    # A browser can't send this type to another origin without asking first, and we never consent.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidUsage(
            f"the body's type is '{kind or 'not given'}'.", fix="send JSON with content-type: application/json"
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise InvalidInput(f"the body is larger than {MOST_BODY_BYTES} bytes.", fix="send it in several parts")
    try:
        found = msgspec.json.decode(bytes(body) or b"{}")
    except msgspec.DecodeError as error:
        raise InvalidInput("the body is no JSON.", why=str(error)) from error
    if not isinstance(found, dict):
        raise InvalidInput("the body is no JSON object.", fix="send the fields by name")
    return found


def _literal_first(endpoints: tuple[Endpoint, ...]) -> list[Endpoint]:
    return sorted(endpoints, key=lambda endpoint: len(endpoint.path_fields))


def _respond(
    body: bytes, *, status: int = 200, kind: str = "application/json", headers: dict[str, str] | None = None
) -> Response:
    every = {"content-type": kind, "x-content-type-options": "nosniff", "cache-control": "no-store"}
    return Response(body, status_code=status, headers={**every, **(headers or {})})


@cache
def _document() -> bytes:
    # Made when it is asked for: it takes a tenth of the server's start.
    return wire.encode(openapi.document(ENDPOINTS))


@cache
def _documentation() -> bytes:
    return openapi.page(ENDPOINTS).encode()


def _constant(body: bytes | Callable[[], bytes], kind: str) -> Answer:
    headers = {"content-security-policy": PAGE_POLICY, "referrer-policy": "no-referrer"}

    async def answer(_request: Request) -> Response:
        return _respond(body() if callable(body) else body, kind=kind, headers=headers)

    return answer


def _ready(client: LocalClient) -> Answer:
    async def answer(_request: Request) -> Response:
        try:
            await run_in_threadpool(client.call, "health.show")
        except MlwrightError as error:
            return _respond(wire.fault_of(error), status=503)
        return _respond(b"ready\n", kind="text/plain; charset=utf-8")

    return answer


def _page_file(name: str) -> bytes:
    return resources.files("mlwright.ui").joinpath(name).read_bytes()


async def _on_http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    path = request.url.path
    if status == 405:
        refused = InvalidUsage(f"{request.method} {path} is not possible.", fix="see /api/docs for what is")
        return _respond(wire.fault_of(refused), status=405, headers=dict(getattr(error, "headers", None) or {}))
    return failure(NotFound(f"there is nothing at {path}.", fix="see /api/docs for what there is"))


def refuse_host(host: str) -> Response:
    """Return the answer to a request that asks a loopback server for another host's pages."""
    return failure(
        PermissionDenied(
            f"this server does not answer for the host '{host}'.",
            why="it is bound to this machine only, and another site's name points here",
            fix="open it as http://127.0.0.1 or http://localhost, or bind it elsewhere with --host",
        )
    )
