"""Registering a version of a model that a client has logged: its files are kept with it, and never change."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.artifacts.trees import Entry, Manifest
from mlwright.core.digest import canonical_json
from mlwright.ledger import artifacts, curves, logged_models, registry, registry_edits
from mlwright.ledger.registry import VersionRow
from mlwright.registry.mlflow_models import EXTERNAL, MLFLOW
from mlwright.registry.mlmodel import MlModel, is_data_only, read_mlmodel
from mlwright.registry.values import Signature
from mlwright.server.mlflow import sources
from mlwright.server.mlflow.logged_models import VERSIONS_TAG, Registration, registrations

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore, Blob
    from mlwright.ledger import Connection, Transaction
    from mlwright.ledger.registry_edits import Registered
    from mlwright.project import Project
    from mlwright.server.mlflow.sources import Source

_MLMODEL = "MLmodel"
_LARGEST_MLMODEL = 4 << 20
#: Stands where a row has no moment yet.
_OPEN = datetime(1970, 1, 1, tzinfo=UTC)
#: Length of an id of ours; a client may name runs of another tracker.
_ID = 26


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A version to be registered.

    Attributes:
        name: Name of the model, which exists.
        given: Where its files are.
        tags: Its first tags.
        description: What is said about it.
        run_link: Where a person finds the run, when it is kept elsewhere.
    """

    name: str
    given: sources.Given
    tags: dict[str, str] = {}
    description: str = ""
    run_link: str = ""


def register(project: Project, wanted: Wanted) -> Registered:
    """Register the next version of a model.

    Raises:
        NotFound: There is no such model, or nothing where the source says.
        InvalidInput: The source can't be one.
    """
    with project.ledger.read() as connection:
        registry_edits.the_model(connection, wanted.name)
        source = sources.resolve(project.store, connection, wanted.given)
        metrics = _metrics(connection, source)
    draft, kept = _draft(project.store, wanted, source, metrics)
    with project.ledger.write(project.actor) as tx:
        registry_edits.hold_model(tx, wanted.name)
        number = registry.next_version(tx.connection, wanted.name)
        row = msgspec.structs.replace(draft, version=number, created_at=tx.now, actor=tx.actor)
        artifacts.record(tx, row.digest, "tree", kept.size_bytes)
        registry.add_version(tx, row)
        registry_edits.add_tags(tx, wanted.name, number, wanted.tags)
        registry_edits.touch_model(tx, wanted.name)
        _emit(tx, row, wanted.tags)
        if source.model_id:
            _note_registration(tx, source.model_id, wanted.name, number)
        return registry_edits.the_version(tx.connection, wanted.name, number)


def _draft(
    store: ArtifactStore, wanted: Wanted, source: Source, metrics: dict[str, float | None]
) -> tuple[VersionRow, Blob]:
    """Store the version's files and return its row, number and moment still open."""
    if source.version is not None:
        kept = store.put(store.read(source.version.row.digest))
        base = source.version.row
    else:
        kept = _keep(store, source)
        base = _described(store, source)
    lineage = {**base.lineage, "run_id": source.run_id or None, "source": source.uri}
    lineage |= {"model_id": source.model_id or None, "run_link": wanted.run_link or None}
    if source.version is not None and base.flavour == EXTERNAL:
        # A copy of what is kept elsewhere is kept there too.
        lineage.setdefault("files_at", base.source)
    return (
        msgspec.structs.replace(
            base,
            model=wanted.name,
            digest=kept.digest,
            source=source.uri,
            status="ready",
            stage="None",
            logged_model_id=source.model_id or None,
            metrics=metrics or base.metrics,
            lineage=lineage,
            description=wanted.description,
            run_id=source.run_id if len(source.run_id) == _ID else None,
            idempotency_key=None,
            card_digest=None,
        ),
        kept,
    )


def _keep(store: ArtifactStore, source: Source) -> Blob:
    """Store the list of a version's files; of one that is kept elsewhere, a note that says where."""
    if source.entries:
        manifest = Manifest(files=source.entries)
        return msgspec.structs.replace(store.put(canonical_json(manifest)), size_bytes=manifest.size_bytes)
    note = store.put(canonical_json({"source": source.uri}))
    entry = Entry(path="source.json", digest=note.digest, size_bytes=note.size_bytes)
    return store.put(canonical_json(Manifest(files=[entry])))


def _described(store: ArtifactStore, source: Source) -> VersionRow:
    """Return a row that says of the files what they say of themselves."""
    about = _mlmodel(store, source.entries)
    facts: dict[str, Any] = {} if about is None else {"flavors": about.flavors, "mlflow": about.mlflow_version}
    signature = Signature(inputs=[], outputs=[]) if about is None else about.signature
    return VersionRow(
        model="",
        version=0,
        digest="",
        flavour=MLFLOW if source.entries else EXTERNAL,
        codec="folder",
        unsafe=not source.entries or not is_data_only([entry.path for entry in source.entries]),
        signature=msgspec.to_builtins(signature),
        metrics={},
        profile_digest=None,
        lineage=facts,
        description="",
        run_id=None,
        idempotency_key=None,
        actor="",
        created_at=_OPEN,
    )


def _mlmodel(store: ArtifactStore, entries: list[Entry]) -> MlModel | None:
    for entry in entries:
        if entry.path == _MLMODEL and entry.size_bytes <= _LARGEST_MLMODEL:
            return read_mlmodel(store.read(entry.digest).decode("utf-8", "replace"))
    return None


def _metrics(connection: Connection, source: Source) -> dict[str, float | None]:
    """Return the newest metrics of the logged model, else those of the run."""
    if source.model_id:
        found = logged_models.metrics_of(connection, [source.model_id]).get(source.model_id, [])
        newest = {metric.key: metric.value for metric in sorted(found, key=lambda metric: (metric.at, metric.step))}
        if newest:
            return {key: _number(value) for key, value in newest.items()}
    if not source.run_id:
        return {}
    return {key: _number(value) for key, value in curves.last_metrics(connection, source.run_id).items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _emit(tx: Transaction, row: VersionRow, tags: dict[str, str]) -> None:
    facts = {"digest": row.digest, "unsafe": row.unsafe, "run_id": row.run_id, "metrics": row.metrics}
    told = {"source": row.source, "tags": tags, "description": row.description, "flavour": row.flavour}
    subject = f"model/{row.model}/{row.version}"
    tx.emit("model-version.registered", subject, model=row.model, version=row.version, **facts, **told)


def _note_registration(tx: Transaction, model_id: str, name: str, version: int) -> None:
    """Note at a logged model what it was registered as, where clients look for it."""
    row = logged_models.hold(tx, model_id)
    known = [*registrations(row), Registration(name, str(version))]
    text = msgspec.json.encode(known).decode()
    if row.deleted_at is None:
        logged_models.put_tags(tx, model_id, {VERSIONS_TAG: text})
