"""Models and their versions as nouns of searches."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mlwright.core.filters import Field
from mlwright.ledger.schema import aliases, model_tags, model_versions, models
from mlwright.ledger.search.conditions import Context, Sql
from mlwright.ledger.search.nouns import Noun, by

#: A tag of MLflow's that counts as 'false' where it is absent: nothing here is a prompt.
_ABSENT = {"mlflow.prompt.is_prompt": "false"}
#: Where MLflow's clients read the files of a version that has no source of its own.
_VERSIONS = "mlflow-artifacts:/versions/"


def _tag_of_model(field: Field, context: Context) -> sa.Select[Any]:
    of_model = (model_tags.c.model == models.c.name) & (model_tags.c.version == 0)
    return sa.select(model_tags.c.value).where(of_model, model_tags.c.key == field.key).correlate(models)


def _tag_of_version(field: Field, context: Context) -> sa.Select[Any]:
    of_version = (model_tags.c.model == model_versions.c.model) & (model_tags.c.version == model_versions.c.version)
    return sa.select(model_tags.c.value).where(of_version, model_tags.c.key == field.key).correlate(model_versions)


def _aliases_of_model() -> sa.Select[Any]:
    current = (aliases.c.model == models.c.name) & aliases.c.to_at.is_(None)
    return sa.select(aliases.c.alias).where(current).correlate(models)


def _aliases_of_version() -> sa.Select[Any]:
    of_version = (aliases.c.model == model_versions.c.model) & (aliases.c.version == model_versions.c.version)
    return sa.select(aliases.c.alias).where(of_version, aliases.c.to_at.is_(None)).correlate(model_versions)


def _run_id(context: Context) -> Sql:
    """Return the run that made a version: of this ledger, or of another tracker."""
    elsewhere: Sql = sa.func.json_extract(model_versions.c.lineage, "$.run_id")
    if not context.sqlite:
        elsewhere = sa.cast(model_versions.c.lineage, sa.JSON).op("->>")(sa.text("'run_id'"))
    # A function of no index: versions are few beside what runs log.
    return sa.func.coalesce(model_versions.c.run_id, sa.func.nullif(sa.cast(elsewhere, sa.Text), ""))


def _source(context: Context) -> Sql:
    digest = sa.func.substr(model_versions.c.digest, len("sha256:") + 1)
    return sa.case((model_versions.c.source == "", _VERSIONS + digest), else_=model_versions.c.source)


def _user(context: Context) -> Sql:
    actor = model_versions.c.actor
    return sa.case((actor.startswith("user:"), sa.func.substr(actor, len("user:") + 1)), else_=actor)


MODELS = Noun(
    name="models",
    table=models,
    key=("name",),
    columns={
        "name": models.c.name,
        "description": models.c.description,
        "created": models.c.created_at,
        "changed": models.c.changed_at,
    },
    ties=[by("name")],
    logged=_tag_of_model,
    absent=_ABSENT,
    aliases=_aliases_of_model,
)
VERSIONS = Noun(
    name="model versions",
    table=model_versions,
    key=("model", "version"),
    columns={
        "name": model_versions.c.model,
        "version": model_versions.c.version,
        "status": model_versions.c.status,
        "stage": model_versions.c.stage,
        "flavour": model_versions.c.flavour,
        "description": model_versions.c.description,
        "digest": model_versions.c.digest,
        "created": model_versions.c.created_at,
        "changed": model_versions.c.changed_at,
    },
    computed={"run_id": _run_id, "source": _source, "user": _user},
    ties=[by("name"), by("version", descending=True)],
    logged=_tag_of_version,
    absent=_ABSENT,
    aliases=_aliases_of_version,
)
