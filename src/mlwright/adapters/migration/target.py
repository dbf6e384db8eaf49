"""An MLflow tracking server as the target of an export, written by its REST API."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from mlwright.errors import Unsupported
from mlwright.ledger.datasets import Dataset
from mlwright.migration.port import (
    DatasetUse,
    FileFound,
    Latest,
    ModelFound,
    PointFound,
    RunFound,
    VersionFound,
)
from mlwright.migration.speaking import Speaker
from mlwright.migration.target import Logged, NewRunThere, NewVersionThere
from mlwright.migration.values import checked_path, status_of, status_out, unclipped

_METRICS = 1000
_OTHERS = 50
_RUNS = 500
_POINTS = 25_000
_PAGE = 100
_SCHEME = "mlflow-artifacts"


class ServerTarget:
    """Writes to a server.

    Args:
        uri: The server's address.
    """

    def __init__(self, uri: str) -> None:
        self._speaker = Speaker(uri)

    def describe(self) -> str:
        """Return the server's address."""
        return self._speaker.describe()

    def close(self) -> None:
        """Give back the connections."""
        self._speaker.close()

    def experiments(self) -> dict[str, tuple[str, bool]]:
        """Return all experiments by name; see `Target`."""
        found = self._speaker.search("experiments/search", "experiments", view_type="ALL", max_results=1000)
        return {str(one["name"]): (str(one["experiment_id"]), one.get("lifecycle_stage") == "deleted") for one in found}

    def create_experiment(self, name: str, tags: dict[str, str]) -> str:
        """Make an experiment; see `Target`."""
        return str(self._speaker.post("experiments/create", name=name, tags=_pairs(tags))["experiment_id"])

    def runs(self, experiment_id: str) -> Iterator[RunFound]:
        """Go through the runs of an experiment; see `Target`."""
        found = self._speaker.search(
            "runs/search", "runs", experiment_ids=[experiment_id], run_view_type="ALL", max_results=_RUNS
        )
        return (_run(one) for one in found)

    def create_run(self, new: NewRunThere) -> RunFound:
        """Make a run; see `Target`."""
        answer = self._speaker.post(
            "runs/create",
            experiment_id=new.experiment_id,
            run_name=new.name,
            start_time=new.started_ms,
            user_id=new.user,
            tags=_pairs(new.tags),
        )
        return _run(answer["run"])

    def log(self, run_id: str, logged: Logged) -> None:
        """Give a run params, tags and datasets; see `Target`."""
        for name, pairs in (("params", _pairs(logged.params)), ("tags", _pairs(logged.tags))):
            for start in range(0, len(pairs), _OTHERS):
                sent: dict[str, Any] = {"run_id": run_id, name: pairs[start : start + _OTHERS]}
                self._speaker.post("runs/log-batch", again=True, **sent)
        if logged.datasets:
            used = [
                {"dataset": msgspec.structs.asdict(use.dataset), "tags": _pairs(use.tags)} for use in logged.datasets
            ]
            self._speaker.post("runs/log-inputs", again=True, run_id=run_id, datasets=used)

    def log_points(self, run_id: str, key: str, points: list[PointFound]) -> None:
        """Append points; see `Target`."""
        for start in range(0, len(points), _METRICS):
            sent = [
                {"key": key, "step": step, "timestamp": at_ms, "value": _number(value)}
                for step, at_ms, value in points[start : start + _METRICS]
            ]
            self._speaker.post("runs/log-batch", run_id=run_id, metrics=sent)

    def points(self, run: RunFound, key: str) -> Iterator[list[PointFound]]:
        """Go through a metric's points; see `Target`."""
        for page in self._speaker.pages(
            "metrics/get-history", "metrics", run_id=run.id, metric_key=key, max_results=_POINTS
        ):
            yield [(int(one.get("step") or 0), int(one["timestamp"]), _value(one.get("value"))) for one in page]

    def end_run(self, run_id: str, status: str, ended_ms: int | None) -> None:
        """Set how a run stands; see `Target`."""
        told: dict[str, Any] = {"run_id": run_id, "status": status_out(status)}
        if ended_ms is not None:
            told["end_time"] = ended_ms
        self._speaker.post("runs/update", again=True, **told)

    def files(self, run: RunFound) -> list[FileFound]:
        """Return the files of a run; see `Target`."""
        found, folders = [], [""]
        while folders:
            folder = folders.pop()
            for page in self._speaker.pages("artifacts/list", "files", run_id=run.id, path=folder or None):
                for one in page:
                    path = checked_path(str(one["path"]))
                    if one.get("is_dir"):
                        folders.append(path)
                    else:
                        found.append(FileFound(path, int(one.get("file_size") or 0)))
        return found

    def upload(self, run: RunFound, path: str, file: Path) -> None:
        """Give a run a file; see `Target`."""
        root = urlsplit(run.artifact_uri)
        if root.scheme != _SCHEME:
            raise Unsupported(
                f"{self.describe()} takes no artifacts over HTTP.",
                why=f"it keeps them at {run.artifact_uri}",
                fix="start it with: mlflow server --serve-artifacts",
            )
        with open(file, "rb") as opened:
            self._speaker.upload(f"{root.path.strip('/')}/{path}", opened)

    def models(self) -> Iterator[ModelFound]:
        """Go through the registered models; see `Target`."""
        for page in self._speaker.pages("registered-models/search", "registered_models", max_results=_PAGE):
            for one in page:
                whole = self._speaker.get("registered-models/get", name=one["name"])["registered_model"]
                yield ModelFound(
                    name=str(whole["name"]),
                    created_ms=int(whole.get("creation_timestamp") or 0),
                    aliases={str(each["alias"]): int(each["version"]) for each in whole.get("aliases") or []},
                    versions=list(self._versions(str(whole["name"]))),
                )

    def create_model(self, name: str, description: str, tags: dict[str, str]) -> None:
        """Make a registered model; see `Target`."""
        self._speaker.post("registered-models/create", name=name, description=description, tags=_pairs(tags))

    def create_version(self, new: NewVersionThere) -> int:
        """Make a version; see `Target`."""
        told: dict[str, Any] = {"name": new.model, "source": new.source, "tags": _pairs(new.tags)}
        told |= {"description": new.description, "run_id": new.run_id}
        return int(self._speaker.post("model-versions/create", **told)["model_version"]["version"])

    def set_stage(self, model: str, version: int, stage: str) -> None:
        """Move a version to a stage; see `Target`."""
        self._speaker.post("model-versions/transition-stage", name=model, version=str(version), stage=stage)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Let an alias point at a version; see `Target`."""
        self._speaker.post("registered-models/alias", name=model, alias=alias, version=str(version))

    def _versions(self, name: str) -> Iterator[VersionFound]:
        quoted = "'" + name.replace("'", "''") + "'"
        for page in self._speaker.pages(
            "model-versions/search", "model_versions", filter=f"name={quoted}", max_results=_PAGE
        ):
            for one in page:
                yield VersionFound(
                    version=int(one["version"]),
                    created_ms=int(one.get("creation_timestamp") or 0),
                    source=str(one.get("source") or ""),
                    stage=str(one.get("current_stage") or "None"),
                    tags=_dict(one.get("tags")),
                )


def _run(one: dict[str, Any]) -> RunFound:
    info, data = one["info"], one.get("data") or {}
    uses = (one.get("inputs") or {}).get("dataset_inputs") or []
    return RunFound(
        id=str(info["run_id"]),
        experiment_id=str(info["experiment_id"]),
        name=str(info.get("run_name") or ""),
        status=status_of(info.get("status") or "RUNNING"),
        started_ms=int(info.get("start_time") or 0),
        ended_ms=int(info["end_time"]) if info.get("end_time") else None,
        user=str(info.get("user_id") or ""),
        is_deleted=info.get("lifecycle_stage") == "deleted",
        artifact_uri=str(info.get("artifact_uri") or ""),
        params=_dict(data.get("params")),
        tags=_dict(data.get("tags")),
        latest=[
            Latest(
                key=str(each["key"]),
                step=int(each.get("step") or 0),
                at_ms=int(each.get("timestamp") or 0),
                value=_value(each.get("value")),
            )
            for each in data.get("metrics") or []
        ],
        datasets=[
            DatasetUse(dataset=Dataset(name=use["dataset"]["name"], digest=use["dataset"]["digest"])) for use in uses
        ],
    )


def _pairs(found: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in found.items()]


def _dict(found: Any) -> dict[str, str]:
    return {str(one["key"]): str(one.get("value") or "") for one in found or []}


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _value(value: Any) -> float:
    return unclipped(float(value if value is not None else 0.0))
