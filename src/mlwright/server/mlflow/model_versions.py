"""Versions of registered models: registered, described, tagged, moved between stages, deleted, and downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import Transaction, registry_changes, registry_edits
from mlwright.registry import edits
from mlwright.registry.mlflow_models import EXTERNAL
from mlwright.server.mlflow import artifacts, paths, sources
from mlwright.server.mlflow.checks import check_key
from mlwright.server.mlflow.errors import missing
from mlwright.server.mlflow.places import Place
from mlwright.server.mlflow.registering import Wanted, register
from mlwright.server.mlflow.registry import check_name, check_tag, tags_in, version_number
from mlwright.server.mlflow.registry_shapes import OneVersion, download_uri, version_out
from mlwright.server.mlflow.route import Call, Change, Receive, Route, Send, Stream
from mlwright.server.mlflow.shapes import Tag
from mlwright.server.mlflow.values import NOTHING, Nothing, Required

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project

LONGEST_SOURCE = 2000
_ACTIVE = ("Staging", "Production")


class CreateVersion(msgspec.Struct, frozen=True):
    """A version to be registered."""

    name: Required
    source: Required
    run_id: str | None = None
    tags: list[Tag] = []
    run_link: str = ""
    description: str = ""
    model_id: str | None = None


class NamedVersion(msgspec.Struct, frozen=True):
    """Which version."""

    name: Required
    version: Required


class DescribeVersion(msgspec.Struct, frozen=True):
    """What is said about a version."""

    name: Required
    version: Required
    description: str = ""


class MoveVersion(msgspec.Struct, frozen=True):
    """The stage that a version moves to, and whether the versions that are there are archived."""

    name: Required
    version: Required
    stage: Required
    archive_existing_versions: bool = False


class SetTag(msgspec.Struct, frozen=True):
    """A tag that a version gets."""

    name: Required
    version: Required
    key: Required
    value: str = ""


class DeleteTag(msgspec.Struct, frozen=True):
    """A tag that a version loses."""

    name: Required
    version: Required
    key: Required


class DownloadUri(msgspec.Struct, frozen=True):
    """Where a version's files are downloaded."""

    artifact_uri: str


def create(project: Project, given: CreateVersion) -> OneVersion:
    """Register the next version of a model."""
    check_name(given.name)
    if len(given.source) > LONGEST_SOURCE:
        raise InvalidInput(f"'source' exceeds the maximum length of {LONGEST_SOURCE} characters.")
    wanted = Wanted(
        name=given.name,
        given=sources.Given(given.source, given.run_id, given.model_id),
        tags=tags_in(given.tags),
        description=given.description,
        run_link=given.run_link,
    )
    return OneVersion(version_out(register(project, wanted)))


def get(project: Project, given: NamedVersion) -> OneVersion:
    """Return a version."""
    check_name(given.name)
    with project.ledger.read() as connection:
        return _one(connection, given.name, version_number(given.version))


def describe(tx: Transaction, given: DescribeVersion) -> OneVersion:
    """Say what is special about a version."""
    version = _held(tx, given.name, given.version)
    registry_changes.describe(tx, given.name, version, given.description)
    return _one(tx.connection, given.name, version)


def move(tx: Transaction, given: MoveVersion) -> OneVersion:
    """Move a version to a stage."""
    stage = sources.stage_of(given.stage)
    if given.archive_existing_versions and stage not in _ACTIVE:
        raise InvalidInput(
            f"Model version transition cannot archive existing model versions because '{given.stage}' is not an "
            f"Active stage. Valid stages are {', '.join(_ACTIVE)}."
        )
    version = _held(tx, given.name, given.version)
    if given.archive_existing_versions:
        for other in registry_edits.registered(tx.connection, given.name):
            if other.row.stage == stage and other.row.version != version:
                registry_changes.set_stage(tx, given.name, other.row.version, "Archived")
    registry_changes.set_stage(tx, given.name, version, stage)
    registry_edits.touch_model(tx, given.name)
    return _one(tx.connection, given.name, version)


def delete(tx: Transaction, given: NamedVersion) -> Nothing:
    """Delete a version."""
    check_name(given.name)
    edits.delete_version(tx, given.name, version_number(given.version))
    return NOTHING


def set_tag(tx: Transaction, given: SetTag) -> Nothing:
    """Give a version a tag."""
    check_tag(given.key, given.value)
    version = _held(tx, given.name, given.version)
    registry_changes.set_tag(tx, given.name, version, given.key, given.value)
    return NOTHING


def delete_tag(tx: Transaction, given: DeleteTag) -> Nothing:
    """Take a tag from a version; it need not have it."""
    check_key(given.key, "key")
    version = _held(tx, given.name, given.version)
    registry_changes.delete_tag(tx, given.name, version, given.key)
    return NOTHING


def get_download_uri(project: Project, given: NamedVersion) -> DownloadUri:
    """Return where a version's files are downloaded."""
    check_name(given.name)
    with project.ledger.read() as connection:
        found = registry_edits.the_version(connection, given.name, version_number(given.version))
    return DownloadUri(download_uri(found))


async def download(project: Project, call: Call, _receive: Receive, send: Send) -> None:
    """Send a file of a version, named by a query."""
    query = artifacts.query_of(call)
    name, version = query.get("name", ""), query.get("version", "")
    if not name or not version:
        raise missing("name" if not name else "version")
    path, number = artifacts.named(query, "path"), version_number(version)

    def place(connection: Connection) -> Place:
        found = registry_edits.the_version(connection, name, number)
        if found.row.flavour == EXTERNAL:
            raise InvalidInput(
                f"the files of version {number} of model '{name}' are not kept here.",
                why=f"they are at {found.row.source}",
            )
        return Place(f"{paths.VERSIONS}/{path}", path, tree=found.row.digest)

    await artifacts.give(project, place, call, send)


def _held(tx: Transaction, name: str, text: str) -> int:
    """Return the number of a version that is there, which nobody else changes until the transaction ends."""
    check_name(name)
    version = version_number(text)
    registry_edits.hold_model(tx, name)
    registry_edits.the_version(tx.connection, name, version)
    return version


def _one(connection: Connection, name: str, version: int) -> OneVersion:
    return OneVersion(version_out(registry_edits.the_version(connection, name, version)))


ROUTES = (
    Route("POST", "/mlflow/model-versions/create", CreateVersion, create),
    Route("GET", "/mlflow/model-versions/get", NamedVersion, get),
    Change("PATCH", "/mlflow/model-versions/update", DescribeVersion, describe),
    Change("POST", "/mlflow/model-versions/transition-stage", MoveVersion, move),
    Change("DELETE", "/mlflow/model-versions/delete", NamedVersion, delete),
    Change("POST", "/mlflow/model-versions/set-tag", SetTag, set_tag),
    Change("DELETE", "/mlflow/model-versions/delete-tag", DeleteTag, delete_tag),
    Route("GET", "/mlflow/model-versions/get-download-uri", NamedVersion, get_download_uri),
    Stream("GET", "//model-versions/get-artifact", download),
    Stream("GET", "/mlflow/model-versions/get-artifact", download),
)
