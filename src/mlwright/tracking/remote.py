"""Journals over HTTP: frames go to a server, and before them the artifacts that they name.

The server answers how far it has the journal, and the next part begins there: whatever was lost on the way, or arrived
without its answer arriving, is sent exactly once more or not at all.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from mlwright.artifacts import gc
from mlwright.artifacts.store import ArtifactStore, open_store
from mlwright.core.clock import Clock, SystemClock
from mlwright.core.faults import revive
from mlwright.core.masking import mask
from mlwright.core.settings import Settings
from mlwright.errors import IntegrityError, MlwrightError, NotFound, ServerUnavailable
from mlwright.ledger.resuming import Resumable
from mlwright.tracking import forking
from mlwright.tracking import journal as journals
from mlwright.tracking.destinations import Shipped
from mlwright.tracking.records import Artifact, Captured, Closed, Opened

PART_BYTES = 4 * 1024 * 1024
PREFIX = "/api/v1"
CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 30.0
_CHUNK = 1 << 20
_NOT_OURS = "the answer is not one of an mlwright server"
_Kind = TypeVar("_Kind")


class _Part(NamedTuple):
    """Some frames of a journal.

    Attributes:
        data: The frames.
        end: Where they end.
        records: How many.
        digests: The artifacts that they name.
    """

    data: bytes
    end: int
    records: int
    digests: list[str]


class ServerDestination:
    """A server, which need not run all the time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock: Clock = SystemClock()
        self._url = settings.server.rstrip("/")
        self._store: ArtifactStore | None = None
        self._lock = threading.Lock()
        self._http: Any = None
        self._there: set[str] = set()
        forking.watch(self)

    def store(self) -> ArtifactStore:
        """Return the store of this machine, which artifacts are uploaded from."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self.settings.artifacts, durability=self.settings.durability)
            return self._store

    def ship(self, path: Path, opened: Opened, *, since: int = 0) -> Shipped:
        """Send the new records in parts; see `Destination.ship`."""
        position, total, closed = since, 0, False
        if since == 0:
            # Somebody may have sent a part before: asking costs less than sending it again.
            position, closed = self._append(opened, 0, b"", None)
        while not closed:
            part = _part(path, position)
            if not part.records:
                return Shipped(position, total, False)
            self._upload(part.digests)
            reached, closed = self._append(opened, position, part.data, None)
            if reached == position and not closed:
                raise ServerUnavailable(
                    f"the server {self.describe()} takes no part of a journal.",
                    why=f"it stays at byte {position}",
                    fix="look into the server's log",
                )
            total += part.records if reached == part.end else 0
            position = reached
        return Shipped(position, total, True)

    def close_lost(self, opened: Opened, closed: Closed) -> None:
        """Have the server close the run unless it was closed."""
        self._append(opened, 0, b"", closed)

    def find(self, *, run_id: str = "", name: str = "", experiment: str = "") -> Resumable | None:
        """Ask the server."""
        query = {"run": run_id, "name": name, "experiment": experiment}
        try:
            answer = self._request("GET", "/journals/resumable", params=query)
        except NotFound:
            return None
        return self._read(answer, Resumable)

    def fork(self, run_id: str, *, at_step: int | None, name: str) -> str:
        """Ask the server to make it."""
        body = {"at_step": at_step, "name": name, "actor": self.settings.actor}
        answer = self._request("POST", f"/runs/{quote(run_id, safe='')}/fork", json=body)
        return self._read(answer, _Forked).run_id

    def describe(self) -> str:
        """Return the server's URL."""
        from mlwright.core.settings import redact

        return redact(self._url)

    def renew_after_fork(self) -> None:
        """Leave the connections to the parent process."""
        self._lock = threading.Lock()
        self._http = None

    def _append(self, opened: Opened, offset: int, frames: bytes, lost: Closed | None) -> tuple[int, bool]:
        body: dict[str, Any] = {
            "opened": msgspec.to_builtins(opened),
            "offset": offset,
            "frames": base64.b64encode(frames).decode(),
        }
        if lost is not None:
            body["lost"] = msgspec.to_builtins(lost)
        answer = self._read(self._request("POST", "/journals/append", json=body), _Answer)
        return answer.position, answer.closed

    def _upload(self, digests: list[str]) -> None:
        """Bring the server what it doesn't have of some artifacts and of what they consist of."""
        wanted = [digest for digest in _with_parts(self.store(), digests) if digest not in self._there]
        if not wanted:
            return
        answer = self._request("POST", "/blobs/missing", json={"digests": wanted})
        for digest in self._read(answer, _Missing).missing:
            self._put(digest)
        self._there.update(wanted)

    def _put(self, digest: str) -> None:
        file = self.store().path(digest)

        def chunks() -> Iterator[bytes]:
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    yield chunk

        headers = {"content-length": str(file.stat().st_size), "content-type": "application/octet-stream"}
        self._request("PUT", f"/blobs/{digest}", content=chunks, headers=headers)

    def _request(
        self,
        method: str,
        path: str,
        *,
        content: Callable[[], Iterator[bytes]] | None = None,
        headers: dict[str, str] | None = None,
        **what: Any,
    ) -> bytes:
        import httpx2

        if content is not None:
            what["content"] = content()
        try:
            response = self._client().request(method, f"{self._url}{PREFIX}{path}", headers=headers, **what)
        except httpx2.RequestError as error:
            raise ServerUnavailable(
                f"the server {self.describe()} doesn't answer.",
                why=mask(str(error)) or type(error).__name__,
                fix="what was logged is kept and shipped later: by the next start, or mlwright sync",
            ) from error
        except httpx2.InvalidURL as error:
            raise ServerUnavailable(
                f"'{self.describe()}' is no address of a server.",
                why=mask(str(error)),
                fix="set MLWRIGHT_SERVER to the URL that mlwright up tells, for example http://127.0.0.1:8300",
            ) from error
        if response.is_success:
            return bytes(response.content)
        raise self._fault(response)

    def _fault(self, response: Any) -> MlwrightError:
        found = revive(response.content)
        if found is None or type(found) is MlwrightError:
            return ServerUnavailable(
                f"the server {self.describe()} answered with HTTP {response.status_code}.",
                why=str(found) if found else _NOT_OURS,
                fix="what was logged is kept; check the address and the server's log",
            )
        return found

    def _read(self, answer: bytes, kind: type[_Kind]) -> _Kind:
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.MsgspecError as error:
            raise ServerUnavailable(
                f"the server {self.describe()} answered something else than was asked.",
                why=f"{_NOT_OURS}: {error}",
                fix="what was logged is kept; check the address, and what stands between here and there",
            ) from error

    def _client(self) -> Any:
        import httpx2

        with self._lock:
            if self._http is None:
                timeout = httpx2.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
                self._http = httpx2.Client(timeout=timeout)
            return self._http


class _Answer(msgspec.Struct):
    position: int
    closed: bool


class _Forked(msgspec.Struct):
    run_id: str


class _Missing(msgspec.Struct):
    missing: list[str]


def _part(path: Path, start: int) -> _Part:
    """Return the next frames of a journal, at least one if there is one."""
    digests: list[str] = []
    count, end = 0, start
    for frame in journals.read(path, start=start):
        count, end = count + 1, frame.end
        if isinstance(frame.record, Artifact):
            digests.append(frame.record.digest)
        elif isinstance(frame.record, Captured) and frame.record.environment_digest:
            digests.append(frame.record.environment_digest)
        if end - start >= PART_BYTES:
            break
    with path.open("rb") as file:
        file.seek(start)
        return _Part(file.read(end - start), end, count, digests)


def _with_parts(store: ArtifactStore, digests: list[str]) -> list[str]:
    """Return artifacts with all that they consist of, those parts first.

    Raises:
        IntegrityError: One of them is gone from this machine's store, or damaged.
    """
    found: dict[str, None] = {}
    pending = list(digests)
    while pending:
        digest = pending.pop()
        if digest in found:
            continue
        found[digest] = None
        pending += [part for part in gc.named_in(store, digest) if store.has(part)]
    for digest in digests:
        if not store.has(digest):
            raise IntegrityError(
                f"the artifact {digest} is gone from this machine's store.",
                why="it was removed before it could be uploaded",
                fix="bring it back to the store of this machine, then: mlwright sync --again",
            )
    return list(reversed(found))
