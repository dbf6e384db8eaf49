"""Endpoints about models, their versions and aliases."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.api.endpoint import Act, AliasName, Endpoint, Input, Instant, Page, Selector, VersionNumber, acting
from mlwright.api.finding import not_found
from mlwright.api.gates import GateResult, gate_result

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model.

    Attributes:
        name: Its name.
        description: What it is for.
        latest: Its newest version, 0 when it has none.
        aliases: Alias to version, as they hold now.
        created_at: When its first version was registered.
    """

    name: str
    description: str
    latest: int
    aliases: dict[str, int]
    created_at: datetime


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a model.

    Attributes:
        model: Name of the model.
        version: Its number, from 1.
        digest: Digest of the model's files.
        flavour: How it is loaded: sklearn, python.
        unsafe: Whether loading it runs arbitrary code.
        metrics: Name to value, as measured when it was trained; None for what isn't a number.
        signature: Columns that it takes and gives.
        lineage: Run, step, code, environment and inputs that it came from.
        description: What is special about it.
        run_id: Run that registered it.
        actor: Who registered it.
        created_at: When.
    """

    model: str
    version: int
    digest: str
    flavour: str
    unsafe: bool
    metrics: dict[str, float | None]
    signature: dict[str, Any]
    lineage: dict[str, Any]
    description: str
    run_id: str | None
    actor: str
    created_at: datetime


class ModelDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A model with its versions.

    Attributes:
        model: The model.
        versions: Newest first.
        gates: What gates said about them, oldest first.
    """

    model: Model
    versions: list[Version]
    gates: list[GateResult]


class AliasStretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which an alias pointed at one version.

    Attributes:
        model: Name of the model.
        alias: The alias.
        version: What it pointed at.
        from_at: Since when.
        to_at: Until when, None for the present one.
        actor: Who pointed it there.
        reason: Why.
    """

    model: str
    alias: str
    version: int
    from_at: datetime
    to_at: datetime | None
    actor: str
    reason: str


class ListModels(Input, frozen=True, kw_only=True):
    """Takes nothing."""


class ShowModel(Input, frozen=True, kw_only=True):
    """Which model.

    Attributes:
        model: Its name.
    """

    model: str


class ShowVersion(Input, frozen=True, kw_only=True):
    """Which version.

    Attributes:
        model: Name of the model.
        version: A number, an alias, or `latest`.
    """

    model: str
    version: Selector


class ListAliases(Input, frozen=True, kw_only=True):
    """Which aliases.

    Attributes:
        model: Name of the model.
        alias: Only of this alias.
        at: Only what held at this moment.
    """

    model: str
    alias: str | None = None
    at: Instant | None = None


class SetAlias(Act, frozen=True, kw_only=True):
    """What to point an alias at.

    Attributes:
        model: Name of the model.
        alias: The alias.
        version: The version.
    """

    model: str
    alias: AliasName
    version: VersionNumber


def list_models(project: Project, _given: ListModels) -> Page[Model]:
    """Return all models, by name."""
    from mlwright.ledger import registry

    with project.ledger.read() as connection:
        return Page(items=[_model(row) for row in registry.list_models(connection)])


def show_model(project: Project, given: ShowModel) -> ModelDetail:
    """Return one model with its versions and what gates said about them."""
    from mlwright.ledger import registry

    with project.ledger.read() as connection:
        model = _find(connection, given.model)
        versions = registry.list_versions(connection, given.model)
        gates = registry.gate_rows(connection, given.model)
    return ModelDetail(
        model=model,
        versions=[_version(row) for row in versions],
        gates=[gate_result(row) for row in gates],
    )


def show_version(project: Project, given: ShowVersion) -> Version:
    """Return one version."""
    from mlwright import registry
    from mlwright.ledger import registry as repository

    mark = "/" if (given.version.isascii() and given.version.isdigit()) else "@"
    with project.ledger.read() as connection:
        found = registry.find(connection, f"{given.model}{mark}{given.version}")
        return _version(repository.find_version(connection, found.model, found.version))


def list_aliases(project: Project, given: ListAliases) -> Page[AliasStretch]:
    """Return what a model's aliases pointed at and when, newest first."""
    from mlwright.ledger import registry

    with project.ledger.read() as connection:
        _find(connection, given.model)
        rows = registry.alias_rows(connection, given.model, given.alias, at=given.at)
    return Page(items=[msgspec.convert(row, AliasStretch, from_attributes=True) for row in rows])


def set_alias(project: Project, given: SetAlias) -> Model:
    """Point an alias at a version."""
    from mlwright import registry

    registry.set_alias(
        project, given.model, given.alias, given.version, actor=acting(project, given), reason=given.reason
    )
    with project.ledger.read() as connection:
        return _find(connection, given.model)


def _find(connection: Connection, name: str) -> Model:
    from mlwright.ledger import registry

    for row in registry.list_models(connection, name):
        return _model(row)
    raise not_found("model", name, [row.name for row in registry.list_models(connection)])


def _model(row: Any) -> Model:
    return msgspec.convert(row, Model, from_attributes=True)


def _version(row: Any) -> Version:
    return msgspec.convert(row, Version, from_attributes=True)


ENDPOINTS = (
    Endpoint(
        name="models.list",
        method="GET",
        path="/models",
        summary="List models with their aliases.",
        input=ListModels,
        output=Page[Model],
        function=list_models,
    ),
    Endpoint(
        name="models.show",
        method="GET",
        path="/models/{model}",
        summary="Show a model with its versions and what gates said about them.",
        input=ShowModel,
        output=ModelDetail,
        function=show_model,
    ),
    Endpoint(
        name="models.version",
        method="GET",
        path="/models/{model}/versions/{version}",
        summary="Show a version by its number or an alias.",
        input=ShowVersion,
        output=Version,
        function=show_version,
    ),
    Endpoint(
        name="models.aliases",
        method="GET",
        path="/models/{model}/aliases",
        summary="Tell what a model's aliases pointed at, now or at any past moment.",
        input=ListAliases,
        output=Page[AliasStretch],
        function=list_aliases,
    ),
    Endpoint(
        name="models.alias",
        method="POST",
        path="/models/{model}/aliases/{alias}",
        summary="Point an alias at a version.",
        input=SetAlias,
        output=Model,
        function=set_alias,
        scope="write",
        audit="alias.set",
    ),
)
