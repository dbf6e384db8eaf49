"""Bringing logged models, and which runs took and made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlwright.artifacts.trees import Entry
from mlwright.ledger import artifacts, files, imports, logged_models
from mlwright.ledger.logged_models import ModelMetric, NewLoggedModel
from mlwright.migration.context import Context, ExperimentHere
from mlwright.migration.downloads import fetched, listed, size_of
from mlwright.migration.port import FileFound, LoggedFound, Place
from mlwright.migration.values import moment_of

if TYPE_CHECKING:
    from mlwright.ledger import Connection, Transaction
    from mlwright.ledger.logged_models import LoggedModelRow

_SCHEME = "mlflow-artifacts:/"


class Change(msgspec.Struct, kw_only=True):
    """What is new of a logged model."""

    found: LoggedFound
    known: LoggedModelRow | None
    tags: dict[str, str]
    metrics: list[ModelMetric]
    files: list[FileFound]
    links: list[tuple[str, str, int]]
    is_settled: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is new."""
        parts = (self.tags, self.metrics, self.files, self.links, self.is_settled)
        return self.known is not None and not any(parts)


def files_root(experiment: ExperimentHere, model_id: str) -> str | None:
    """Return the path that a logged model's files are kept at, None when its experiment keeps them elsewhere."""
    location = experiment.location or f"{_SCHEME}{experiment.number}"
    if not location.startswith(_SCHEME):
        return None
    return f"{location.removeprefix(_SCHEME).strip('/')}/models/{model_id}/artifacts"


def bring_logged(context: Context, found: LoggedFound) -> None:
    """Bring what is new of a logged model."""
    experiment = context.experiments[found.experiment_id]
    root = files_root(experiment, found.id)
    place = Place(kind="model", owner=found.id, uri=found.artifact_uri)
    about = f"logged model '{found.name}' ({found.id})"
    with context.project.ledger.read() as connection:
        known = next(iter(logged_models.find_many(connection, [found.id])), None)
        if known is not None and known.deleted_at is not None:
            return
        files_found = listed(context, place, about) or []
        change = _change(context, connection, found, known)
        there = {row.path: row.size_bytes for row in files.files_below(connection, root)} if root else {}
    if root is None and files_found:
        context.note(about, f"its files are left out: the experiment '{experiment.name}' keeps artifacts elsewhere")
    elif root is not None:
        change.files = [file for file in files_found if _is_new(file, there.get(f"{root}/{file.path}"))]
    if change.is_nothing:
        return
    context.planned_models.add(found.id)
    if not context.asked.dry_run:
        entries = fetched(context, place, change.files, about) if change.files else []
        _write(context, change, experiment, {f"{root}/{entry.path}": entry for entry in entries})
    context.counts.logged_models += change.known is None
    context.counts.artifacts += len(change.files)
    context.counts.artifact_bytes += size_of(change.files)


def _is_new(file: FileFound, size_bytes: int | None) -> bool:
    return size_bytes is None or (file.size_bytes is not None and file.size_bytes != size_bytes)


def _change(context: Context, connection: Connection, found: LoggedFound, known: LoggedModelRow | None) -> Change:
    metrics = _metrics(context, connection, found)
    links = context.links.get(found.id, [])
    if known is None:
        return Change(found=found, known=None, tags=found.tags, metrics=metrics, files=[], links=links)
    there = {_identity(metric) for metric in logged_models.metrics_of(connection, [known.id]).get(known.id, [])}
    linked = logged_models.models_of_runs(connection, sorted({run_id for run_id, _, _ in links}))
    already = {(link.run_id, link.role) for found_ in linked.values() for link in found_ if link.model_id == known.id}
    return Change(
        found=found,
        known=known,
        tags={key: value for key, value in found.tags.items() if key not in known.tags},
        metrics=[metric for metric in metrics if _identity(metric) not in there],
        files=[],
        links=[link for link in links if link[:2] not in already],
        is_settled=known.status == "pending" and found.status != "pending",
    )


def _metrics(context: Context, connection: Connection, found: LoggedFound) -> list[ModelMetric]:
    return [
        ModelMetric(
            model_id=found.id,
            key=point.key,
            value=point.value,
            step=point.step,
            at=moment_of(point.at_ms),
            run_id=context.run_here(connection, point.run_id),
            dataset_name=point.dataset_name,
            dataset_digest=point.dataset_digest,
        )
        for point in found.metrics
    ]


def _identity(metric: ModelMetric) -> tuple[object, ...]:
    return (metric.key, metric.step, metric.at, metric.run_id, metric.dataset_name)


def _write(context: Context, change: Change, experiment: ExperimentHere, kept: dict[str, Entry]) -> None:
    found = change.found
    with context.project.ledger.write(context.project.actor) as tx:
        if change.known is None:
            _create(tx, context, found, experiment)
        elif change.is_settled:
            logged_models.set_status(
                tx, found.id, msgspec.convert(found.status, logged_models.Status), message=found.status_message
            )
        if change.known is not None and change.tags:
            logged_models.put_tags(tx, found.id, change.tags)
        artifacts.record_many(tx, {entry.digest: ("blob", entry.size_bytes) for entry in kept.values()})
        for path, entry in kept.items():
            files.put_file(tx, path, entry.digest, entry.size_bytes)
        if found.is_deleted:
            return
        logged_models.add_metrics(tx, change.metrics)
        for run_id, role, step in change.links:
            logged_models.link(tx, run_id, {found.id: step}, msgspec.convert(role, logged_models.Role))


def _create(tx: Transaction, context: Context, found: LoggedFound, experiment: ExperimentHere) -> None:
    new = NewLoggedModel(
        id=found.id,
        experiment_id=experiment.id,
        name=found.name,
        model_type=found.model_type,
        run_id=context.run_here(tx.connection, found.run_id),
        params=found.params,
        tags=found.tags,
        status=msgspec.convert(found.status, logged_models.Status),
    )
    logged_models.create(tx, new)
    if found.status_message:
        imports.message_logged_model(tx, found.id, found.status_message)
    dates = {"created_at": moment_of(found.created_ms), "changed_at": moment_of(found.changed_ms)}
    imports.date_logged_model(tx, found.id, **dates, is_deleted=found.is_deleted)
