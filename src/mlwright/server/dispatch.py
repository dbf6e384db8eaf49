"""The first thing a request meets: `/v2` goes to serving, MLflow's paths to its API, all else to the control plane."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Part(Protocol):
    """An application that knows its own paths."""

    def serves(self, path: str) -> bool:
        """Tell whether a path is this application's."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""


class Dispatcher:
    """The ASGI application of the whole server.

    Args:
        serving: Answers `/v2` (the hot path).
        mlflow: Answers the paths of MLflow's API.
        control: Answers everything else.
        loopback: True when the server is bound to this machine only: then the control plane answers no other host's
            name, which keeps pages of other sites from reaching it through a name that they made point here.
    """

    def __init__(self, serving: Application, mlflow: Part, control: Application, *, loopback: bool) -> None:
        self._serving = serving
        self._mlflow = mlflow
        self._control = control
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        path = scope.get("path", "")
        if path.startswith("/v2/") or path == "/v2":
            await self._serving(scope, receive, send)
        elif self._loopback and not is_loopback(host := _host(scope)):
            from mlwright.server.control import refuse_host

            await refuse_host(host)(scope, receive, send)
        elif self._mlflow.serves(path):
            await self._mlflow(scope, receive, send)
        else:
            # Routes are matched on the path as it was sent, so that a name may hold an escaped slash.
            raw = scope.get("raw_path") or path.encode()
            await self._control({**scope, "path": raw.decode("ascii", "replace")}, receive, send)


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own.

    Example:
        >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("example.org")
        (True, True, True, False)
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(scope: Scope) -> str:
    """Return the host that a request names, without its port; loopback when it names none."""
    for name, value in scope.get("headers", ()):
        if name == b"host":
            text = value.decode("latin-1").strip().lower()
            if text.startswith("["):
                return str(text[1:].partition("]")[0])
            return str(text.partition(":")[0])
    return "localhost"
