"""Speaking MLflow's REST API: requests with their retries, pages, streams, and errors by name."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import msgspec

from mlwright.core.settings import redact
from mlwright.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidUsage,
    MlwrightError,
    NotFound,
    PermissionDenied,
    ServerUnavailable,
)

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 120.0
_TRIES = 3
_PAUSE_S = 0.5
_CHUNK = 1 << 20


class Speaker:
    """A connection to an MLflow server. Safe to share between threads.

    Args:
        url: Address of the server.
        environment: Where credentials are: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD.
    """

    def __init__(self, url: str, environment: Mapping[str, str] | None = None) -> None:
        import httpx2

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidUsage(f"'{redact(url)}' is no address of a server.", fix="give http://HOST:PORT")
        host = parts.netloc.rpartition("@")[2]
        self._base = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
        timeout = httpx2.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        headers = _credentials(parts.username, parts.password, os.environ if environment is None else environment)
        self._http = httpx2.Client(timeout=timeout, headers=headers)

    def describe(self) -> str:
        """Return the address, without credentials."""
        return self._base

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def get(self, path: str, /, **query: Any) -> dict[str, Any]:
        """Ask for something; `path` begins after the API's prefix, or with `/api`."""
        return self._json("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, /, *, again: bool = False, **body: Any) -> dict[str, Any]:
        """Send something; with `again` it may be sent again when no answer came."""
        return self._json("POST", path, again=again, json=body)

    def search(self, path: str, name: str, /, **body: Any) -> Iterator[dict[str, Any]]:
        """Go through all items of a search, page by page; it changes nothing at the server."""
        token: str | None = None
        while True:
            page = self._json("POST", path, again=True, json={**body, **({"page_token": token} if token else {})})
            yield from page.get(name, ())
            token = page.get("next_page_token")
            if not token:
                return

    def pages(self, path: str, name: str, /, **query: Any) -> Iterator[list[dict[str, Any]]]:
        """Go through the pages of a listing."""
        token: str | None = None
        while True:
            page = self.get(path, **query, page_token=token)
            yield page.get(name, [])
            token = page.get("next_page_token")
            if not token:
                return

    def download(self, path: str, file: BinaryIO, /, **query: str) -> None:
        """Write a file of the server into an open file."""
        import httpx2

        try:
            with self._http.stream("GET", self._url(path), params=query) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise self._refusal(answer, path)
                for chunk in answer.iter_bytes(_CHUNK):
                    file.write(chunk)
        except httpx2.TransportError as error:
            raise self._gone(error) from error

    def upload(self, path: str, file: BinaryIO) -> None:
        """Send an open file to a path of the server's artifacts."""
        import httpx2

        try:
            answer = self._http.put(
                self._url(f"{ARTIFACTS}/{quote(path)}"),
                content=iter(lambda: file.read(_CHUNK), b""),
                headers={"Content-Type": "application/octet-stream"},
            )
        except httpx2.TransportError as error:
            raise self._gone(error) from error
        if answer.status_code >= 400:
            raise self._refusal(answer, path)

    def _json(self, method: str, path: str, *, again: bool = False, **options: Any) -> dict[str, Any]:
        import httpx2

        tries = _TRIES if again or method == "GET" else 1
        for attempt in range(1, tries + 1):
            try:
                answer = self._http.request(method, self._url(path), **options)
                break
            except httpx2.TransportError as error:
                if attempt == tries:
                    raise self._gone(error) from error
                time.sleep(_PAUSE_S * attempt)
        if answer.status_code >= 400:
            raise self._refusal(answer, path)
        try:
            # Some of MLflow's answers hold NaN, which is no JSON; the standard library reads it.
            found = answer.json()
        except ValueError as error:
            raise self._stranger(f"it answered {path} with something that is no JSON") from error
        if not isinstance(found, dict):
            raise self._stranger(f"it answered {path} with something that is no object")
        return found

    def _url(self, path: str) -> str:
        return self._base + (path if path.startswith("/") else f"{API}/{path}")

    def _gone(self, error: Exception) -> ServerUnavailable:
        return ServerUnavailable(
            f"the server {self._base} doesn't answer.",
            why=f"{type(error).__name__}: {error}",
            fix="see that it runs, then give the same command again: it goes on where it stopped",
        )

    def _stranger(self, why: str) -> InvalidUsage:
        return InvalidUsage(
            f"{self._base} is no MLflow server.", why=why, fix="give the address that MLFLOW_TRACKING_URI has"
        )

    def _refusal(self, answer: Any, path: str) -> MlwrightError:
        status = answer.status_code
        try:
            said = msgspec.json.decode(answer.content, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            said = {}
        code, message = str(said.get("error_code") or ""), str(said.get("message") or "")
        why = f"{code or f'status {status}'}: {message[:500]}".rstrip(": ")
        if status in (401, 403):
            return PermissionDenied(
                f"{self._base} refuses {path}.",
                why=why,
                fix="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        if status in (429, 502, 503, 504):
            return ServerUnavailable(f"{self._base} can't answer {path} now.", why=why, fix="try again later")
        if not code and path.startswith(("experiments/", "runs/", "registered-models/")):
            return self._stranger(f"it answers {path} with status {status}")
        kinds: dict[str, type[MlwrightError]] = {
            "RESOURCE_DOES_NOT_EXIST": NotFound,
            "NOT_FOUND": NotFound,
            "ENDPOINT_NOT_FOUND": NotFound,
            "RESOURCE_ALREADY_EXISTS": AlreadyExists,
        }
        kind = kinds.get(code, NotFound if status == 404 else InvalidInput)
        return kind(f"{self._base} refuses {path}.", why=why, error_code=code)


def _credentials(user: str | None, password: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    token = environment.get("MLFLOW_TRACKING_TOKEN", "")
    user = user or environment.get("MLFLOW_TRACKING_USERNAME", "")
    password = password or environment.get("MLFLOW_TRACKING_PASSWORD", "")
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {token}"} if token else {}
