"""Calling endpoints: in this process (`LocalClient`) or over HTTP (`RemoteClient`), with the same values and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote

import msgspec

from mlwright.api import wire
from mlwright.api.endpoint import PREFIX, Endpoint
from mlwright.api.table import find
from mlwright.errors import MlwrightError, ServerUnavailable

if TYPE_CHECKING:
    from mlwright.project import Project

#: A write may retrain a model before it answers: reading waits this long, connecting never.
READ_TIMEOUT_S = 600.0
CONNECT_TIMEOUT_S = 5.0


class Client(Protocol):
    """Calls endpoints by name."""

    def call(self, name: str, /, **fields: Any) -> Any:
        """Call the endpoint of this name and return its typed answer.

        Raises:
            MlwrightError: Of the family that the endpoint raised.
        """

    def close(self) -> None:
        """Give back connections."""


class LocalClient:
    """Calls endpoints in this process.

    Args:
        project: What they work on; closed with the client.
        overrides: Functions that replace those of the table, by endpoint name.
    """

    def __init__(self, project: Project, overrides: Mapping[str, Callable[[Project, Any], Any]] | None = None) -> None:
        self.project = project
        self._overrides = dict(overrides or {})

    def call(self, name: str, /, **fields: Any) -> Any:
        """Call the endpoint of this name and return its typed answer."""
        endpoint = find(name)
        return self.answer(endpoint, endpoint.bind(fields))

    def answer(self, endpoint: Endpoint, given: Any) -> Any:
        """Call an endpoint with its input, already checked."""
        return self._overrides.get(endpoint.name, endpoint.function)(self.project, given)

    def close(self) -> None:
        """Give back the ledger's connections."""
        self.project.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RemoteClient:
    """Calls endpoints of a running server.

    Args:
        url: Where `mlwright up` listens, for example `http://127.0.0.1:8300`.
        actor: Who acts, when a call doesn't say.
    """

    def __init__(self, url: str, *, actor: str = "") -> None:
        import httpx2

        self.url = url.rstrip("/")
        self.actor = actor
        timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self._http = httpx2.Client(timeout=timeout)

    def call(self, name: str, /, **fields: Any) -> Any:
        """Call the endpoint of this name and return its typed answer."""
        endpoint = find(name)
        if "actor" in endpoint.input.__struct_fields__ and self.actor:
            fields.setdefault("actor", self.actor)
        given = msgspec.to_builtins(endpoint.bind(fields))
        path = "/".join(
            quote(str(given.pop(part[1:-1])), safe="") if part.startswith("{") else part
            for part in endpoint.path.split("/")
        )
        if endpoint.method == "GET":
            body, query = None, {key: _query_text(value) for key, value in given.items() if value is not None}
        else:
            body, query = msgspec.json.encode(given), {}
        return self._read(endpoint, self._send(endpoint.method, f"{self.url}{PREFIX}{path}", body, query))

    def _send(self, method: str, url: str, body: bytes | None, query: dict[str, Any]) -> Any:
        import httpx2

        headers = {"content-type": "application/json"} if body is not None else {}
        try:
            return self._http.request(method, url, content=body, params=query, headers=headers)
        except httpx2.TransportError as error:
            raise ServerUnavailable(
                f"the server {self.url} doesn't answer.",
                why=str(error) or type(error).__name__,
                fix="start it with: mlwright up; or unset MLWRIGHT_SERVER to work on the ledger of this folder",
            ) from error
        except httpx2.InvalidURL as error:
            raise ServerUnavailable(f"'{self.url}' is no address of a server.", why=str(error)) from error

    def _read(self, endpoint: Endpoint, response: Any) -> Any:
        if response.is_success:
            try:
                return msgspec.json.decode(response.content, type=endpoint.output)
            except msgspec.DecodeError as error:
                raise MlwrightError(
                    f"the answer of {self.url} to '{endpoint.name}' can't be read.",
                    why=str(error),
                    fix="run the same version of mlwright on both sides",
                ) from error
        fault = wire.revive(response.content)
        if fault is None:
            raise ServerUnavailable(
                f"{self.url} answered '{endpoint.name}' with HTTP {response.status_code}.",
                why="the answer is not one of an mlwright server",
                fix="check the address",
            )
        raise fault

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _query_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [str(item) for item in value] if isinstance(value, list) else str(value)
