"""MLflow's own SQLite database as a source of an import, opened for reading only."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from mlwright.errors import InvalidInput, InvalidUsage, NotFound, PermissionDenied, Unsupported
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
from mlwright.migration.values import logged_status_of, status_of, unclipped, version_status_of

_PREFIX = "sqlite:///"
_BATCH = 10_000
#: What is read, by table: a database that lacks a column of these was written by an MLflow that isn't known here.
_NEEDED = {
    "experiments": "experiment_id name lifecycle_stage",
    "experiment_tags": "experiment_id key value",
    "runs": "run_uuid name user_id status start_time end_time lifecycle_stage artifact_uri experiment_id",
    "params": "run_uuid key value",
    "tags": "run_uuid key value",
    "metrics": "run_uuid key value timestamp step is_nan",
    "registered_models": "name creation_time description",
    "registered_model_tags": "name key value",
    "model_versions": "name version creation_time description user_id current_stage source run_id status run_link",
    "model_version_tags": "name version key value",
}
#: The same for tables that older databases don't have.
_OPTIONAL = {
    "datasets": "dataset_uuid name digest dataset_source_type dataset_source dataset_schema dataset_profile",
    "inputs": "input_uuid source_type source_id destination_type destination_id",
    "input_tags": "input_uuid name value",
    "registered_model_aliases": "name alias version",
    "logged_models": "model_id experiment_id name artifact_location creation_timestamp_ms status lifecycle_stage"
    " last_updated_timestamp_ms model_type source_run_id status_message",
    "logged_model_params": "model_id param_key param_value",
    "logged_model_tags": "model_id tag_key tag_value",
    "logged_model_metrics": "model_id metric_name metric_timestamp_ms metric_step metric_value run_id dataset_name"
    " dataset_digest",
}


class DatabaseSource:
    """Reads a database; its file is never written, and a server may go on using it.

    Args:
        uri: `sqlite:///` and the file.
        artifacts: Folder of what lies at `mlflow-artifacts:`; the server's `--artifacts-destination`.
    """

    def __init__(self, uri: str, *, artifacts: str = "") -> None:
        self._file = Path(uri.removeprefix(_PREFIX))
        self.location = f"{_PREFIX}{self._file}"
        self._artifacts = artifacts
        self._lock = threading.Lock()
        if not self._file.is_file():
            raise NotFound(f"the database {self._file} does not exist.", fix=f"the working directory is {Path.cwd()}")
        try:
            self._file.open("rb").close()
        except PermissionError as error:
            raise PermissionDenied(
                f"the database {self._file} can't be read.", why=str(error.strerror), fix="check its owner and mode"
            ) from error
        self._connection = sqlite3.connect(
            f"file:{quote(str(self._file.absolute()))}?mode=ro", uri=True, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        self._columns: dict[str, set[str]] = {}
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def experiments(self) -> list[ExperimentFound]:
        """Return all experiments; see `Source`."""
        tags = self._grouped("experiment_tags", "experiment_id", "key", "value")
        return [
            ExperimentFound(
                id=str(row["experiment_id"]),
                name=row["name"],
                tags=tags.get(row["experiment_id"], {}),
                created_ms=_field(row, "creation_time") or 0,
                changed_ms=_field(row, "last_update_time") or 0,
                is_deleted=row["lifecycle_stage"] == "deleted",
            )
            for row in self._rows("SELECT * FROM experiments ORDER BY experiment_id")
        ]

    def runs(self, experiment_ids: list[str]) -> Iterator[RunFound]:
        """Go through runs in the order of their beginnings; see `Source`."""
        for wanted in experiment_ids:
            query = "SELECT * FROM runs WHERE experiment_id = ? ORDER BY start_time, run_uuid"
            for row in self._rows(query, int(wanted)):
                yield self._run(row)

    def points(self, run: RunFound, key: str) -> Iterator[list[PointFound]]:
        """Go through a metric's points; see `Source`."""
        query = (
            "SELECT step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step, timestamp"
        )
        rows = self._rows(query, run.id, key)
        for start in range(0, len(rows), _BATCH):
            yield [(row[0], row[1] or 0, _value(row)) for row in rows[start : start + _BATCH]]

    def logged_models(self, experiment_ids: list[str]) -> Iterator[LoggedFound]:
        """Go through logged models; see `Source`."""
        for wanted in experiment_ids if "logged_models" in self._columns else ():
            query = "SELECT * FROM logged_models WHERE experiment_id = ? ORDER BY creation_timestamp_ms, model_id"
            for row in self._rows(query, int(wanted)):
                yield self._logged(row)

    def models(self) -> Iterator[ModelFound]:
        """Go through the registered models; see `Source`."""
        tags = self._grouped("registered_model_tags", "name", "key", "value")
        aliases = self._grouped("registered_model_aliases", "name", "alias", "version")
        for row in self._rows("SELECT * FROM registered_models ORDER BY name"):
            name = row["name"]
            yield ModelFound(
                name=name,
                created_ms=row["creation_time"] or 0,
                description=row["description"] or "",
                tags=tags.get(name, {}),
                aliases={alias: int(version) for alias, version in aliases.get(name, {}).items()},
                versions=self._versions(name),
            )

    def files(self, place: Place) -> list[FileFound]:
        """Return all files at a place; see `Source`."""
        folder = self._place(place)
        # The folder of a run is made with its first file; that of its experiment or of all artifacts tells whether it
        # would be found.
        around = folder.parent.parent
        if place.kind == "run" and not folder.exists() and (around.is_dir() or self._keeps(place)):
            return []
        return folders.files_in(folder)

    def fetch(self, place: Place, path: str, file: BinaryIO) -> None:
        """Copy a file; see `Source`."""
        folders.pour(self._place(place), path, file)

    def _keeps(self, place: Place) -> bool:
        return place.uri.startswith("mlflow-artifacts:") and Path(self._artifacts).is_dir()

    def _place(self, place: Place) -> Path:
        named = folders.folder_of(place.uri, self._artifacts)
        if named is None:
            raise NotFound(
                f"the artifacts of {place.owner} are out of reach.",
                why=f"they are at {place.uri}",
                fix="give the folder that the server keeps them in with --artifacts",
            )
        return named

    def _run(self, row: sqlite3.Row) -> RunFound:
        id_ = row["run_uuid"]
        tags = self._pairs("SELECT key, value FROM tags WHERE run_uuid = ?", id_)
        return RunFound(
            id=id_,
            experiment_id=str(row["experiment_id"]),
            name=row["name"] or tags.get("mlflow.runName", ""),
            status=status_of(row["status"]),
            started_ms=row["start_time"] or 0,
            ended_ms=row["end_time"] or None,
            user=row["user_id"] or "",
            is_deleted=row["lifecycle_stage"] == "deleted",
            artifact_uri=row["artifact_uri"] or "",
            params=self._pairs("SELECT key, value FROM params WHERE run_uuid = ?", id_),
            tags=tags,
            latest=self._latest(id_),
            datasets=self._datasets(id_),
            models=self._links(id_),
        )

    def _latest(self, run_id: str) -> list[Latest]:
        # Of the points at the largest step and time the largest value is the last, as everywhere else.
        order = "PARTITION BY key ORDER BY step DESC, timestamp DESC, is_nan, value DESC"
        query = (
            "SELECT step, timestamp, value, is_nan, key, count FROM (SELECT *, row_number() OVER"
            f" ({order}) AS place, count(*) OVER (PARTITION BY key) AS count FROM metrics WHERE run_uuid = ?)"
            " WHERE place = 1 ORDER BY key"
        )
        return [
            Latest(key=row[4], step=row[0], at_ms=row[1] or 0, value=_value(row), count=row[5])
            for row in self._rows(query, run_id)
        ]

    def _datasets(self, run_id: str) -> list[DatasetUse]:
        if "inputs" not in self._columns or "datasets" not in self._columns:
            return []
        query = (
            "SELECT datasets.*, inputs.input_uuid FROM inputs JOIN datasets ON datasets.dataset_uuid = inputs.source_id"
            " WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN' AND inputs.destination_id = ?"
        )
        return [
            DatasetUse(
                dataset=Dataset(
                    name=row["name"],
                    digest=row["digest"],
                    source_type=row["dataset_source_type"] or "",
                    source=row["dataset_source"] or "",
                    schema=row["dataset_schema"] or "",
                    profile=row["dataset_profile"] or "",
                ),
                tags=self._pairs("SELECT name, value FROM input_tags WHERE input_uuid = ?", row["input_uuid"]),
            )
            for row in self._rows(query, run_id)
        ]

    def _links(self, run_id: str) -> list[ModelLink]:
        if "inputs" not in self._columns:
            return []
        query = (
            "SELECT * FROM inputs WHERE source_id = ? AND source_type IN ('RUN_INPUT', 'RUN_OUTPUT')"
            " ORDER BY destination_id"
        )
        return [
            ModelLink(
                model_id=row["destination_id"],
                role="input" if row["source_type"] == "RUN_INPUT" else "output",
                step=_field(row, "step") or 0,
            )
            for row in self._rows(query, run_id)
        ]

    def _logged(self, row: sqlite3.Row) -> LoggedFound:
        id_ = row["model_id"]
        params = "SELECT param_key, param_value FROM logged_model_params WHERE model_id = ?"
        tags = "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ?"
        metrics = "SELECT * FROM logged_model_metrics WHERE model_id = ? ORDER BY metric_name, metric_step"
        return LoggedFound(
            id=id_,
            experiment_id=str(row["experiment_id"]),
            name=row["name"],
            status=logged_status_of(row["status"]),
            status_message=row["status_message"] or "",
            artifact_uri=row["artifact_location"],
            created_ms=row["creation_timestamp_ms"],
            changed_ms=row["last_updated_timestamp_ms"],
            model_type=row["model_type"] or "",
            run_id=row["source_run_id"] or "",
            params=self._pairs(params, id_),
            tags=self._pairs(tags, id_),
            metrics=[_model_point(each) for each in self._rows(metrics, id_)],
            is_deleted=row["lifecycle_stage"] == "deleted",
        )

    def _versions(self, name: str) -> list[VersionFound]:
        found = []
        tags = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
        for row in self._rows("SELECT * FROM model_versions WHERE name = ? ORDER BY version", name):
            # A version that was deleted stays as a row that says so.
            if row["current_stage"] == "Deleted_Internal":
                continue
            source = row["source"] or ""
            rest = source.removeprefix("models:/")
            version = VersionFound(
                version=row["version"],
                created_ms=row["creation_time"] or 0,
                source=source,
                files_uri=_field(row, "storage_location") or source,
                run_id=row["run_id"] or "",
                run_link=row["run_link"] or "",
                model_id=rest if rest != source and rest.startswith("m-") and "/" not in rest else "",
                description=row["description"] or "",
                user=row["user_id"] or "",
                stage=row["current_stage"] or "None",
                status=version_status_of(row["status"]),
                tags=self._pairs(tags, name, row["version"]),
            )
            found.append(version)
        return found

    def _check(self) -> None:
        tables = {row[0] for row in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "alembic_version" not in tables or "experiments" not in tables:
            raise InvalidUsage(
                f"{self._file} is no database of MLflow's.", why="it lacks the tables experiments and alembic_version"
            )
        for table in tables:
            self._columns[table] = {row["name"] for row in self._rows(f'PRAGMA table_info("{table}")')}
        lacking = [
            f"{table}.{column}"
            for needed, optional in ((_NEEDED, False), (_OPTIONAL, True))
            for table, columns in needed.items()
            if table in tables or not optional
            for column in columns.split()
            if column not in self._columns.get(table, ())
        ]
        if lacking:
            revision = ", ".join(row[0] for row in self._rows("SELECT version_num FROM alembic_version"))
            raise Unsupported(
                f"{self._file} has a schema that mlwright doesn't know.",
                why=f"revision {revision} lacks {', '.join(lacking[:5])}",
                fix="start an MLflow server on it and import from the server's address",
            )

    def _grouped(self, table: str, owner: str, key: str, value: str) -> dict[Any, dict[str, str]]:
        found: dict[Any, dict[str, str]] = {}
        if table in self._columns:
            for row in self._rows(f"SELECT {owner}, {key}, {value} FROM {table} ORDER BY {key}"):
                found.setdefault(row[0], {})[row[1]] = "" if row[2] is None else str(row[2])
        return found

    def _pairs(self, query: str, *values: Any) -> dict[str, str]:
        return {row[0]: "" if row[1] is None else str(row[1]) for row in self._rows(query, *values)}

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise InvalidInput(
                f"the database {self._file} can't be read.",
                why=str(error),
                fix="see that it is a whole SQLite file: sqlite3 FILE 'PRAGMA integrity_check'",
            ) from error


def _field(row: sqlite3.Row, name: str) -> Any:
    """Return a column that older databases don't have, None where it is missing."""
    return row[name] if name in row.keys() else None  # noqa: SIM118 (a row's own `in` looks among its values)


def _value(row: sqlite3.Row) -> float:
    return math.nan if row["is_nan"] else unclipped(float(row["value"]))


def _model_point(row: sqlite3.Row) -> ModelPoint:
    value = row["metric_value"]
    return ModelPoint(
        key=row["metric_name"],
        value=math.nan if value is None else unclipped(float(value)),
        step=row["metric_step"],
        at_ms=row["metric_timestamp_ms"],
        run_id=row["run_id"] or "",
        dataset_name=row["dataset_name"] or "",
        dataset_digest=row["dataset_digest"] or "",
    )
