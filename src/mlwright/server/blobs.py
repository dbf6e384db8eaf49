"""Taking artifacts from clients: `PUT /api/v1/blobs/{digest}`, streamed, and kept only under the digest that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from mlwright.api import wire
from mlwright.core.digest import is_digest
from mlwright.errors import IntegrityError, InvalidInput, MlwrightError
from mlwright.server.mlflow import streams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mlwright.artifacts.port import ArtifactStore


def taking(store: ArtifactStore) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers the upload of an artifact.

    Args:
        store: Where to.
    """

    async def answer(request: Request) -> Response:
        try:
            await _take(store, unquote(request.path_params["digest"]), request)
        except MlwrightError as error:
            # Bytes that don't fit their digest are the sender's fault here, not the store's.
            status = 400 if isinstance(error, IntegrityError) else error.http_status
            return Response(wire.fault_of(error), status_code=status, media_type="application/json")
        return Response(status_code=204)

    return answer


async def _take(store: ArtifactStore, digest: str, request: Request) -> None:
    if not is_digest(digest):
        raise InvalidInput(f"'{digest}' is no digest.", why="a digest is 'sha256:' and 64 hexadecimal digits")
    # A browser can't send this type to another origin without asking first, and we never consent.
    if request.headers.get("content-type", "") != "application/octet-stream":
        raise InvalidInput("the body's type isn't application/octet-stream.", fix="say so in content-type")
    blob = await streams.take(store, request.receive)
    if blob.digest != digest:
        raise IntegrityError(
            f"what arrived is not the artifact {digest}.",
            why=f"its digest is {blob.digest}: it was changed on the way, or is another file",
            fix="send it again",
            digest=digest,
        )
