"""Taking one run to a target: all that is new of it, found again by the tag that says which run it is here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlwright.artifacts.trees import read_manifest
from mlwright.errors import InvalidInput, NotFound, Unsupported
from mlwright.ledger import datasets, tracked
from mlwright.ledger.points import rows_of, summaries
from mlwright.migration.context import NOTE, OUR_RUN, PARENT, RUN_NAME, SOURCE_RUN, WORKERS, Progress
from mlwright.migration.mapping import (
    KEYS_FILE,
    LONGEST_DATASET,
    LONGEST_INPUT_TAG,
    WHOLE_FILE,
    Mapped,
    cut,
    key_there,
    mapped,
)
from mlwright.migration.points import Identity, identity, is_same
from mlwright.migration.port import DatasetUse, Latest, PointFound, RunFound
from mlwright.migration.report import Note, Report
from mlwright.migration.target import Logged, NewRunThere, Target
from mlwright.migration.values import ms_of

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.ledger.points import Summary
    from mlwright.ledger.runs import RunRow
    from mlwright.project import Project

_LIVE = ("running", "scheduled")
_CONTEXT = "mlflow.data.context"
_SLICE = 50_000
_MOST_NOTES = 1000
_UNWRITTEN = "(would be written)"


class File(msgspec.Struct, frozen=True):
    """A file of a run: what is stored of it, or its bytes where it was made for the export."""

    digest: str
    size_bytes: int
    content: bytes | None = None


class Exporting:
    """State of one export.

    Args:
        project: Where from.
        target: Where to.
        report: What is done.
        progress: Called with how far it is.
    """

    def __init__(self, project: Project, target: Target, report: Report, progress: Progress) -> None:
        self.project = project
        self.target = target
        self.report = report
        self.progress = progress
        #: Runs at the target by our id.
        self.runs: dict[str, RunFound] = {}
        #: Runs at the target by their own id.
        self.by_id: dict[str, RunFound] = {}

    def note(self, about: str, text: str) -> None:
        """Tell of something that could not be taken as it is."""
        if len(self.report.notes) < _MOST_NOTES:
            self.report.notes.append(Note(about, text))
        else:
            self.report.more_notes += 1


class _Facts(msgspec.Struct, kw_only=True):
    """What is here of a run."""

    logged: Mapped
    summaries: list[Summary]
    files: dict[str, File]
    datasets: list[DatasetUse]


def take_run(exporting: Exporting, row: RunRow, experiment_id: str) -> None:
    """Take what is new of a run to the target."""
    about = f"run '{row.name}' ({row.id})"
    with exporting.project.ledger.read() as connection:
        facts = _facts(exporting, connection, row, about)
        source_id = tracked.tags_of(connection, row.id).get(SOURCE_RUN, "")
    there = exporting.runs.get(row.id) or exporting.by_id.get(source_id)
    if there is not None and there.is_deleted:
        exporting.report.counts.runs_known += 1
        return
    is_new = there is None
    if there is None:
        there = _create(exporting, row, experiment_id, facts)
    exporting.runs[row.id] = there
    changed = _take(exporting, row, there, facts, about)
    counts = exporting.report.counts
    counts.runs += is_new
    counts.runs_changed += changed and not is_new
    counts.runs_known += not changed and not is_new


def files_of(exporting: Exporting, connection: Connection, run_id: str) -> dict[str, File]:
    """Return the files that a run's artifacts appear as, by path."""
    store = exporting.project.store
    found: dict[str, File] = {}
    for row in tracked.artifacts_of(connection, run_id):
        if row.codec == "folder":
            for entry in read_manifest(store, row.digest).files:
                found[f"{row.name}/{entry.path}"] = File(entry.digest, entry.size_bytes)
        elif row.codec == "file":
            entry = read_manifest(store, row.digest).files[0]
            found[row.name] = File(entry.digest, entry.size_bytes)
        else:
            found[row.name] = File(row.digest, row.size_bytes)
    return found


def upload_all(exporting: Exporting, run: RunFound, files: dict[str, File], about: str) -> int:
    """Upload files, several at once; one that the target refuses is noted. Return how many it took."""
    store = exporting.project.store

    def upload(item: tuple[str, File]) -> Exception | None:
        path, file = item
        try:
            if file.content is None:
                exporting.target.upload(run, path, store.path(file.digest))
            else:
                with tempfile.TemporaryDirectory() as folder:
                    made = Path(folder) / "made"
                    made.write_bytes(file.content)
                    exporting.target.upload(run, path, made)
        except (InvalidInput, NotFound, Unsupported) as error:
            return error
        return None

    items = sorted(files.items())
    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(upload, items))
    for (path, _), result in zip(items, results, strict=True):
        if result is not None:
            exporting.note(f"{about}, file '{path}'", " ".join(str(result).split()))
    return sum(result is None for result in results)


def _facts(exporting: Exporting, connection: Connection, row: RunRow, about: str) -> _Facts:
    tags = {key: value for key, value in tracked.tags_of(connection, row.id).items() if key != OUR_RUN}
    tags[RUN_NAME] = row.name
    if row.note:
        tags[NOTE] = row.note
    tags.pop(PARENT, None)
    if row.parent_id and row.parent_id in exporting.runs:
        tags[PARENT] = exporting.runs[row.parent_id].id
    if row.pipeline:
        tags["mlwright.pipeline"] = row.pipeline
    found = summaries(connection, [row.id])[row.id]
    logged = mapped(tracked.params_of(connection, row.id), tags, [summary.key for summary in found])
    files = files_of(exporting, connection, row.id)
    for path, told in ((KEYS_FILE, logged.keys), (WHOLE_FILE, logged.whole)):
        if told:
            content = msgspec.json.format(msgspec.json.encode(told, order="sorted"))
            files[path] = File("", len(content), content)
    for new, old in logged.keys.items():
        exporting.note(about, f"the key '{old}' is '{new}' there; see {KEYS_FILE}")
    for kind, texts in logged.whole.items():
        for key, text in texts.items():
            exporting.note(about, f"of {kind[:-1]} '{key}', {len(text)} characters long, the whole is in {WHOLE_FILE}")
    uses = [_dataset(use) for use in datasets.datasets_of(connection, row.id)]
    return _Facts(logged=logged, summaries=found, files=files, datasets=uses)


def _dataset(use: datasets.UsedDataset) -> DatasetUse:
    told = {name: cut(getattr(use.dataset, name), longest) for name, longest in LONGEST_DATASET.items()}
    tags = {key: cut(value, LONGEST_INPUT_TAG) for key, value in use.tags.items()}
    if use.context:
        tags[_CONTEXT] = use.context
    # MLflow wants a type; what was logged without one is plain code.
    kind = use.dataset.source_type or "code"
    told["digest"] = use.dataset.digest.removeprefix("sha256:")[: LONGEST_DATASET["digest"]]
    return DatasetUse(dataset=datasets.Dataset(**told, source_type=kind), tags=tags)


def _create(exporting: Exporting, row: RunRow, experiment_id: str, facts: _Facts) -> RunFound:
    new = NewRunThere(
        experiment_id=experiment_id,
        name=row.name,
        started_ms=ms_of(row.started_at),
        user=row.actor.partition(":")[2] or row.actor,
        # With the run itself comes what it is found by: an export that is stopped now goes on with this run.
        tags={OUR_RUN: row.id},
    )
    if exporting.report.dry_run:
        return RunFound(
            id=_UNWRITTEN,
            experiment_id=experiment_id,
            name=row.name,
            status="running",
            started_ms=new.started_ms,
            ended_ms=None,
            user=new.user,
            is_deleted=False,
            artifact_uri="",
        )
    return exporting.target.create_run(new)


def _take(exporting: Exporting, row: RunRow, there: RunFound, facts: _Facts, about: str) -> bool:
    """Take what the run there lacks; tell whether there was anything."""
    live = there.status in _LIVE
    tags = {key: value for key, value in facts.logged.tags.items() if (key, value) != (SOURCE_RUN, there.id)}
    known = {(use.dataset.name, use.dataset.digest) for use in there.datasets}
    logged = Logged(
        params={key: value for key, value in facts.logged.params.items() if key not in there.params},
        tags={
            key: value for key, value in tags.items() if key not in there.tags or (live and there.tags[key] != value)
        },
        datasets=[use for use in facts.datasets if (use.dataset.name, use.dataset.digest) not in known],
    )
    files = _new_files(exporting, there, facts)
    is_ended = live and row.status not in _LIVE
    if not exporting.report.dry_run:
        taken = upload_all(exporting, there, files, about) if files else 0
        exporting.target.log(there.id, logged)
    else:
        taken = len(files)
    points = sum(_take_points(exporting, row.id, there, summary) for summary in facts.summaries)
    if is_ended and not exporting.report.dry_run:
        exporting.target.end_run(there.id, row.status, None if row.ended_at is None else ms_of(row.ended_at))
    counts = exporting.report.counts
    counts.points += points
    counts.artifacts += taken
    counts.artifact_bytes += sum(file.size_bytes for file in files.values())
    return bool(logged.params or logged.tags or logged.datasets or taken or points or is_ended)


def _new_files(exporting: Exporting, there: RunFound, facts: _Facts) -> dict[str, File]:
    if not facts.files:
        return {}
    sizes = {}
    if there.id != _UNWRITTEN:
        sizes = {file.path: file.size_bytes for file in exporting.target.files(there)}
    return {path: file for path, file in facts.files.items() if sizes.get(path) != file.size_bytes}


def _take_points(exporting: Exporting, run_id: str, there: RunFound, summary: Summary) -> int:
    """Take the points that a metric there lacks; return how many."""
    key = key_there(summary.key)
    latest = next((each for each in there.latest if each.key == key), None)
    if latest is not None and _is_up_to_date(latest, summary):
        return 0
    known: set[Identity] = set()
    if latest is not None:
        for batch in exporting.target.points(there, key):
            known.update(identity(*point) for point in batch)
    with exporting.project.ledger.read() as connection:
        rows = rows_of(connection, run_id, summary.key)
    # Its database keeps one point of those that are alike to the millisecond.
    new = [(step, at // 1000, value) for step, at, value in rows]
    fresh: list[PointFound] = list({identity(*point): point for point in new if identity(*point) not in known}.values())
    if not exporting.report.dry_run:
        for part in _parts(fresh):
            exporting.target.log_points(there.id, key, part)
    return len(fresh)


def _is_up_to_date(latest: Latest, summary: Summary) -> bool:
    same = (latest.step, latest.at_ms) == (summary.last_step, ms_of(summary.last_at))
    return same and is_same(latest.value, summary.last)


def _parts(points: list[PointFound]) -> Iterator[list[PointFound]]:
    return (points[start : start + _SLICE] for start in range(0, len(points), _SLICE))
