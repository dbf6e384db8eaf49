"""Bringing registered models: versions under their own numbers, then tags, stages and aliases."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.artifacts.trees import Entry, Manifest, read_manifest
from mlwright.core.digest import canonical_json
from mlwright.errors import MlwrightError, NotFound, PermissionDenied
from mlwright.ledger import artifacts, curves, files, imports, logged_models, registry, registry_changes, registry_edits
from mlwright.ledger.registry import VersionRow
from mlwright.migration.context import REASON, Context, ExperimentHere
from mlwright.migration.downloads import fetched, listed
from mlwright.migration.import_logged import files_root
from mlwright.migration.port import ModelFound, Place, VersionFound
from mlwright.migration.values import moment_of
from mlwright.registry import edits
from mlwright.registry.mlmodel import MlModel, is_data_only, read_mlmodel
from mlwright.registry.values import Signature

if TYPE_CHECKING:
    from mlwright.ledger import Connection, Transaction

_MLMODEL, _LARGEST_MLMODEL = "MLmodel", 4 << 20
_IS_PROMPT = "mlflow.prompt.is_prompt"
_WHOLE = registry_changes.WHOLE_MODEL


class _Standing(msgspec.Struct, kw_only=True):
    """What of a model is here: the versions and their keys, and the numbers of those that were deleted here."""

    is_known: bool
    keys: dict[int, str | None]
    deleted: set[int]


def bring_model(context: Context, found: ModelFound) -> None:
    """Bring what is new of a registered model."""
    about = f"model '{found.name}'"
    if found.tags.get(_IS_PROMPT, "").lower() == "true":
        context.note(about, "it is a prompt, which mlwright doesn't keep")
        return
    with context.project.ledger.read() as connection:
        standing = _standing(connection, found.name)
        wanted = [version for version in found.versions if _is_wanted(context, connection, version)]
    if context.asked.experiments and not wanted:
        return
    context.counts.models += not standing.is_known
    if not context.asked.dry_run:
        _write_model(context, found, standing)
    ours: set[int] = set()
    for version in wanted:
        if _bring_version(context, found, version, standing):
            ours.add(version.version)
    _bring_aliases(context, found, ours)


def version_key(name: str, version: VersionFound) -> str:
    """Return the key that an imported version is found by."""
    return f"mlflow:{name}/{version.version}/{version.created_ms}"


def _standing(connection: Connection, name: str) -> _Standing:
    is_known = bool(registry.list_models(connection, name))
    gone = registry_changes.changes(connection, name) if is_known else []
    return _Standing(
        is_known=is_known,
        keys=imports.version_keys(connection, name),
        deleted={change.version for change in gone if change.what == "deletion"},
    )


def _is_wanted(context: Context, connection: Connection, version: VersionFound) -> bool:
    """Tell whether a version belongs to the experiments that were asked for; without such, all do."""
    if not context.asked.experiments:
        return True
    if version.run_id in context.runs or version.model_id in context.planned_models:
        return True
    return bool(version.model_id and logged_models.find_many(connection, [version.model_id]))


def _write_model(context: Context, found: ModelFound, standing: _Standing) -> None:
    with context.project.ledger.read() as connection:
        there = registry_changes.tags_of(connection, found.name) if standing.is_known else {}
        described = bool(standing.is_known and registry_edits.the_model(connection, found.name).description)
    tags = {key: value for key, value in found.tags.items() if key not in there}
    if standing.is_known and not tags and (described or not found.description):
        return
    with context.project.ledger.write(context.project.actor) as tx:
        if not standing.is_known:
            registry_edits.create_model(tx, found.name, description=found.description, tags=found.tags)
            imports.date_model(tx, found.name, moment_of(found.created_ms))
            return
        for key, value in tags.items():
            registry_changes.set_tag(tx, found.name, _WHOLE, key, value, reason=REASON)
        if found.description and not described:
            registry_changes.describe(tx, found.name, _WHOLE, found.description, reason=REASON)


def _bring_version(context: Context, model: ModelFound, version: VersionFound, standing: _Standing) -> bool:
    """Bring a version; tell whether the version of this number here is this one."""
    about = f"version {version.version} of model '{model.name}'"
    key = version_key(model.name, version)
    if version.version in standing.deleted:
        return False
    if version.version in standing.keys:
        if standing.keys[version.version] != key:
            context.note(about, "it is left out: another version has this number here")
            return False
        _update_version(context, model, version)
        return True
    with context.project.ledger.read() as connection:
        renamed = registry.find_version_by_key(connection, key)
    if renamed is not None:
        context.note(about, f"it is here as version {renamed.version} of model '{renamed.model}', which was renamed")
        return False
    context.counts.versions += 1
    if not context.asked.dry_run:
        _add_version(context, model, version, about)
    return True


def _add_version(context: Context, model: ModelFound, version: VersionFound, about: str) -> None:
    entries = _entries(context, model, version, about)
    if not entries:
        context.note(about, f"its files are not here; only where they are is known: {version.source}")
    manifest = Manifest(files=entries or [_whereabouts(context, version)])
    kept = context.project.store.put(canonical_json(manifest))
    with context.project.ledger.write(context.project.actor) as tx:
        row = _row(context, tx, model, version, entries)
        row = msgspec.structs.replace(row, digest=kept.digest)
        registry.claim_model(tx, model.name)
        if imports.version_keys(tx.connection, model.name).get(version.version) is not None:
            return
        artifacts.record(tx, kept.digest, "tree", manifest.size_bytes)
        registry.add_version(tx, row)
        registry_edits.add_tags(tx, model.name, version.version, version.tags)
        facts = {"digest": row.digest, "unsafe": row.unsafe, "run_id": row.run_id, "metrics": row.metrics}
        told = {"source": row.source, "tags": version.tags, "description": row.description, "flavour": row.flavour}
        subject = f"model/{row.model}/{row.version}"
        tx.emit("model-version.imported", subject, model=row.model, version=row.version, **facts, **told)


def _entries(context: Context, model: ModelFound, version: VersionFound, about: str) -> list[Entry]:
    """Return a version's files: those of its logged model or run, which are here, else fetched from the source."""
    with context.project.ledger.read() as connection:
        found = _of_logged(context, connection, version) or _of_run(context, connection, version)
    if found:
        return found
    uri = version.files_uri
    if uri.startswith(("runs:", "models:")):
        return []
    place = Place(kind="version", owner=f"{model.name}/{version.version}", uri=uri)
    files_found = listed(context, place, about)
    return fetched(context, place, files_found, about) if files_found else []


def _of_logged(context: Context, connection: Connection, version: VersionFound) -> list[Entry]:
    for row in logged_models.find_many(connection, [version.model_id]) if version.model_id else ():
        here = ExperimentHere(
            id=row.experiment_id, number=row.experiment_number, name="", location=row.location, is_deleted=False
        )
        root = files_root(here, row.id)
        below = files.files_below(connection, root) if root else []
        return [
            Entry(path=file.path[len(root or "") + 1 :], digest=file.digest, size_bytes=file.size_bytes)
            for file in below
        ]
    return []


def _of_run(context: Context, connection: Connection, version: VersionFound) -> list[Entry]:
    """Return the files of a version that is a folder among the artifacts of its run."""
    run_id = context.run_here(connection, version.run_id)
    root = context.artifact_uris.get(version.run_id, "").rstrip("/")
    folder = None
    if version.source.startswith(f"runs:/{version.run_id}/"):
        folder = version.source.removeprefix(f"runs:/{version.run_id}/").strip("/")
    elif root and version.files_uri.startswith(f"{root}/"):
        folder = version.files_uri.removeprefix(f"{root}/").strip("/")
    if run_id is None or folder is None:
        return []
    store = context.project.store
    return [
        msgspec.structs.replace(entry, path=row.name[len(folder) + 1 :])
        for row in files.run_files_below(connection, run_id, folder)
        if row.codec == "file"
        for entry in read_manifest(store, row.digest).files
    ]


def _whereabouts(context: Context, version: VersionFound) -> Entry:
    """Store a note that says where the files of a version are, and return it as its only file."""
    blob = context.project.store.put(canonical_json({"source": version.source}))
    return Entry(path="source.json", digest=blob.digest, size_bytes=blob.size_bytes)


def _row(
    context: Context, tx: Transaction, model: ModelFound, version: VersionFound, entries: list[Entry]
) -> VersionRow:
    about = _mlmodel(context, entries)
    run_id = context.run_here(tx.connection, version.run_id)
    source = version.source
    if run_id and source.startswith(f"runs:/{version.run_id}/"):
        source = source.replace(version.run_id, run_id, 1)
    lineage: dict[str, Any] = {} if about is None else {"flavors": about.flavors, "mlflow": about.mlflow_version}
    lineage |= {"run_id": run_id, "source": source, "model_id": version.model_id, "run_link": version.run_link}
    lineage["imported"] = {"from": context.report.source, "run_id": version.run_id, "stage": version.stage}
    return VersionRow(
        model=model.name,
        version=version.version,
        digest="",
        flavour="mlflow" if entries else "external",
        codec="folder",
        unsafe=not entries or not is_data_only([entry.path for entry in entries]),
        signature=msgspec.to_builtins(Signature(inputs=[], outputs=[]) if about is None else about.signature),
        metrics=_metrics(tx.connection, version, run_id),
        profile_digest=None,
        lineage={name: value for name, value in lineage.items() if value},
        description=version.description,
        run_id=run_id,
        idempotency_key=version_key(model.name, version),
        actor=f"user:{version.user}" if version.user else tx.actor,
        created_at=moment_of(version.created_ms),
        source=source,
        status=version.status,
        stage=version.stage,
        logged_model_id=version.model_id or None,
    )


def _mlmodel(context: Context, entries: list[Entry]) -> MlModel | None:
    for entry in entries:
        if entry.path == _MLMODEL and entry.size_bytes <= _LARGEST_MLMODEL:
            return read_mlmodel(context.project.store.read(entry.digest).decode("utf-8", "replace"))
    return None


def _metrics(connection: Connection, version: VersionFound, run_id: str | None) -> dict[str, float | None]:
    """Return the newest metrics of the logged model, else those of the run."""
    found: dict[str, float] = {}
    if version.model_id:
        rows = logged_models.metrics_of(connection, [version.model_id]).get(version.model_id, [])
        found = {metric.key: metric.value for metric in sorted(rows, key=lambda metric: (metric.at, metric.step))}
    if not found and run_id:
        found = curves.last_metrics(connection, run_id)
    return {key: value if math.isfinite(value) else None for key, value in found.items()}


def _update_version(context: Context, model: ModelFound, version: VersionFound) -> None:
    """Bring the new tags of a version that is here, and its stage if it was moved at the source."""
    name, number = model.name, version.version
    with context.project.ledger.read() as connection:
        here = registry_edits.the_version(connection, name, number)
        changes = registry_changes.changes(connection, name, version=number)
    tags = {key: value for key, value in version.tags.items() if key not in here.tags}
    moved = [change.new for change in changes if change.what == "stage" and change.reason == REASON]
    last = moved[0] if moved else here.row.lineage.get("imported", {}).get("stage", "None")
    stage = version.stage if version.stage not in (last, here.row.stage) else None
    text = version.description if version.description and not here.row.description else ""
    if context.asked.dry_run or not (tags or stage or text):
        return
    with context.project.ledger.write(context.project.actor) as tx:
        for key, value in tags.items():
            registry_changes.set_tag(tx, name, number, key, value, reason=REASON)
        if stage:
            registry_changes.set_stage(tx, name, number, stage, reason=REASON)
        if text:
            registry_changes.describe(tx, name, number, text, reason=REASON)


def _bring_aliases(context: Context, model: ModelFound, ours: set[int]) -> None:
    """Let aliases point where they point at the source, if they were moved there since the last import."""
    for alias, version in model.aliases.items():
        with context.project.ledger.read() as connection:
            history = registry.alias_rows(connection, model.name, alias)
        last = next((row.version for row in history if row.reason == REASON), None)
        present = next((row.version for row in history if row.to_at is None), None)
        if version in (last, present) or version not in ours:
            continue
        context.counts.aliases += 1
        if context.asked.dry_run:
            continue
        try:
            with context.project.ledger.write(context.project.actor) as tx:
                edits.point_alias(tx, model.name, alias, version, reason=REASON)
        except (PermissionDenied, NotFound) as error:
            context.counts.aliases -= 1
            context.note(f"alias '{alias}' of model '{model.name}'", _told(error))


def _told(error: MlwrightError) -> str:
    return f"{error.what} ({error.why})" if error.why else error.what
