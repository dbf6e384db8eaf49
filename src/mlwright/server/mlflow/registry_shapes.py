"""The messages of the registry's routes, and how they are made of the ledger's rows."""

from __future__ import annotations

import msgspec

from mlwright.ledger.registry_edits import Registered, RegisteredModel
from mlwright.registry.mlflow_models import EXTERNAL
from mlwright.server.mlflow import paths
from mlwright.server.mlflow.shapes import TagOut, tags_out
from mlwright.server.mlflow.values import Answer, ms_out

_STATUSES = {"ready": "READY", "pending": "PENDING_REGISTRATION", "failed": "FAILED_REGISTRATION"}


class VersionOut(Answer, frozen=True, kw_only=True):
    """A version that is answered."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    current_stage: str
    source: str
    status: str
    description: str
    run_id: str
    run_link: str
    user_id: str = ""
    model_id: str = ""
    tags: list[TagOut] = []
    aliases: list[str] = []


class AliasOut(msgspec.Struct, frozen=True):
    """An alias that is answered."""

    alias: str
    version: str


class ModelOut(Answer, frozen=True, kw_only=True):
    """A model that is answered."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str = ""
    latest_versions: list[VersionOut] = []
    tags: list[TagOut] = []
    aliases: list[AliasOut] = []


class OneModel(msgspec.Struct, frozen=True):
    """One model."""

    registered_model: ModelOut


class OneVersion(msgspec.Struct, frozen=True):
    """One version."""

    model_version: VersionOut


class Versions(Answer, frozen=True, kw_only=True):
    """Some versions, and where the next ones are."""

    model_versions: list[VersionOut] = []
    next_page_token: str = ""


class Models(Answer, frozen=True, kw_only=True):
    """Some models, and where the next ones are."""

    registered_models: list[ModelOut] = []
    next_page_token: str = ""


def version_out(found: Registered) -> VersionOut:
    """Return a version as it is answered."""
    row = found.row
    return VersionOut(
        name=row.model,
        version=str(row.version),
        creation_timestamp=ms_out(row.created_at),
        last_updated_timestamp=ms_out(found.changed_at),
        current_stage=row.stage,
        source=row.source or paths.version_uri(row.digest),
        status=_STATUSES.get(row.status, "READY"),
        user_id=row.actor.removeprefix("user:"),
        description=row.description,
        run_id=found.run_id,
        run_link=str(row.lineage.get("run_link") or ""),
        model_id=row.logged_model_id or "",
        tags=tags_out(found.tags),
        aliases=found.aliases,
    )


def model_out(found: RegisteredModel) -> ModelOut:
    """Return a model as it is answered."""
    return ModelOut(
        name=found.name,
        creation_timestamp=ms_out(found.created_at),
        last_updated_timestamp=ms_out(found.changed_at),
        description=found.description,
        latest_versions=[version_out(each) for each in found.latest],
        tags=tags_out(found.tags),
        aliases=[AliasOut(alias, str(version)) for alias, version in found.aliases.items()],
    )


def download_uri(found: Registered) -> str:
    """Return where a client downloads a version's files: what was kept with it, or the place elsewhere."""
    if found.row.flavour != EXTERNAL:
        return paths.version_uri(found.row.digest)
    return str(found.row.lineage.get("files_at") or found.row.source)
