"""Speaking to the MLflow-compatible API in process, without a client, a socket or MLflow itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from mlwright.server.mlflow.app import MlflowApp

#: Tests that are run on both databases; the others are on SQLite only.
ON_BOTH = pytest.mark.parametrize(
    "served_project", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
PREFIX = "/api/2.0/mlflow"


class Reply(msgspec.Struct, frozen=True):
    """What was answered."""

    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        """Return the body as data."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The error's code; empty when it is none."""
        return str(self.json().get("error_code", "")) if self.status >= 400 else ""

    @property
    def message(self) -> str:
        """The error's sentence."""
        return str(self.json()["message"])


class Speaker:
    """Sends requests to an application, as a server would.

    Args:
        app: Who answers.
    """

    def __init__(self, app: MlflowApp) -> None:
        self.app = app

    def send(
        self, method: str, path: str, body: bytes = b"", *, query: str = "", kind: str = "", **headers: str
    ) -> Reply:
        """Send a request as it is; a header's `-` is written `_`."""
        said: list[Any] = []
        incoming = [{"type": "http.request", "body": body, "more_body": False}]
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": query.encode(),
            "headers": [(b"content-type", kind.encode())] if kind else [],
        }
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        scope["headers"] += [(name.encode(), value.encode()) for name, value in more.items()]

        async def receive() -> Any:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        asyncio.run(self.app(scope, receive, send))
        answered = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return Reply(said[0]["status"], b"".join(part.get("body", b"") for part in said[1:]), answered)

    def post(self, path: str, given: Any) -> Reply:
        """Send JSON, to a path below the API's prefix."""
        return self.send("POST", f"{PREFIX}/{path}", json.dumps(given).encode(), kind="application/json")

    def get(self, path: str, /, **query: Any) -> Reply:
        """Ask with a query string."""
        return self.send("GET", f"{PREFIX}/{path}", query=urlencode(query, doseq=True))

    def ok(self, path: str, given: Any) -> Any:
        """Send JSON and return the answer, which must be no error."""
        reply = self.post(path, given)
        assert reply.status == 200, reply
        return reply.json()

    def run(self, **given: Any) -> str:
        """Begin a run and return its id."""
        return str(self.ok("runs/create", {"start_time": 1000, **given})["run"]["info"]["run_id"])

    def shown(self, run_id: str) -> Any:
        """Return a run as it is answered."""
        reply = self.get("runs/get", run_id=run_id)
        assert reply.status == 200, reply
        return reply.json()["run"]


def patch(api: Speaker, path: str, body: Any) -> Reply:
    return api.send("PATCH", f"{PREFIX}/{path}", json.dumps(body).encode(), kind="application/json")


def drop(api: Speaker, path: str, body: Any) -> Reply:
    return api.send("DELETE", f"{PREFIX}/{path}", json.dumps(body).encode(), kind="application/json")
