"""Files that pass through the server in pieces, so that its memory stays flat whatever their size.

A request's body goes to the store while it is hashed, and appears there whole or not at all. An answer is read from the
store's verified file; a client may ask for a range of it.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import quote

import msgspec

from mlwright.errors import InvalidInput, MlwrightError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlwright.artifacts.port import ArtifactStore, Blob
    from mlwright.server.mlflow.places import Found
    from mlwright.server.mlflow.route import Call, Receive, Send

#: How much of a file is in memory at a time.
PIECE_BYTES = 1 << 20
#: How many files may pass at the same time; more wait.
MOST_AT_ONCE = 32

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`|~-]+")
#: Endings that are shown as text, whatever else the system may call them.
_TEXT = frozenset(
    (
        *("cf", "cfg", "cnf", "conf", "csv", "err", "hocon", "ini", "ipynb", "js", "json", "log", "md", "mlmodel"),
        *("mlproject", "prop", "properties", "py", "py3", "rst", "toml", "tsv", "txt", "xml", "yaml", "yml"),
    )
)
_T = TypeVar("_T")

# Apart from the threads that answer everything else, so that slow uploads hold up nobody.
_threads = ThreadPoolExecutor(MOST_AT_ONCE, "mlwright-files")


async def in_thread(work: Callable[[], _T]) -> _T:
    """Run some work in one of the threads that files have; return what it returns."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


async def take(store: ArtifactStore, receive: Receive) -> Blob:
    """Store a request's body.

    Raises:
        InvalidInput: The client went away before it had sent everything; nothing is kept.
    """
    pieces = _pieces(receive)
    first = await anext(pieces)
    if not first.is_last:
        return await _pour(store, first, pieces)
    body = b"".join(first.chunks)
    return await in_thread(lambda: store.put(body))


async def give(store: ArtifactStore, found: Found, name: str, call: Call, send: Send) -> None:
    """Send a file as an attachment, or the range of it that was asked for.

    Raises:
        NotFound: The store doesn't have it.
        IntegrityError: Its content is damaged.
    """
    headers = _headers(found, name)
    if call.headers.get(b"if-none-match") == _etag(found):
        await _head(send, 304, headers)
        await send({"type": "http.response.body", "body": b""})
        return
    span = _span(call.headers.get(b"range", b"").decode("latin-1"), found.size_bytes)
    if span is None:
        headers.append((b"content-range", f"bytes */{found.size_bytes}".encode()))
        await _head(send, 416, headers)
        await send({"type": "http.response.body", "body": b""})
        return
    if call.is_head:
        await _head(send, 200, [*headers, (b"content-length", str(found.size_bytes).encode())])
        await send({"type": "http.response.body", "body": b""})
        return
    path = await in_thread(lambda: store.path(found.digest))
    with await in_thread(lambda: open(path, "rb")) as file:
        length = span.stop - span.start
        headers.append((b"content-length", str(length).encode()))
        is_part = length != found.size_bytes
        if is_part:
            headers.append((b"content-range", f"bytes {span.start}-{span.stop - 1}/{found.size_bytes}".encode()))
            file.seek(span.start)
        await _head(send, 206 if is_part else 200, headers)
        await _send_pieces(file, length, send)


def join(store: ArtifactStore, digests: list[str]) -> Blob:
    """Store the contents of some blobs one after the other, as one."""

    def write(target: BinaryIO) -> None:
        for digest in digests:
            with open(store.path(digest), "rb") as part:
                while piece := part.read(PIECE_BYTES):
                    target.write(piece)

    return store.put(write)


def content_type(name: str) -> str:
    """Return the media type that a file's name says it has.

    Example:
        >>> content_type("MLmodel"), content_type("plot.png"), content_type("weights")
        ('text/plain', 'image/png', 'application/octet-stream')
    """
    ending = (Path(name).suffix[1:] or name).lower()
    if ending in _TEXT:
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


class _Piece(msgspec.Struct):
    """Some of a body, and whether it is the end of it."""

    chunks: list[bytes]
    is_last: bool


async def _pieces(receive: Receive) -> AsyncIterator[_Piece]:
    """Go through a request's body in pieces of about `PIECE_BYTES`."""
    more = True
    while more:
        chunks: list[bytes] = []
        size = 0
        while more and size < PIECE_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidInput("the client went away before it had sent the whole file.", fix="send it again")
            chunk = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            more = message.get("more_body", False)
        yield _Piece(chunks, not more)


async def _pour(store: ArtifactStore, first: _Piece, rest: AsyncIterator[_Piece]) -> Blob:
    """Store a body while it arrives: a thread writes one piece while the next one is received."""
    loop = asyncio.get_running_loop()

    def write(target: BinaryIO) -> None:
        piece = first
        while True:
            coming = None if piece.is_last else asyncio.run_coroutine_threadsafe(_next(rest), loop)
            for chunk in piece.chunks:
                target.write(chunk)
            if coming is None:
                return
            piece = coming.result()

    return await in_thread(lambda: store.put(write))


async def _next(rest: AsyncIterator[_Piece]) -> _Piece:
    return await anext(rest)


async def _send_pieces(file: BinaryIO, length: int, send: Send) -> None:
    left = length
    while left:
        wanted = min(left, PIECE_BYTES)
        piece = await in_thread(lambda wanted=wanted: file.read(wanted))  # type: ignore[misc]
        if not piece:
            raise MlwrightError("a file of the store became shorter while it was sent.")
        left -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
    if not length:
        await send({"type": "http.response.body", "body": b""})


async def _head(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


def _headers(found: Found, name: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", content_type(name).encode()),
        (b"content-disposition", _attachment(name).encode("ascii")),
        # A browser must neither guess another type nor run what somebody uploaded.
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"no-cache"),
        (b"etag", _etag(found)),
    ]


def _attachment(name: str) -> str:
    """Return the header that tells a client the file's name (RFC 6266)."""
    if _TOKEN.fullmatch(name):
        return f"attachment; filename={name}"
    # No control character: a line break would begin another header.
    plain = re.sub(r'[^ -~]|[\\"]', "", name).strip() or "download"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _etag(found: Found) -> bytes:
    return f'"{found.digest}"'.encode()


def _span(asked: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for: all when it can't be understood, None when there are none such."""
    match = _RANGE.fullmatch(asked.strip())
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        return range(size)
    if not first:
        return range(max(0, size - int(last)), size) if int(last) and size else None
    end = min(int(last), size - 1) if last else size - 1
    if int(first) >= size or (last and int(last) < int(first)):
        return None
    return range(int(first), end + 1)


async def say(send: Send, body: bytes = b"{}", *, more: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send an answer that is JSON."""
    headers = [
        (b"content-type", b"application/json"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", str(len(body)).encode()),
        *(more or []),
    ]
    await _head(send, 200, headers)
    await send({"type": "http.response.body", "body": body})
