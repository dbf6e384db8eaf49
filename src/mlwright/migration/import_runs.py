"""Bringing one run: all that is new of it, in one transaction, after its files are in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.artifacts.trees import Entry, Manifest
from mlwright.core.digest import canonical_json
from mlwright.core.ids import derived_id
from mlwright.ledger import artifacts, curves, datasets, imports, runs, tracked
from mlwright.ledger.points import rows_of, summaries
from mlwright.ledger.runs import NewRun
from mlwright.ledger.schema.types import to_microseconds
from mlwright.migration.context import NOTE, OUR_RUN, PARENT, RUN_NAME, SOURCE_RUN, Context, ExperimentHere, run_key
from mlwright.migration.downloads import fetched, listed, size_of
from mlwright.migration.points import Curve, is_same
from mlwright.migration.port import DatasetUse, FileFound, Latest, Place, RunFound
from mlwright.migration.values import moment_of

if TYPE_CHECKING:
    from mlwright.ledger import Connection, Transaction
    from mlwright.ledger.imports import ImportedRun
    from mlwright.ledger.points import Summary

_LIVE = ("running", "scheduled")
_CONTEXT = "mlflow.data.context"


class Change(msgspec.Struct, kw_only=True):
    """What is new of a run.

    Attributes:
        found: The run at the source.
        run_id: Its id here.
        known: What is here already; None for a new run.
        params: New params.
        tags: New tags.
        curves: New points by metric.
        files: New files.
        datasets: Datasets whose use is new.
        is_ended: True when it ran here and ended at the source.
    """

    found: RunFound
    run_id: str
    known: ImportedRun | None
    params: dict[str, str]
    tags: dict[str, str]
    curves: dict[str, Curve]
    files: list[FileFound]
    datasets: list[DatasetUse]
    is_ended: bool = False

    @property
    def points(self) -> int:
        """How many points are new."""
        return sum(len(curve) for curve in self.curves.values())

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is new."""
        parts = (self.params, self.tags, self.points, self.files, self.datasets, self.is_ended)
        return self.known is not None and not any(parts)


def bring_run(context: Context, found: RunFound) -> None:
    """Bring what is new of a run."""
    with context.project.ledger.read() as connection:
        ours = imports.run_of_id(connection, found.tags.get(OUR_RUN, ""))
        known = ours or imports.run_of_key(connection, run_key(found.id))
        run_id = derived_id("mlflow", found.id, at_ms=max(found.started_ms, 0)) if known is None else known.id
        context.runs[found.id] = run_id
        context.artifact_uris[found.id] = found.artifact_uri
        for link in found.models:
            context.links.setdefault(link.model_id, []).append((run_id, link.role, link.step))
        # What an export wrote there began here, and what is deleted here stays so.
        if ours is not None or (known is not None and known.is_deleted and not found.is_deleted):
            context.counts.runs_known += 1
            return
        change = _change(context, connection, found, known)
    if change.is_nothing:
        context.counts.runs_known += 1
        return
    if not context.asked.dry_run:
        entries = fetched(context, _place(found), change.files, _about(found)) if change.files else []
        if change.files and not entries and msgspec.structs.replace(change, files=[]).is_nothing:
            # All that was new are files that can't be had; each has its note.
            context.counts.runs_known += 1
            return
        _write(context, change, entries)
    _count(context, change)


def _change(context: Context, connection: Connection, found: RunFound, known: ImportedRun | None) -> Change:
    run_id = context.runs[found.id]
    tags = _tags(context, connection, found)
    place = _place(found)
    files = listed(context, place, _about(found)) or []
    if known is None:
        curves_ = {latest.key: _read(context, found, latest.key) for latest in found.latest}
        return Change(
            found=found,
            run_id=run_id,
            known=None,
            params=found.params,
            tags=tags,
            curves=curves_,
            files=files,
            datasets=found.datasets,
        )
    there = tracked.tags_of(connection, run_id)
    follows = known.status in _LIVE
    sizes = {row.name: row.size_bytes for row in tracked.artifacts_of(connection, run_id)}
    used = {(use.dataset.name, use.dataset.digest) for use in datasets.datasets_of(connection, run_id)}
    params = tracked.params_of(connection, run_id)
    return Change(
        found=found,
        run_id=run_id,
        known=known,
        params={key: value for key, value in found.params.items() if key not in params},
        tags={key: value for key, value in tags.items() if key not in there or (follows and there[key] != value)},
        curves=_new_points(context, connection, found, run_id),
        files=[file for file in files if _is_new(file, sizes)],
        datasets=[use for use in found.datasets if (use.dataset.name, use.dataset.digest) not in used],
        is_ended=follows and found.status not in _LIVE,
    )


def _is_new(file: FileFound, sizes: dict[str, int]) -> bool:
    return file.path not in sizes or (file.size_bytes is not None and file.size_bytes != sizes[file.path])


def _new_points(context: Context, connection: Connection, found: RunFound, run_id: str) -> dict[str, Curve]:
    there = {summary.key: summary for summary in summaries(connection, [run_id])[run_id]}
    result = {}
    for latest in found.latest:
        summary = there.get(latest.key)
        if summary is None or not _is_up_to_date(latest, summary):
            curve = _read(context, found, latest.key).without(rows_of(connection, run_id, latest.key))
            if len(curve):
                result[latest.key] = curve
    return result


def _is_up_to_date(latest: Latest, summary: Summary) -> bool:
    """Tell whether a metric has nothing new: the same last point, and as many of them where the source counts."""
    if latest.count is not None and latest.count != summary.count:
        return False
    at = to_microseconds(summary.last_at) // 1000
    return (latest.step, latest.at_ms) == (summary.last_step, at) and is_same(latest.value, summary.last)


def _read(context: Context, found: RunFound, key: str) -> Curve:
    curve = Curve()
    for batch in context.source.points(found, key):
        curve.extend(batch)
    return curve


def _tags(context: Context, connection: Connection, found: RunFound) -> dict[str, str]:
    """Return a run's tags as they are here: its parent has another id, and where it is from is one more."""
    tags = {**found.tags, SOURCE_RUN: found.id}
    parent = context.run_here(connection, tags.get(PARENT, ""))
    if parent is not None:
        tags[PARENT] = parent
    return tags


def _write(context: Context, change: Change, entries: list[Entry]) -> None:
    """Write a change, all or nothing."""
    found, run_id = change.found, change.run_id
    kept = {entry.path: _keep(context, entry) for entry in entries}
    experiment = context.experiments[found.experiment_id]
    with context.project.ledger.write(context.project.actor) as tx:
        if change.known is None:
            if imports.run_of_key(tx.connection, run_key(found.id)) is not None:
                # Another import brought it in the meantime; what it lacks comes with the next one.
                return
            _create(tx, context, change, experiment)
        elif change.is_ended or change.tags:
            _follow(tx, change)
        tracked.put_params(tx, run_id, change.params)
        tracked.put_tags(tx, run_id, change.tags)
        for key, curve in change.curves.items():
            for rows in curve.slices(key):
                curves.add_rows(tx, run_id, rows)
        artifacts.record_many(tx, {digest: ("tree", size) for digest, size in kept.values()})
        rows_ = [_artifact(tx, path, digest, size) for path, (digest, size) in kept.items()]
        tracked.put_artifacts(tx, run_id, rows_)
        for use in change.datasets:
            more = {key: value for key, value in use.tags.items() if key != _CONTEXT}
            dataset_id = datasets.put_dataset(tx, use.dataset)
            datasets.use_dataset(tx, run_id, dataset_id, context=use.tags.get(_CONTEXT, ""), tags=more)
        told = {"source": context.report.source, "source_run": found.id, "is_new": change.known is None}
        tx.emit("run.imported", f"run/{run_id}", points=change.points, artifacts=len(kept), **told)


def _create(tx: Transaction, context: Context, change: Change, experiment: ExperimentHere) -> None:
    found = change.found
    parent = context.runs.get(found.tags.get(PARENT, "")) or context.run_here(tx.connection, found.tags.get(PARENT, ""))
    new = NewRun(
        id=change.run_id,
        experiment=experiment.name,
        name=found.name or found.tags.get(RUN_NAME) or found.id[:8],
        kind="script",
        source={"imported_from": context.report.source, "artifact_uri": found.artifact_uri},
        idempotency_key=run_key(found.id),
        parent_id=parent,
        started_at=moment_of(found.started_ms),
        note=found.tags.get(NOTE, ""),
        actor=f"user:{found.user}" if found.user else "",
    )
    runs.insert_run(tx, new, experiment.id)
    binned = found.is_deleted or experiment.is_deleted
    runs.update_run(tx, change.run_id, deleted_at=tx.now if binned else None, **_outcome(found))


def _follow(tx: Transaction, change: Change) -> None:
    """Let a run that went on at the source go on here."""
    values: dict[str, Any] = _outcome(change.found) if change.is_ended else {}
    if NOTE in change.tags:
        values["note"] = change.tags[NOTE]
    if change.tags.get(RUN_NAME):
        values["name"] = change.tags[RUN_NAME]
    if values:
        runs.update_run(tx, change.run_id, **values)


def _outcome(found: RunFound) -> dict[str, Any]:
    ended = None if found.ended_ms is None else moment_of(found.ended_ms)
    duration = None if ended is None else max(0.0, (ended - moment_of(found.started_ms)).total_seconds())
    return {"status": found.status, "ended_at": ended, "duration_s": duration}


def _keep(context: Context, entry: Entry) -> tuple[str, int]:
    """Keep a stored file with its name, as every file of a run is kept; return the digest to name and the size."""
    name = entry.path.rsplit("/", 1)[-1]
    manifest = Manifest(files=[msgspec.structs.replace(entry, path=name)])
    return context.project.store.put(canonical_json(manifest)).digest, entry.size_bytes


def _artifact(tx: Transaction, path: str, digest: str, size_bytes: int) -> tracked.RunArtifact:
    return tracked.RunArtifact(
        name=path, digest=digest, codec="file", size_bytes=size_bytes, step="", created_at=tx.now
    )


def _count(context: Context, change: Change) -> None:
    counts = context.counts
    if change.known is None:
        counts.runs += 1
    else:
        counts.runs_changed += 1
    counts.points += change.points
    counts.artifacts += len(change.files)
    counts.artifact_bytes += size_of(change.files)


def _place(found: RunFound) -> Place:
    return Place(kind="run", owner=found.id, uri=found.artifact_uri)


def _about(found: RunFound) -> str:
    return f"run '{found.name}' ({found.id})"
