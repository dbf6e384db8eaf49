"""What a route is, and how the route of a request is found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.ledger import Transaction

if TYPE_CHECKING:
    from mlwright.project import Project

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: What a path begins with before the part that a route names.
PREFIXES = ("/api/2.0", "/api/3.0", "/ajax-api/2.0", "/ajax-api/3.0")


class Route(msgspec.Struct, frozen=True):
    """A route whose function opens its own transactions, in a thread.

    Attributes:
        method: HTTP method.
        path: Begins after the prefix; `{name}` stands for a part, `{name:rest}` for all that is left.
        request: Struct that the request is decoded into; a path's parts are fields of it.
        answer: Returns the answer, a Struct.
    """

    method: str
    path: str
    request: type[msgspec.Struct]
    answer: Callable[[Project, Any], Any]


class Change(msgspec.Struct, frozen=True):
    """A route whose function changes the ledger in a transaction that it is given; see `Route`."""

    method: str
    path: str
    request: type[msgspec.Struct]
    answer: Callable[[Transaction, Any], Any]


class Call(msgspec.Struct, frozen=True):
    """A request as a `Stream` gets it.

    Attributes:
        parts: The path's parts by name, decoded.
        query: The query string, as it was sent.
        headers: By name in lower case.
        is_head: Whether only the head of the answer is wanted.
    """

    parts: dict[str, str]
    query: bytes
    headers: dict[bytes, bytes]
    is_head: bool = False


class Stream(msgspec.Struct, frozen=True):
    """A route whose coroutine reads the body and sends the answer by itself; see `Route`."""

    method: str
    path: str
    answer: Callable[[Project, Call, Receive, Send], Awaitable[None]]


AnyRoute = Route | Change | Stream


class Table:
    """Finds the route of a request.

    Args:
        routes: All routes.
    """

    def __init__(self, routes: Sequence[AnyRoute]) -> None:
        self._fixed: dict[tuple[str, str], AnyRoute] = {}
        self._open: list[tuple[list[str], AnyRoute]] = []
        for route in routes:
            if "{" in route.path:
                self._open.append((route.path.split("/"), route))
            else:
                for path in _whole(route.path):
                    self._fixed[route.method, path] = route

    def serves(self, path: str) -> bool:
        """Tell whether a path is one of this table's: below a prefix, or one that it has at the root."""
        path = _single(path)
        return path.startswith(tuple(f"{prefix}/mlflow" for prefix in PREFIXES)) or ("GET", path) in self._fixed

    def find(self, method: str, path: str) -> tuple[AnyRoute, dict[str, str]] | None:
        """Return the route of a request and the parts of its path, None when there is none."""
        path = _single(path)
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, {}
        given = _short(path).split("/")
        for wanted, route in self._open:
            if route.method == method and (parts := _fit(wanted, given)) is not None:
                return route, parts
        return None

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path takes."""
        return [method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if self.find(method, path)]


def _single(path: str) -> str:
    """Return a path that begins with one slash: some clients put one more behind the server's address."""
    return f"/{path.lstrip('/')}" if path.startswith("//") else path


def _whole(path: str) -> list[str]:
    return [path[1:]] if path.startswith("//") else [f"{prefix}{path}" for prefix in PREFIXES]


def _short(path: str) -> str:
    for prefix in PREFIXES:
        if path.startswith(prefix):
            return path[len(prefix) :]
    return f"/{path}"


def _fit(wanted: list[str], given: list[str]) -> dict[str, str] | None:
    """Return the parts of a path by name, None when it doesn't fit."""
    parts: dict[str, str] = {}
    for index, piece in enumerate(wanted):
        if piece.endswith(":rest}"):
            parts[piece[1:-6]] = "/".join(given[index:])
            return parts if len(given) > index else None
        if index >= len(given):
            return None
        if piece.startswith("{"):
            if not given[index]:
                return None
            parts[piece[1:-1]] = given[index]
        elif piece != given[index]:
            return None
    return parts if len(wanted) == len(given) else None
