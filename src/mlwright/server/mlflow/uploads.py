"""Files that come in parts, and addresses at which they can be fetched in ranges.

A client asks where to send the parts, sends them in any order, and then has them put together. They are kept in the
store like everything else; those of uploads that were not completed within a week are given up and collected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import files
from mlwright.server.mlflow import paths, places, streams
from mlwright.server.mlflow.artifacts import check_origin, found_at
from mlwright.server.mlflow.route import Call, Receive, Route, Send, Stream
from mlwright.server.mlflow.values import NOTHING, Int64, Nothing, Required, decode

if TYPE_CHECKING:
    from mlwright.project import Project
    from mlwright.server.mlflow.places import Found

MOST_PARTS = 10_000


class CreateUpload(msgspec.Struct, frozen=True):
    """A file that comes in parts: the folder it goes to, its path at the client, and how many parts there will be."""

    folder: str
    path: Required
    num_parts: Int64 = 1


class EndUpload(msgspec.Struct, frozen=True):
    """The upload that is completed or aborted."""

    folder: str
    path: Required
    upload_id: str = ""
    parts: list[PartGiven] = []


class PartGiven(msgspec.Struct, frozen=True):
    """A part as the client has sent it."""

    part_number: Int64 = 0
    etag: str = ""
    url: str = ""


class Credential(msgspec.Struct, frozen=True):
    """Where to send one part."""

    url: str
    part_number: int
    headers: dict[str, str] = {}


class Upload(msgspec.Struct, frozen=True):
    """Where to send the parts of a file."""

    upload_id: str
    credentials: list[Credential]


class PresignUpload(msgspec.Struct, frozen=True):
    """What a client would like to upload without this server."""

    path: Required
    run_id: str = ""
    model_id: str = ""
    expiration: Int64 = 900


class PresignDownload(msgspec.Struct, frozen=True):
    """What a client would like to download without this server."""

    run_id: Required
    path: Required
    expiration: Int64 = 900


class Presigned(msgspec.Struct, frozen=True):
    """Where a file can be downloaded in ranges."""

    url: str
    headers: dict[str, str]
    file_size: int


def complete_upload(project: Project, given: EndUpload) -> Nothing:
    """Put the parts of a file together and keep it."""
    with project.ledger.read() as connection:
        row = files.find_upload(connection, given.upload_id)
        place = places.locate(connection, row.path)
    _check_same(row, given)
    numbers = [part.part_number for part in given.parts]
    if not numbers or numbers != sorted(set(numbers)):
        raise InvalidInput("Invalid value for parameter 'parts' supplied: each part has to be there once, in order.")
    for part in given.parts:
        kept = row.parts.get(part.part_number)
        if kept is None or part.etag.strip('"') not in ("", kept.digest):
            raise InvalidInput(f"part {part.part_number} of upload '{row.id}' was not received.", fix="send it again")
    whole = streams.join(project.store, [row.parts[number].digest for number in numbers])
    kept_blob = places.prepare(project.store, place, whole)
    with project.ledger.write(project.actor) as tx:
        files.find_upload(tx.connection, row.id, hold=True)
        places.keep(tx, place, kept_blob)
        files.end_upload(tx, row.id)
    return NOTHING


def abort_upload(project: Project, given: EndUpload) -> Nothing:
    """Forget a file that was to come in parts."""
    with project.ledger.write(project.actor) as tx:
        _check_same(files.find_upload(tx.connection, given.upload_id, hold=True), given)
        files.end_upload(tx, given.upload_id)
    return NOTHING


async def create_upload(project: Project, call: Call, receive: Receive, send: Send) -> None:
    """Begin to take a file in parts, and say where to send them."""
    check_origin(call)
    body = bytearray()
    more = True
    while more and len(body) < streams.PIECE_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    given: CreateUpload = decode(CreateUpload, bytes(body), {"folder": call.parts["folder"]})
    if not 1 <= given.num_parts <= MOST_PARTS:
        raise InvalidInput(f"Invalid value {given.num_parts} for parameter 'num_parts' supplied.", why="1 to 10000")
    path = _whole_path(given.folder, given.path)

    def begin() -> str:
        with project.ledger.write(project.actor) as tx:
            places.check_free(tx.connection, places.locate(tx.connection, path))
            return files.begin_upload(tx, path)

    id_ = await streams.in_thread(begin)
    base = f"{_base(call)}/api/2.0/mlflow-artifacts/mpu/part/{id_}"
    credentials = [Credential(f"{base}/{number}", number) for number in range(1, given.num_parts + 1)]
    await streams.say(send, msgspec.json.encode(Upload(id_, credentials)))


async def upload_part(project: Project, call: Call, receive: Receive, send: Send) -> None:
    """Keep one part of a file."""
    id_, number = call.parts["upload_id"], call.parts["number"]
    if not number.isascii() or not number.isdigit() or not 1 <= int(number[:6]) <= MOST_PARTS or len(number) > 5:
        raise InvalidInput(f"Invalid value '{number}' for parameter 'part_number' supplied.")

    def check() -> None:
        with project.ledger.read() as connection:
            files.find_upload(connection, id_)

    await streams.in_thread(check)
    blob = await streams.take(project.store, receive)

    def note() -> None:
        with project.ledger.write(project.actor) as tx:
            files.add_part(tx, id_, int(number), files.Part(blob.digest, blob.size_bytes))

    await streams.in_thread(note)
    await streams.say(send, more=[(b"etag", f'"{blob.digest}"'.encode())])


async def presign(project: Project, call: Call, _receive: Receive, send: Send) -> None:
    """Say where a file can be downloaded in ranges: at this server."""
    path = paths.checked_path(call.parts["target"])

    def look() -> Found:
        with project.ledger.read() as connection:
            return found_at(project, connection, places.locate(connection, path))

    found = await streams.in_thread(look)
    url = f"{_base(call)}/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"
    await streams.say(send, msgspec.json.encode(Presigned(url, {}, found.size_bytes)))


def presign_upload(_project: Project, given: PresignUpload) -> Nothing:
    """Refuse: files go through this server."""
    paths.checked_path(given.path)
    if bool(given.run_id) == bool(given.model_id):
        raise InvalidInput("Exactly one of run_id and model_id must be provided.")
    raise InvalidInput(
        "Presigned upload is not supported for proxied artifact storage.", fix="send the file to this server"
    )


def presign_download(_project: Project, given: PresignDownload) -> Nothing:
    """Refuse: files come from this server."""
    paths.checked_path(given.path)
    raise InvalidInput(
        "Presigned download is not supported for runs with proxied artifact storage.", fix="ask this server for it"
    )


def _check_same(row: files.UploadRow, given: EndUpload) -> None:
    if row.path != _whole_path(given.folder, given.path):
        raise InvalidInput(f"upload '{row.id}' is of another file.", why=f"it was begun for '{row.path}'")


def _whole_path(folder: str, local: str) -> str:
    """Return where a file of the client's goes: into the folder, under its own name."""
    name = local.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return paths.checked_path(f"{folder.rstrip('/')}/{name}" if folder.strip("/") else name)


def _base(call: Call) -> str:
    """Return the beginning of this server's URLs, as the client knows it."""
    host = call.headers.get(b"host", b"127.0.0.1").decode("latin-1")
    return f"http://{host}"


ROUTES = (
    Stream("POST", "/mlflow-artifacts/mpu/create/{folder:rest}", create_upload),
    Stream("PUT", "/mlflow-artifacts/mpu/part/{upload_id}/{number}", upload_part),
    Route("POST", "/mlflow-artifacts/mpu/complete/{folder:rest}", EndUpload, complete_upload),
    Route("POST", "/mlflow-artifacts/mpu/abort/{folder:rest}", EndUpload, abort_upload),
    Stream("GET", "/mlflow-artifacts/presigned/{target:rest}", presign),
    Route("POST", "/mlflow/artifacts/presigned-upload-url", PresignUpload, presign_upload),
    Route("POST", "/mlflow/artifacts/presigned-download-url", PresignDownload, presign_download),
)
