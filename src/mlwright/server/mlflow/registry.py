"""Registered models: made, described, tagged, renamed, deleted, and aliased."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import msgspec

from mlwright.errors import InvalidInput, Unsupported
from mlwright.ledger import Transaction, registry_changes, registry_edits
from mlwright.registry import edits
from mlwright.registry.versions import remove_alias
from mlwright.server.mlflow import sources
from mlwright.server.mlflow.checks import check_key
from mlwright.server.mlflow.errors import invalid, missing, too_long
from mlwright.server.mlflow.registry_shapes import OneModel, OneVersion, Versions, model_out, version_out
from mlwright.server.mlflow.route import Change, Route
from mlwright.server.mlflow.shapes import Tag
from mlwright.server.mlflow.values import NOTHING, Nothing, Required

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project

LONGEST_NAME = 256
LONGEST_ALIAS = 255
LONGEST_TAG = 100_000
IS_PROMPT = "mlflow.prompt.is_prompt"
_ALIAS_LETTERS = frozenset("_-")


class CreateModel(msgspec.Struct, frozen=True):
    """A model to be made."""

    name: Required
    tags: list[Tag] = []
    description: str = ""


class RenameModel(msgspec.Struct, frozen=True):
    """The new name of a model."""

    name: Required
    new_name: Required


class DescribeModel(msgspec.Struct, frozen=True):
    """What is said about a model."""

    name: Required
    description: str = ""


class NamedModel(msgspec.Struct, frozen=True):
    """Which model."""

    name: Required


class LatestVersions(msgspec.Struct, frozen=True):
    """A model, and the stages whose newest versions are wanted; all when none is named."""

    name: Required
    stages: list[str] = []


class SetTag(msgspec.Struct, frozen=True):
    """A tag that a model gets."""

    name: Required
    key: Required
    value: str = ""


class DeleteTag(msgspec.Struct, frozen=True):
    """A tag that a model loses."""

    name: Required
    key: Required


class SetAlias(msgspec.Struct, frozen=True):
    """An alias, and the version that it points at from now on."""

    name: Required
    alias: Required
    version: Required


class NamedAlias(msgspec.Struct, frozen=True):
    """Which alias."""

    name: Required
    alias: Required


def create(tx: Transaction, given: CreateModel) -> OneModel:
    """Make a model."""
    check_name(given.name)
    tags = tags_in(given.tags)
    registry_edits.create_model(tx, given.name, description=given.description, tags=tags)
    return _one(tx.connection, given.name)


def rename(tx: Transaction, given: RenameModel) -> OneModel:
    """Give a model another name."""
    check_name(given.name)
    check_name(given.new_name, "new_name")
    edits.rename_model(tx, given.name, given.new_name)
    return _one(tx.connection, given.new_name)


def describe(tx: Transaction, given: DescribeModel) -> OneModel:
    """Say what a model is for."""
    check_name(given.name)
    registry_edits.hold_model(tx, given.name)
    registry_changes.describe(tx, given.name, registry_changes.WHOLE_MODEL, given.description)
    registry_edits.touch_model(tx, given.name)
    return _one(tx.connection, given.name)


def delete(tx: Transaction, given: NamedModel) -> Nothing:
    """Delete a model with its versions."""
    check_name(given.name)
    edits.delete_model(tx, given.name)
    return NOTHING


def get(project: Project, given: NamedModel) -> OneModel:
    """Return a model."""
    check_name(given.name)
    with project.ledger.read() as connection:
        return _one(connection, given.name)


def latest_versions(project: Project, given: LatestVersions) -> Versions:
    """Return the newest version of each stage."""
    check_name(given.name)
    with project.ledger.read() as connection:
        found = registry_edits.the_model(connection, given.name).latest
    wanted = [sources.stage_of(stage) for stage in given.stages] or list(sources.STAGES)
    return Versions(model_versions=[version_out(each) for each in found if each.row.stage in wanted])


def set_tag(tx: Transaction, given: SetTag) -> Nothing:
    """Give a model a tag."""
    check_name(given.name)
    check_tag(given.key, given.value)
    registry_edits.hold_model(tx, given.name)
    registry_changes.set_tag(tx, given.name, registry_changes.WHOLE_MODEL, given.key, given.value)
    return NOTHING


def delete_tag(tx: Transaction, given: DeleteTag) -> Nothing:
    """Take a tag from a model; it need not have it."""
    check_name(given.name)
    check_key(given.key, "key")
    registry_edits.hold_model(tx, given.name)
    registry_changes.delete_tag(tx, given.name, registry_changes.WHOLE_MODEL, given.key)
    return NOTHING


def set_alias(tx: Transaction, given: SetAlias) -> Nothing:
    """Let an alias point at a version."""
    check_name(given.name)
    _check_alias(given.alias)
    lower = given.alias.lower()
    if lower == "latest":
        raise InvalidInput(f"'{given.alias}' alias name is reserved.", why="it means the newest version")
    if lower[:1] == "v" and lower[1:].isdecimal():
        raise InvalidInput(
            f"Version alias name '{given.alias}' is reserved.", why="it means the version of that number"
        )
    edits.point_alias(tx, given.name, given.alias, version_number(given.version))
    return NOTHING


def delete_alias(tx: Transaction, given: NamedAlias) -> Nothing:
    """Let an alias point at nothing; it need not have pointed at anything."""
    check_name(given.name)
    _check_alias(given.alias)
    registry_edits.hold_model(tx, given.name)
    remove_alias(tx, given.name, given.alias)
    return NOTHING


def get_by_alias(project: Project, given: NamedAlias) -> OneVersion:
    """Return the version that an alias points at."""
    check_name(given.name)
    _check_alias(given.alias)
    with project.ledger.read() as connection:
        return OneVersion(version_out(sources.aliased_version(connection, given.name, given.alias)))


def check_name(name: str, what: str = "name") -> None:
    """Refuse a name that no model can have."""
    if not name.strip():
        raise missing(what)
    if "/" in name or ":" in name:
        raise InvalidInput(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
    plain = posixpath.normpath(name)
    if plain != name or plain == "." or plain.startswith(".."):
        raise invalid(what, name, f"it may be used as a path, and as a path it would mean '{plain}'.")
    if len(name) > LONGEST_NAME:
        raise too_long(what, LONGEST_NAME)


def check_tag(key: str, value: str) -> None:
    """Refuse a tag that neither models nor versions can have."""
    check_key(key, "key")
    if len(value) > LONGEST_TAG:
        raise too_long("value", LONGEST_TAG)


def tags_in(given: list[Tag]) -> dict[str, str]:
    """Return first tags by key.

    Raises:
        InvalidInput: One can't be a tag.
        Unsupported: They say that this is a prompt.
    """
    for tag in given:
        check_tag(tag.key, tag.value or "")
    tags = {tag.key: tag.value or "" for tag in given}
    if tags.get(IS_PROMPT, "").lower() == "true":
        raise Unsupported("mlwright does not keep prompts.", why="prompts are not supported yet")
    return tags


def version_number(text: str) -> int:
    """Return the version that a text names.

    Raises:
        InvalidInput: It is no whole number.
    """
    plain = text.strip()
    sign, digits = (-1, plain[1:]) if plain.startswith("-") else (1, plain)
    if not (digits.isascii() and digits.isdecimal()):
        raise InvalidInput(f"Parameter 'version' must be an integer, got '{text}'.")
    # What is longer than any version is no version, however long it is.
    return sign * int(digits[:12])


def _check_alias(alias: str) -> None:
    if not all(letter.isalnum() or letter in _ALIAS_LETTERS for letter in alias):
        raise InvalidInput(f"Invalid alias name: '{alias}'.", why="a name has letters, digits, _ and - only")
    if len(alias) > LONGEST_ALIAS:
        raise too_long("Registered model alias name", LONGEST_ALIAS)


def _one(connection: Connection, name: str) -> OneModel:
    return OneModel(model_out(registry_edits.the_model(connection, name)))


ROUTES = (
    Change("POST", "/mlflow/registered-models/create", CreateModel, create),
    Change("POST", "/mlflow/registered-models/rename", RenameModel, rename),
    Change("PATCH", "/mlflow/registered-models/update", DescribeModel, describe),
    Change("DELETE", "/mlflow/registered-models/delete", NamedModel, delete),
    Route("GET", "/mlflow/registered-models/get", NamedModel, get),
    Route("POST", "/mlflow/registered-models/get-latest-versions", LatestVersions, latest_versions),
    Route("GET", "/mlflow/registered-models/get-latest-versions", LatestVersions, latest_versions),
    Change("POST", "/mlflow/registered-models/set-tag", SetTag, set_tag),
    Change("DELETE", "/mlflow/registered-models/delete-tag", DeleteTag, delete_tag),
    Change("POST", "/mlflow/registered-models/alias", SetAlias, set_alias),
    Change("DELETE", "/mlflow/registered-models/alias", NamedAlias, delete_alias),
    Route("GET", "/mlflow/registered-models/alias", NamedAlias, get_by_alias),
)
