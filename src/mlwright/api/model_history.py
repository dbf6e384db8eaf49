"""Endpoints about what happened to a model, how it stood at a past moment, and what is said about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import Act, Endpoint, Input, Instant, Limit, Page, Selector, VersionNumber, acting

if TYPE_CHECKING:
    from mlwright.project import Project

_MANY = 200


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a model.

    Attributes:
        at: When.
        what: `version` (registered), `alias`, `environment`, `tag`, `description`, `stage`, `status`, `card`,
            `settings`, `gate`, `approval`, `vote` or `deletion`.
        key: Which one: the alias, environment, tag, gate or role.
        version: The version that it is about, 0 for the model itself.
        old: What it was before.
        new: What it was from then on, None when it was removed.
        actor: Who did it.
        reason: Why.
    """

    at: datetime
    what: str
    key: str
    version: int
    old: Any
    new: Any
    actor: str
    reason: str


class VersionThen(msgspec.Struct, frozen=True, kw_only=True):
    """A version as it stood at a moment.

    Attributes:
        version: Its number.
        description: What was said about it.
        stage: Its stage, as MLflow's older clients know it.
        tags: Its tags.
        created_at: When it was registered.
    """

    version: int
    description: str
    stage: str
    tags: dict[str, str]
    created_at: datetime


class ModelThen(msgspec.Struct, frozen=True, kw_only=True):
    """A model as it stood at a moment.

    Attributes:
        model: Its name.
        at: The moment.
        description: What was said about it.
        tags: Its tags.
        aliases: Alias to version.
        environments: Environment to the version that it had.
        versions: The versions there were, newest first.
    """

    model: str
    at: datetime
    description: str
    tags: dict[str, str]
    aliases: dict[str, int]
    environments: dict[str, int]
    versions: list[VersionThen]


class ListChanges(Input, frozen=True, kw_only=True):
    """Which changes to list.

    Attributes:
        model: Of this model.
        version: Only about this version; 0 for the model itself.
        key: Only of this alias, environment, tag, gate or role.
        until: Only up to this moment.
        limit: How many at most.
    """

    model: str
    version: VersionNumber | None = None
    key: str | None = None
    until: Instant | None = None
    limit: Limit = _MANY


class ShowThen(Input, frozen=True, kw_only=True):
    """Which model, and when.

    Attributes:
        model: Its name.
        at: The moment.
    """

    model: str
    at: Instant


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about a model or version now.

    Attributes:
        model: Name of the model.
        version: The version, 0 for the model itself.
        description: The description.
        tags: The tags.
    """

    model: str
    version: int
    description: str
    tags: dict[str, str]


class SetTag(Act, frozen=True, kw_only=True):
    """Which tag to set.

    Attributes:
        model: Name of the model.
        version: A number, an alias or `latest`; None for the model itself.
        key: Name of the tag.
        value: Its value.
    """

    model: str
    key: str
    value: str
    version: Selector | None = None


class DeleteTag(Act, frozen=True, kw_only=True):
    """Which tag to take away.

    Attributes:
        model: Name of the model.
        version: A number, an alias or `latest`; None for the model itself.
        key: Name of the tag.
    """

    model: str
    key: str
    version: Selector | None = None


class Describe(Act, frozen=True, kw_only=True):
    """What to say about it.

    Attributes:
        model: Name of the model.
        version: A number, an alias or `latest`; None for the model itself.
        text: The description.
    """

    model: str
    text: str
    version: Selector | None = None


def list_changes(project: Project, given: ListChanges) -> Page[Change]:
    """Return what happened to a model, newest first."""
    from mlwright import registry

    entries = registry.history(project, given.model, version=given.version, until=given.until)
    entries = [entry for entry in entries if given.key is None or entry.key == given.key]
    return Page(items=[msgspec.convert(entry, Change, from_attributes=True) for entry in entries[: given.limit]])


def show_then(project: Project, given: ShowThen) -> ModelThen:
    """Return how a model stood at a moment."""
    from mlwright import registry

    return msgspec.convert(registry.model_at(project, given.model, given.at), ModelThen, from_attributes=True)


def set_tag(project: Project, given: SetTag) -> Said:
    """Give a model or version a tag."""
    from mlwright import registry

    ref = _reference(given.model, given.version)
    registry.set_tag(project, ref, given.key, given.value, actor=acting(project, given), reason=given.reason)
    return _said(project, ref)


def delete_tag(project: Project, given: DeleteTag) -> Said:
    """Take a tag from a model or version."""
    from mlwright import registry

    ref = _reference(given.model, given.version)
    registry.delete_tag(project, ref, given.key, actor=acting(project, given), reason=given.reason)
    return _said(project, ref)


def describe(project: Project, given: Describe) -> Said:
    """Say what a model or version is about."""
    from mlwright import registry

    ref = _reference(given.model, given.version)
    registry.describe(project, ref, given.text, actor=acting(project, given), reason=given.reason)
    return _said(project, ref)


def _said(project: Project, ref: str) -> Said:
    from mlwright import registry
    from mlwright.ledger.registry_changes import tags_of

    if "/" in ref or "@" in ref:
        found = registry.get_version(project, ref)
        model, version, text = found.model, found.version, found.description
    else:
        model, version, text = ref, 0, registry.get_model(project, ref).description
    with project.ledger.read() as connection:
        return Said(model=model, version=version, description=text, tags=tags_of(connection, model, version))


def _reference(model: str, version: str | None) -> str:
    if version is None:
        return model
    return f"{model}{'/' if (version.isascii() and version.isdigit()) else '@'}{version}"


ENDPOINTS = (
    Endpoint(
        name="models.history",
        method="GET",
        path="/models/{model}/history",
        summary="Tell what happened to a model: aliases, environments, tags, descriptions, gates and approvals.",
        input=ListChanges,
        output=Page[Change],
        function=list_changes,
    ),
    Endpoint(
        name="models.at",
        method="GET",
        path="/models/{model}/at",
        summary="Tell how a model stood at a past moment.",
        input=ShowThen,
        output=ModelThen,
        function=show_then,
    ),
    Endpoint(
        name="models.tag",
        method="POST",
        path="/models/{model}/tags/{key}",
        summary="Give a model or a version a tag.",
        input=SetTag,
        output=Said,
        function=set_tag,
        scope="write",
        audit="model.tag",
    ),
    Endpoint(
        name="models.untag",
        method="POST",
        path="/models/{model}/tags/{key}/remove",
        summary="Take a tag from a model or a version.",
        input=DeleteTag,
        output=Said,
        function=delete_tag,
        scope="write",
        audit="model.untag",
    ),
    Endpoint(
        name="models.describe",
        method="POST",
        path="/models/{model}/description",
        summary="Say what a model or a version is about.",
        input=Describe,
        output=Said,
        function=describe,
        scope="write",
        audit="model.describe",
    ),
)
