"""Taking registered models to a target: their files go to the artifacts of a run there, which versions are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.artifacts.trees import Entry, read_manifest
from mlwright.errors import InvalidInput, NotFound, PermissionDenied, Unsupported
from mlwright.ledger import registry_edits
from mlwright.migration.export_runs import Exporting, File, files_of, upload_all
from mlwright.migration.port import ModelFound, RunFound
from mlwright.migration.target import NewRunThere, NewVersionThere
from mlwright.migration.values import ms_of

if TYPE_CHECKING:
    from mlwright.ledger.registry_edits import Registered, RegisteredModel

#: Tag of a version there that says which version it is here.
VERSION = "mlwright.version"
#: Tag of a run there that holds the files of a version whose run is not there.
HOLDS = "mlwright.holds"
_FOLDER = "mlwright-models"
_EXPERIMENT = "mlwright/models"
_MLMODEL = "MLmodel"
_STAGES = ("Staging", "Production", "Archived")


def take_model(exporting: Exporting, model: RegisteredModel, there: ModelFound | None) -> None:
    """Take what is new of a registered model to the target."""
    if there is None:
        exporting.report.counts.models += 1
        if not exporting.report.dry_run:
            exporting.target.create_model(model.name, model.description, model.tags)
        there = ModelFound(name=model.name, created_ms=0)
    with exporting.project.ledger.read() as connection:
        versions = registry_edits.registered(connection, model.name)
    numbers = {}
    for version in versions:
        number = _known(version, there) or _take_version(exporting, version)
        if number is not None:
            numbers[version.row.version] = number
            if number != version.row.version and _known(version, there) is None:
                exporting.note(
                    f"version {version.row.version} of model '{model.name}'",
                    f"it is version {number} there, because MLflow counts versions without gaps",
                )
    _take_aliases(exporting, model, there, numbers)


def _known(version: Registered, there: ModelFound) -> int | None:
    """Return the number of a version at the target: taken there before, or imported from there."""
    row = version.row
    for each in there.versions:
        imported = row.idempotency_key == f"mlflow:{row.model}/{each.version}/{each.created_ms}"
        if each.tags.get(VERSION) == str(row.version) or imported:
            return each.version
    return None


def _take_version(exporting: Exporting, version: Registered) -> int | None:
    row = version.row
    about = f"version {row.version} of model '{row.model}'"
    exporting.report.counts.versions += 1
    if exporting.report.dry_run:
        return row.version
    try:
        run, source = _files_there(exporting, version, about)
        new = NewVersionThere(
            model=row.model,
            run_id=run.id if run else "",
            source=source,
            description=row.description,
            tags={**version.tags, VERSION: str(row.version)},
        )
        number = exporting.target.create_version(new)
        if row.stage in _STAGES:
            exporting.target.set_stage(row.model, number, row.stage)
    except (InvalidInput, NotFound, Unsupported) as error:
        exporting.report.counts.versions -= 1
        exporting.note(about, " ".join(str(error).split()))
        return None
    return number


def _files_there(exporting: Exporting, version: Registered, about: str) -> tuple[RunFound | None, str]:
    """Bring a version's files to a run there; return the run, and the URI of the files."""
    row = version.row
    if row.flavour == "external":
        return None, row.source
    entries = read_manifest(exporting.project.store, row.digest).files
    run = exporting.runs.get(row.run_id or "")
    if run is None or run.is_deleted:
        run = _holder(exporting, version)
    else:
        folder = _found_in(exporting, row.run_id or "", entries)
        if folder:
            return run, f"{run.artifact_uri}/{folder}"
    folder = f"{_FOLDER}/{row.model}/{row.version}"
    there = {file.path: file.size_bytes for file in exporting.target.files(run)}
    files = {f"{folder}/{entry.path}": File(entry.digest, entry.size_bytes) for entry in entries}
    new = {path: file for path, file in files.items() if there.get(path) != file.size_bytes}
    taken = upload_all(exporting, run, new, about)
    if taken < len(new):
        raise InvalidInput(f"{about} is left out.", why="the target didn't take all of its files")
    exporting.report.counts.artifacts += taken
    exporting.report.counts.artifact_bytes += sum(file.size_bytes for file in new.values())
    return run, f"{run.artifact_uri}/{folder}"


def _found_in(exporting: Exporting, run_id: str, entries: list[Entry]) -> str:
    """Return the folder of a run's artifacts that is just these files, empty when none is."""
    with exporting.project.ledger.read() as connection:
        files = {path: file.digest for path, file in files_of(exporting, connection, run_id).items()}
    for path in files:
        if path.endswith(f"/{_MLMODEL}"):
            folder = path.removesuffix(f"/{_MLMODEL}")
            if all(files.get(f"{folder}/{entry.path}") == entry.digest for entry in entries):
                return folder
    return ""


def _holder(exporting: Exporting, version: Registered) -> RunFound:
    """Find or make the run there that holds the files of a version without a run."""
    row = version.row
    holds = f"{row.model}/{row.version}"
    known = exporting.target.experiments().get(_EXPERIMENT)
    experiment_id = known[0] if known else exporting.target.create_experiment(_EXPERIMENT, {})
    for run in exporting.target.runs(experiment_id):
        if run.tags.get(HOLDS) == holds and not run.is_deleted:
            return run
    started = ms_of(row.created_at)
    tags = {HOLDS: holds}
    new = NewRunThere(
        experiment_id=experiment_id, name=f"{row.model} v{row.version}", started_ms=started, user="", tags=tags
    )
    run = exporting.target.create_run(new)
    exporting.target.end_run(run.id, "succeeded", started)
    return run


def _take_aliases(exporting: Exporting, model: RegisteredModel, there: ModelFound, numbers: dict[int, int]) -> None:
    for alias, version in model.aliases.items():
        number = numbers.get(version)
        if number is None or there.aliases.get(alias) == number:
            continue
        exporting.report.counts.aliases += 1
        if exporting.report.dry_run:
            continue
        try:
            exporting.target.set_alias(model.name, alias, number)
        except (InvalidInput, PermissionDenied) as error:
            exporting.report.counts.aliases -= 1
            exporting.note(f"alias '{alias}' of model '{model.name}'", " ".join(str(error).split()))
