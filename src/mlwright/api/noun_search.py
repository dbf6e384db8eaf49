"""Searching experiments, models and versions, with the language that runs are searched with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from mlwright.api.endpoint import DEFAULT_LIMIT, Endpoint, Input, Limit, Page
from mlwright.api.experiments import Experiment, experiment_of
from mlwright.api.models import Model, Version

if TYPE_CHECKING:
    from mlwright.core.filters import FieldTable
    from mlwright.ledger.search import Query
    from mlwright.project import Project


class SearchModels(Input, frozen=True, kw_only=True):
    """Which models to find, and in which order.

    Attributes:
        where: Such as `name LIKE 'churn%' AND tags.team = 'red'`; empty for all.
        order_by: Such as `changed desc`; by name by default.
        cursor: `next` of the page before.
        limit: How many at most.
    """

    where: str = ""
    order_by: list[str] = []
    cursor: str | None = None
    limit: Limit = DEFAULT_LIMIT


class SearchVersions(Input, frozen=True, kw_only=True):
    """Which versions to find, and in which order.

    Attributes:
        where: Such as `model = 'churn' AND alias = 'prod'`; empty for all.
        order_by: Such as `created desc`; by model, the newest first, by default.
        cursor: `next` of the page before.
        limit: How many at most.
    """

    where: str = ""
    order_by: list[str] = []
    cursor: str | None = None
    limit: Limit = DEFAULT_LIMIT


class SearchExperiments(Input, frozen=True, kw_only=True):
    """Which experiments to find, and in which order.

    Attributes:
        where: Such as `name LIKE 'vision/%' AND tags.team = 'red'`; empty for all.
        order_by: Such as `name`; the newest first by default.
        view: Those that aren't in the bin, those that are, or both.
        cursor: `next` of the page before.
        limit: How many at most.
    """

    where: str = ""
    order_by: list[str] = []
    view: Literal["active", "deleted", "all"] = "active"
    cursor: str | None = None
    limit: Limit = DEFAULT_LIMIT


def search_models(project: Project, given: SearchModels) -> Page[Model]:
    """Return one page of the models that fit an expression."""
    from mlwright.core.filters import MODELS
    from mlwright.ledger import registry_edits, search

    query = _query(project, given, MODELS)
    with project.ledger.read() as connection:
        page = search.search(connection, search.MODELS, query)
        names = [name for (name,) in page.keys]
        found = {row.name: row for row in registry_edits.registered_models(connection, names)}
    items = [
        Model(
            name=name,
            description=found[name].description,
            latest=max((each.row.version for each in found[name].latest), default=0),
            aliases=found[name].aliases,
            created_at=found[name].created_at,
        )
        for name in names
    ]
    return Page(items=items, next=page.cursor)


def search_versions(project: Project, given: SearchVersions) -> Page[Version]:
    """Return one page of the versions that fit an expression."""
    from mlwright.core.filters import VERSIONS
    from mlwright.ledger import registry_edits, search

    query = _query(project, given, VERSIONS)
    with project.ledger.read() as connection:
        page = search.search(connection, search.VERSIONS, query)
        found = registry_edits.registered_by_keys(connection, [(name, version) for name, version in page.keys])
    return Page(items=[msgspec.convert(each.row, Version, from_attributes=True) for each in found], next=page.cursor)


def search_experiments(project: Project, given: SearchExperiments) -> Page[Experiment]:
    """Return one page of the experiments that fit an expression."""
    from mlwright.core.filters import EXPERIMENTS
    from mlwright.ledger import experiments, search

    query = msgspec.structs.replace(_query(project, given, EXPERIMENTS), view=given.view)
    with project.ledger.read() as connection:
        page = search.search(connection, search.EXPERIMENTS, query)
        rows = experiments.by_ids(connection, [id_ for (id_,) in page.keys])
        return Page(items=[experiment_of(connection, row) for row in rows], next=page.cursor)


def _query(project: Project, given: SearchModels | SearchVersions | SearchExperiments, fields: FieldTable) -> Query:
    from mlwright.core.filters import parse, parse_orders
    from mlwright.ledger.search import Query

    return Query(
        where=parse(given.where, fields),
        order=parse_orders(given.order_by, fields),
        limit=given.limit,
        after=given.cursor,
        now=project.clock.now(),
    )


ENDPOINTS = (
    Endpoint(
        name="models.search",
        method="GET",
        path="/search/models",
        summary="Find models by an expression over name, tags, aliases and times.",
        input=SearchModels,
        output=Page[Model],
        function=search_models,
    ),
    Endpoint(
        name="versions.search",
        method="GET",
        path="/search/versions",
        summary="Find model versions by an expression over what is known of them.",
        input=SearchVersions,
        output=Page[Version],
        function=search_versions,
    ),
    Endpoint(
        name="experiments.search",
        method="GET",
        path="/search/experiments",
        summary="Find experiments by an expression over name, tags and times.",
        input=SearchExperiments,
        output=Page[Experiment],
        function=search_experiments,
    ),
)
