"""What MLflow's clients ask about the server itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.server.mlflow.route import Call, Receive, Route, Send, Stream
from mlwright.server.mlflow.values import Nothing

if TYPE_CHECKING:
    from mlwright.project import Project

#: The MLflow whose API this is: clients look at it to know what they may ask for.
SPOKEN_VERSION = "3.17.2"


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the server can do, in MLflow's words."""

    store_type: str = "SqlStore"
    workspaces_enabled: bool = False
    trace_archival_enabled: bool = False
    multipart_uploads_enabled: bool = True
    # It works, and clients that are told to use it do; the others would ask once more for every small file.
    multipart_downloads_enabled: bool = False
    presigned_upload_run_id_supported: bool = False
    presigned_upload_model_id_supported: bool = False
    features_enabled: dict[str, bool] = msgspec.field(default_factory=lambda: {"gateway": False})


async def health(_project: Project, _call: Call, _receive: Receive, send: Send) -> None:
    """Say that the server answers."""
    await _text(send, b"OK")


async def version(_project: Project, _call: Call, _receive: Receive, send: Send) -> None:
    """Say which MLflow's API is spoken."""
    await _text(send, SPOKEN_VERSION.encode())


def server_info(_project: Project, _given: Nothing) -> ServerInfo:
    """Say what the server can do."""
    return ServerInfo()


async def _text(send: Send, body: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


ROUTES = (
    Stream("GET", "//health", health),
    Stream("GET", "//version", version),
    Route("GET", "/mlflow/server-info", Nothing, server_info),
)
