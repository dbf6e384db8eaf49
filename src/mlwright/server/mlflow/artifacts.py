"""Files of runs, models and versions, as MLflow's clients list, write, read and delete them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from mlwright.errors import InvalidInput, InvalidUsage, NotFound, PermissionDenied
from mlwright.server.mlflow import paths, places, streams
from mlwright.server.mlflow.errors import missing
from mlwright.server.mlflow.route import Call, Receive, Route, Send, Stream
from mlwright.server.mlflow.values import NOTHING, Answer, Nothing, Required

if TYPE_CHECKING:
    from mlwright.artifacts.port import Blob
    from mlwright.ledger import Connection
    from mlwright.project import Project
    from mlwright.server.mlflow.places import Found, Place

#: What the browser's page may upload in one request.
MOST_PAGE_BYTES = 10 * 1024 * 1024


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One file or folder of a listing."""

    path: str
    is_dir: bool
    file_size: int | msgspec.UnsetType = msgspec.UNSET


class ListAt(msgspec.Struct, frozen=True):
    """Which folder to list."""

    path: str = ""


class ListOfRun(msgspec.Struct, frozen=True):
    """Which folder of a run to list."""

    run_id: Required
    path: str = ""
    page_token: str = ""


class FileList(Answer, frozen=True, kw_only=True):
    """What is in a folder, and where the paths begin."""

    root_uri: str = ""
    files: list[FileInfo] = []


class DeleteAt(msgspec.Struct, frozen=True):
    """What to delete."""

    target: str


async def upload(project: Project, call: Call, receive: Receive, send: Send) -> None:
    """Keep a file at a path."""
    path = paths.checked_path(call.parts["target"])
    await _receive(project, lambda connection: places.locate(connection, path), receive)
    await streams.say(send)


async def download(project: Project, call: Call, _receive: Receive, send: Send) -> None:
    """Send the file at a path."""
    path = paths.checked_path(call.parts["target"])
    await give(project, lambda connection: places.locate(connection, path), call, send)


async def download_of_run(project: Project, call: Call, _receive: Receive, send: Send) -> None:
    """Send a file of a run, named by a query."""
    query = query_of(call)
    run_id, name = query.get("run_id") or query.get("run_uuid", ""), named(query, "path")
    await give(project, lambda connection: places.run_place(connection, run_id, name)[1], call, send)


async def upload_of_run(project: Project, call: Call, receive: Receive, send: Send) -> None:
    """Keep a small file of a run, named by a query."""
    check_origin(call)
    query = query_of(call)
    run_id = query.get("run_uuid") or query.get("run_id", "")
    if not run_id:
        raise InvalidInput("Request must specify run_uuid.")
    if not query.get("path"):
        raise InvalidInput("Request must specify path.")
    name = named(query, "path")
    length = call.headers.get(b"content-length", b"")
    if not length.isdigit() or int(length[:18]) > MOST_PAGE_BYTES:
        raise InvalidInput(
            f"Artifact size is too large. Max size is {MOST_PAGE_BYTES // 1024 // 1024}MB.",
            fix="use the client, which sends files of any size",
        )
    if not int(length[:18]):
        raise InvalidInput("Request must specify data.")
    await _receive(project, lambda connection: places.run_place(connection, run_id, name)[1], receive)
    await streams.say(send)


def list_at(project: Project, given: ListAt) -> FileList:
    """List a folder; the paths are names in it."""
    path = paths.checked_path(given.path)
    with project.ledger.read() as connection:
        found = places.listing(project.store, connection, places.locate(connection, path))
    return FileList(files=infos(found))


def list_of_run(project: Project, given: ListOfRun) -> FileList:
    """List a folder of a run; the paths begin at the run's artifacts."""
    name = paths.checked_path(given.path)
    with project.ledger.read() as connection:
        root, place = places.run_place(connection, given.run_id, name)
        found = places.listing(project.store, connection, place)
    return FileList(root_uri=root, files=infos(found, name))


def delete_at(project: Project, given: DeleteAt) -> Nothing:
    """Delete a file, or a folder with all below it."""
    places.remove(project, paths.checked_path(given.target))
    return NOTHING


def check_origin(call: Call) -> None:
    """Refuse what a page of another site sends: a browser asks nobody before it sends some kinds of requests.

    Raises:
        PermissionDenied: The request names an origin that isn't this server.
    """
    origin = call.headers.get(b"origin")
    if origin is not None and origin.partition(b"://")[2] != call.headers.get(b"host"):
        raise PermissionDenied("this server takes no files from pages of other sites.")


async def _receive(project: Project, where: Callable[[Connection], Place], receive: Receive) -> None:
    """Keep a request's body at a place, which is looked at before the body is taken."""

    def look() -> Place:
        with project.ledger.read() as connection:
            place = where(connection)
            places.check_free(connection, place)
            return place

    place = await streams.in_thread(look)
    blob = await streams.take(project.store, receive)
    await streams.in_thread(lambda: _keep(project, place, blob))


def _keep(project: Project, place: Place, blob: Blob) -> None:
    kept = places.prepare(project.store, place, blob)
    with project.ledger.write(project.actor) as tx:
        places.keep(tx, place, kept)


async def give(project: Project, where: Callable[[Connection], Place], call: Call, send: Send) -> None:
    """Send the file at a place."""

    def look() -> tuple[Place, Found]:
        with project.ledger.read() as connection:
            place = where(connection)
            return place, found_at(project, connection, place)

    place, found = await streams.in_thread(look)
    await streams.give(project.store, found, place.name.rsplit("/", 1)[-1], call, send)


def found_at(project: Project, connection: Connection, place: Place) -> Found:
    """Return the file at a place.

    Raises:
        NotFound: There is nothing.
        InvalidInput: There is a folder.
    """
    found = places.find(project.store, connection, place)
    if found is not None:
        return found
    if not place.name or places.listing(project.store, connection, place):
        raise InvalidInput(f"Artifact path refers to a directory, not a file: '{place.path}'.")
    raise NotFound(f"No such artifact: '{place.path}'.")


def infos(found: list[places.Listed], folder: str = "") -> list[FileInfo]:
    """Return what was found in a folder, as it is answered; the paths begin with `folder`."""
    start = f"{folder}/" if folder else ""
    return [
        FileInfo(
            path=f"{start}{entry.name}",
            is_dir=entry.is_folder,
            file_size=msgspec.UNSET if entry.size_bytes is None else entry.size_bytes,
        )
        for entry in found
    ]


def query_of(call: Call) -> dict[str, str]:
    """Return the fields of a request's query; of one that comes twice, the last."""
    try:
        pairs = parse_qsl(call.query.decode("ascii", "replace"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise InvalidUsage("the query string can't be read.", why=str(error), error_code="BAD_REQUEST") from error
    return dict(pairs)


def named(query: dict[str, str], field: str) -> str:
    """Return the path that a field of a query names, which has to be there."""
    if not query.get(field):
        raise missing(field)
    return paths.checked_path(query[field])


ROUTES = (
    Route("GET", "/mlflow-artifacts/artifacts", ListAt, list_at),
    Stream("GET", "/mlflow-artifacts/artifacts/{target:rest}", download),
    Stream("PUT", "/mlflow-artifacts/artifacts/{target:rest}", upload),
    Route("DELETE", "/mlflow-artifacts/artifacts/{target:rest}", DeleteAt, delete_at),
    Route("GET", "/mlflow/artifacts/list", ListOfRun, list_of_run),
    Stream("GET", "//get-artifact", download_of_run),
    Stream("GET", "/mlflow/get-artifact", download_of_run),
    Stream("POST", "/mlflow/upload-artifact", upload_of_run),
)
