"""A folder `mlruns`, MLflow's file store, as a source of an import; with its registry in `models`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from mlwright.errors import InvalidInput, InvalidUsage, NotFound, PermissionDenied
from mlwright.ledger.datasets import Dataset
from mlwright.migration import folders
from mlwright.migration.port import (
    DatasetUse,
    ExperimentFound,
    FileFound,
    Latest,
    LoggedFound,
    ModelFound,
    ModelLink,
    ModelPoint,
    Place,
    PointFound,
    RunFound,
    VersionFound,
)
from mlwright.migration.values import logged_status_of, status_of, version_status_of

_META = "meta.yaml"
_TRASH = ".trash"
_REGISTRY = "models"
_NO_RUNS = {"tags", "datasets", "traces", "models"}
_STAGES = ("None", "Staging", "Production", "Archived")
_BATCH = 10_000


class FolderSource:
    """Reads a file store.

    Args:
        uri: The folder, or a `file:` URL of it.
        artifacts: Folder of what lies at `mlflow-artifacts:` for a store that a server wrote.
    """

    def __init__(self, uri: str, *, artifacts: str = "") -> None:
        root = folders.folder_of(uri, "") or Path(uri)
        if not root.is_dir():
            raise NotFound(f"the folder {root} does not exist.", fix=f"the working directory is {Path.cwd()}")
        self._root = root
        self.location = str(root)
        self._artifacts = artifacts
        self._homes: dict[str, Path] = {}
        if not any(True for _ in self._experiment_folders()) and not (root / _REGISTRY).is_dir():
            raise InvalidUsage(
                f"{root} is no folder of MLflow's.", why="no folder in it has a meta.yaml", fix="name the folder mlruns"
            )

    def close(self) -> None:
        """Give nothing back: nothing is held."""

    def experiments(self) -> list[ExperimentFound]:
        """Return all experiments; see `Source`."""
        return [self._experiment(home, deleted) for home, deleted in self._experiment_folders()]

    def runs(self, experiment_ids: list[str]) -> Iterator[RunFound]:
        """Go through runs in the order of their beginnings; see `Source`."""
        homes = {home.name: home for home, _ in self._experiment_folders()}
        for wanted in experiment_ids:
            entries = _folders(homes[wanted]) if wanted in homes else []
            runs = [entry for entry in entries if entry.name not in _NO_RUNS and (entry / _META).exists()]
            metas = [(_meta(entry), entry) for entry in runs]
            for meta, home in sorted(metas, key=lambda pair: (_int(pair[0], "start_time"), pair[1].name)):
                yield self._run(meta, home, homes[wanted])

    def points(self, run: RunFound, key: str) -> Iterator[list[PointFound]]:
        """Go through a metric's points; see `Source`."""
        batch: list[PointFound] = []
        for parts in _lines(self._homes[run.id] / "metrics" / key):
            batch.append(_point(parts, key))
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def logged_models(self, experiment_ids: list[str]) -> Iterator[LoggedFound]:
        """Go through logged models; see `Source`."""
        homes = {home.name: home for home, _ in self._experiment_folders()}
        for wanted in experiment_ids:
            for home in _folders(homes[wanted] / _REGISTRY) if wanted in homes else ():
                if (home / _META).exists():
                    yield self._logged(_meta(home), home)

    def models(self) -> Iterator[ModelFound]:
        """Go through the registered models; see `Source`."""
        for home in _folders(self._root / _REGISTRY):
            if not (home / _META).exists():
                continue
            meta = _meta(home)
            versions = [self._version(folder) for folder in _folders(home) if folder.name.startswith("version-")]
            aliases = _texts(home / "aliases")
            yield ModelFound(
                name=_text(meta, "name") or home.name,
                created_ms=_int(meta, "creation_timestamp"),
                description=_text(meta, "description"),
                tags=_texts(home / "tags"),
                aliases={alias: _whole(text, home) for alias, text in aliases.items()},
                versions=sorted(versions, key=lambda version: version.version),
            )

    def files(self, place: Place) -> list[FileFound]:
        """Return all files at a place; see `Source`."""
        return folders.files_in(self._place(place))

    def fetch(self, place: Place, path: str, file: BinaryIO) -> None:
        """Copy a file; see `Source`."""
        folders.pour(self._place(place), path, file)

    def _place(self, place: Place) -> Path:
        """Return the folder of a place; a store that was moved has what was beside it still beside it."""
        named = folders.folder_of(place.uri, self._artifacts)
        if named is not None and named.is_dir():
            return named
        beside = self._homes.get(place.owner)
        if beside is not None and (beside / "artifacts").is_dir():
            return beside / "artifacts"
        raise NotFound(
            f"the artifacts of {place.owner} are out of reach.",
            why=f"they are at {place.uri}",
            fix="give the folder of mlflow-artifacts: with --artifacts" if named is None else None,
        )

    def _experiment_folders(self) -> Iterator[tuple[Path, bool]]:
        for parent, deleted in ((self._root, False), (self._root / _TRASH, True)):
            for home in _folders(parent):
                if home.name not in (_TRASH, _REGISTRY) and (home / _META).exists():
                    yield home, deleted

    def _experiment(self, home: Path, deleted: bool) -> ExperimentFound:
        meta = _meta(home)
        return ExperimentFound(
            id=home.name,
            name=_required(meta, "name", home),
            tags=_texts(home / "tags"),
            created_ms=_int(meta, "creation_time"),
            changed_ms=_int(meta, "last_update_time"),
            is_deleted=deleted or meta.get("lifecycle_stage") == "deleted",
        )

    def _run(self, meta: dict[str, Any], home: Path, experiment: Path) -> RunFound:
        self._homes[home.name] = home
        tags = _texts(home / "tags")
        ended = _int(meta, "end_time")
        return RunFound(
            id=home.name,
            experiment_id=experiment.name,
            name=_text(meta, "run_name") or tags.get("mlflow.runName", ""),
            status=status_of(meta.get("status")),
            started_ms=_int(meta, "start_time"),
            ended_ms=ended or None,
            user=_text(meta, "user_id"),
            is_deleted=meta.get("lifecycle_stage") == "deleted",
            artifact_uri=_text(meta, "artifact_uri"),
            params=_texts(home / "params"),
            tags=tags,
            latest=[_latest(key, path) for key, path in _leaves(home / "metrics")],
            datasets=_datasets(home, experiment),
            models=_links(home),
        )

    def _logged(self, meta: dict[str, Any], home: Path) -> LoggedFound:
        self._homes[home.name] = home
        return LoggedFound(
            id=home.name,
            experiment_id=home.parent.parent.name,
            name=_text(meta, "name"),
            status=logged_status_of(meta.get("status")),
            status_message=_text(meta, "status_message"),
            artifact_uri=_text(meta, "artifact_location"),
            created_ms=_int(meta, "creation_timestamp"),
            changed_ms=_int(meta, "last_updated_timestamp"),
            model_type=_text(meta, "model_type"),
            run_id=_text(meta, "source_run_id"),
            params=_texts(home / "params"),
            tags=_texts(home / "tags"),
            metrics=[_model_point(key, parts) for key, path in _leaves(home / "metrics") for parts in _lines(path)],
            is_deleted=meta.get("lifecycle_stage") == "deleted",
        )

    def _version(self, home: Path) -> VersionFound:
        meta = _meta(home)
        source = _text(meta, "source")
        stage = _text(meta, "current_stage")
        rest = source.removeprefix("models:/")
        return VersionFound(
            version=_int(meta, "version"),
            created_ms=_int(meta, "creation_timestamp"),
            source=source,
            files_uri=_text(meta, "storage_location") or source,
            run_id=_text(meta, "run_id"),
            run_link=_text(meta, "run_link"),
            model_id=_text(meta, "model_id") or (rest if rest.startswith("m-") and "/" not in rest else ""),
            description=_text(meta, "description"),
            user=_text(meta, "user_id"),
            stage=stage if stage in _STAGES else "None",
            status=version_status_of(meta.get("status")),
            tags=_texts(home / "tags"),
        )


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise _denied(parent, error) from error


def _leaves(parent: Path) -> Iterator[tuple[str, Path]]:
    """Go through the files of a folder of metrics, params or tags: their names are paths."""
    if parent.is_dir():
        for file in sorted(parent.rglob("*")):
            if file.is_file() and not file.is_symlink():
                yield file.relative_to(parent).as_posix(), file


def _texts(parent: Path) -> dict[str, str]:
    return {key: _read(file) for key, file in _leaves(parent)}


def _read(file: Path) -> str:
    try:
        with open(file, encoding="utf-8", newline="") as opened:
            return opened.read()
    except PermissionError as error:
        raise _denied(file, error) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the file {file} is damaged.", why="it is no UTF-8") from error


def _meta(home: Path) -> dict[str, Any]:
    file = home / _META
    try:
        found = yaml.load(_read(file), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInput(
            f"the file {file} is damaged.", why=" ".join(str(error).split()), fix="mend it, or take its folder away"
        ) from error
    if not isinstance(found, dict):
        raise InvalidInput(
            f"the file {file} is damaged.", why="it holds no fields", fix="mend it, or take its folder away"
        )
    return found


def _text(meta: dict[str, Any], name: str) -> str:
    value = meta.get(name)
    return "" if value is None else str(value)


def _required(meta: dict[str, Any], name: str, home: Path) -> str:
    text = _text(meta, name)
    if not text:
        raise InvalidInput(f"the file {home / _META} is damaged.", why=f"it has no field '{name}'", fix="mend it")
    return text


def _int(meta: dict[str, Any], name: str) -> int:
    value = meta.get(name)
    return value if isinstance(value, int) else _whole(value or "0", Path(_META))


def _whole(text: Any, where: Path) -> int:
    try:
        return int(str(text).strip())
    except ValueError as error:
        raise InvalidInput(f"{where} is damaged.", why=f"{text!r} is no whole number") from error


def _lines(file: Path) -> Iterator[list[str]]:
    try:
        with open(file, encoding="utf-8") as opened:
            for line in opened:
                if line.strip():
                    yield line.split()
    except PermissionError as error:
        raise _denied(file, error) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the file {file} is damaged.", why="it is no UTF-8") from error


def _point(parts: list[str], key: str) -> PointFound:
    """Return the point of a line: time, value, and maybe step and a dataset's name and digest."""
    try:
        return (int(parts[2]) if len(parts) > 2 else 0, int(parts[0]), float(parts[1]))
    except (ValueError, IndexError) as error:
        raise InvalidInput(f"the metric '{key}' is damaged.", why=f"a line of it is '{' '.join(parts)}'") from error


def _latest(key: str, file: Path) -> Latest:
    points = [_point(parts, key) for parts in _lines(file)]
    # As everywhere, of the points at the largest step and time the largest value is the last.
    ranked = ((step, at_ms, -math.inf if value != value else value, value) for step, at_ms, value in points)
    step, at_ms, _, value = max(ranked, default=(0, 0, 0.0, 0.0))
    return Latest(key=key, step=step, at_ms=at_ms, value=value, count=len(points))


def _model_point(key: str, parts: list[str]) -> ModelPoint:
    """Return the point of a line of a logged model: time, value, step, run, and maybe a dataset's name and digest."""
    step, at_ms, value = _point(parts, key)
    more = [*parts[3:6], "", "", ""]
    return ModelPoint(
        key=key, value=value, step=step, at_ms=at_ms, run_id=more[0], dataset_name=more[1], dataset_digest=more[2]
    )


def _datasets(home: Path, experiment: Path) -> list[DatasetUse]:
    found = []
    for use in _folders(home / "inputs"):
        meta = _meta(use)
        told = experiment / "datasets" / _text(meta, "source_id")
        if meta.get("source_type") == "DATASET" and (told / _META).exists():
            facts = _meta(told)
            dataset = Dataset(**{name: _text(facts, name) for name in Dataset.__struct_fields__})
            found.append(DatasetUse(dataset=dataset, tags=_tags(meta)))
    return found


def _links(home: Path) -> list[ModelLink]:
    found = []
    for use in _folders(home / "inputs"):
        meta = _meta(use)
        # For models the store writes the model's id at both ends.
        if meta.get("source_type") != "DATASET" and _text(meta, "source_id").startswith("m-"):
            found.append(ModelLink(model_id=_text(meta, "source_id"), role="input"))
    for use in _folders(home / "outputs"):
        meta = _meta(use)
        link = ModelLink(model_id=_text(meta, "destination_id"), role="output", step=_int(meta, "step"))
        found.append(link)
    return found


def _tags(meta: dict[str, Any]) -> dict[str, str]:
    tags = meta.get("tags")
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}


def _denied(path: Path, error: OSError) -> PermissionDenied:
    return PermissionDenied(f"{path} can't be read.", why=str(error.strerror), fix="check its owner and mode")
