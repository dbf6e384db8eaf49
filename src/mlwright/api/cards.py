"""Endpoints about model cards, and about what became of a version downstream."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mlwright.api.endpoint import Act, Endpoint, Input, Selector, acting

if TYPE_CHECKING:
    from mlwright.project import Project


class CardText(msgspec.Struct, frozen=True, kw_only=True):
    """A model card.

    Attributes:
        version: The version, for example `churn/3`.
        form: `markdown` or `html`.
        text: The card.
    """

    version: str
    form: str
    text: str


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which a deployment gave a version a share of its traffic.

    Attributes:
        deployment: Name of the deployment.
        arm: `stable` or `candidate`.
        weight: Share of the traffic, 0 to 1.
        from_at: Since when.
        to_at: Until when, None while it lasts.
    """

    deployment: str
    arm: str
    weight: float
    from_at: datetime
    to_at: datetime | None


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a version at one deployment.

    Attributes:
        deployment: Its name.
        serves_now: Whether the version has a share of the traffic now.
        predictions: Rows that it answered.
        stretches: When it had a share, newest first.
    """

    deployment: str
    serves_now: bool
    predictions: int
    stretches: list[Stretch]


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version comes from, and what became of it.

    Attributes:
        model: Name of the model.
        version: The version.
        run_id: Run that registered it.
        upstream: Step, inputs, packages and rows that it came from.
        predictions: Rows that it answered, at all deployments together.
        deployments: What became of it at each deployment.
    """

    model: str
    version: int
    run_id: str | None
    upstream: dict[str, Any]
    predictions: int
    deployments: list[Served]


class ShowCard(Input, frozen=True, kw_only=True):
    """Which card, and how.

    Attributes:
        model: Name of the model.
        version: A number, an alias, or `latest`.
        form: `markdown` or `html`.
    """

    model: str
    version: Selector
    form: Literal["markdown", "html"] = "markdown"


class EditCard(Act, frozen=True, kw_only=True):
    """What people write into a card.

    Attributes:
        model: Name of the model.
        version: A number, an alias, or `latest`.
        text: Markdown; an empty text removes what was there.
    """

    model: str
    version: Selector
    text: str


class ShowLineage(Input, frozen=True, kw_only=True):
    """Of which version.

    Attributes:
        model: Name of the model.
        version: A number, an alias, or `latest`.
    """

    model: str
    version: Selector


def show_card(project: Project, given: ShowCard) -> CardText:
    """Return the card of a version, made from the facts as they are now."""
    from mlwright import delivery, registry
    from mlwright.registry import cards

    version = registry.get_version(project, _reference(given.model, given.version))
    places = [
        cards.Place(deployment=row.deployment, serves_now=row.serves_now, predictions=row.predictions)
        for row in delivery.downstream(project, version)
    ]
    card = cards.card(project, version, places)
    text = cards.as_html(card) if given.form == "html" else cards.as_markdown(card)
    return CardText(version=version.ref, form=given.form, text=text)


def edit_card(project: Project, given: EditCard) -> CardText:
    """Keep what people write about a version."""
    from mlwright.registry import cards

    cards.edit_card(
        project,
        _reference(given.model, given.version),
        given.text,
        actor=acting(project, given),
        reason=given.reason,
    )
    return show_card(project, ShowCard(model=given.model, version=given.version))


def show_lineage(project: Project, given: ShowLineage) -> Lineage:
    """Return where a version comes from, and what became of it."""
    from mlwright import delivery, registry

    version = registry.get_version(project, _reference(given.model, given.version))
    served = delivery.downstream(project, version)
    return Lineage(
        model=version.model,
        version=version.version,
        run_id=version.run_id,
        upstream=version.lineage,
        predictions=sum(row.predictions for row in served),
        deployments=[msgspec.convert(row, Served, from_attributes=True) for row in served],
    )


def _reference(model: str, version: str) -> str:
    return f"{model}{'/' if (version.isascii() and version.isdigit()) else '@'}{version}"


ENDPOINTS = (
    Endpoint(
        name="models.card",
        method="GET",
        path="/models/{model}/versions/{version}/card",
        summary="Show the card of a version, made from the facts.",
        input=ShowCard,
        output=CardText,
        function=show_card,
    ),
    Endpoint(
        name="models.write",
        method="POST",
        path="/models/{model}/versions/{version}/card",
        summary="Keep what people write into the card of a version.",
        input=EditCard,
        output=CardText,
        function=edit_card,
        scope="write",
        audit="model.card",
    ),
    Endpoint(
        name="models.lineage",
        method="GET",
        path="/models/{model}/versions/{version}/lineage",
        summary="Tell where a version comes from, where it served and how much it answered.",
        input=ShowLineage,
        output=Lineage,
        function=show_lineage,
    ),
)
