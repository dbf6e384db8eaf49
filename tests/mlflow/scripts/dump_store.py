"""Prints all that an MLflow store holds, by names instead of ids, as its own client sees it."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

import mlflow

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_registry_uri(sys.argv[1])
client = MlflowClient()
OURS = ("mlflow.imported.run_id", "mlwright.run_id", "mlwright.version")
#: MLflow's database has no infinity; it keeps its largest number instead.
LARGEST = sys.float_info.max


def digests(folder: str) -> dict[str, str]:
    root = Path(folder)
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def value_of(value: float) -> str:
    return repr(float("inf") if value == LARGEST else float("-inf") if value == -LARGEST else value)


def history(run_id: str, key: str) -> list[tuple[Any, ...]]:
    # Folders have points twice that servers show once.
    points = client.get_metric_history(run_id, key)
    return sorted({(point.step, point.timestamp, value_of(point.value)) for point in points})


def run_of(run: Any, names: dict[str, str]) -> dict[str, Any]:
    tags = {key: value for key, value in run.data.tags.items() if key not in OURS}
    # A server tells whose a run is in a tag too, whether a client had set it or not.
    tags.setdefault("mlflow.user", run.info.user_id)
    if "mlflow.parentRunId" in tags:
        tags["mlflow.parentRunId"] = names[tags["mlflow.parentRunId"]]
    with tempfile.TemporaryDirectory() as folder:
        if run.info.lifecycle_stage == "active" and client.list_artifacts(run.info.run_id):
            client.download_artifacts(run.info.run_id, "", folder)
        files = digests(folder)
    uses = run.inputs.dataset_inputs if run.inputs else []
    info = run.info
    return {
        "info": [info.status, info.start_time, info.end_time, info.lifecycle_stage, info.user_id],
        "params": run.data.params,
        "tags": tags,
        "metrics": {key: history(run.info.run_id, key) for key in sorted(run.data.metrics)},
        "datasets": [[use.dataset.to_dictionary(), {tag.key: tag.value for tag in use.tags}] for use in uses],
        "files": files,
    }


def logged_of(model: Any, names: dict[str, str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", dst_path=folder)
        files = digests(folder)
    return {
        "run": names.get(model.source_run_id, ""),
        "status": str(model.status),
        "created": model.creation_timestamp,
        "tags": {key: value for key, value in model.tags.items() if key != "mlflow.modelVersions"},
        "params": model.params,
        "metrics": [[metric.key, metric.value, metric.step] for metric in model.metrics or []],
        "files": files,
    }


def version_of(version: Any, names: dict[str, str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}", dst_path=folder)
        files = digests(folder)
    return {
        "run": names.get(version.run_id, ""),
        "description": version.description or "",
        "stage": version.current_stage,
        "status": version.status,
        "tags": {key: value for key, value in version.tags.items() if key not in OURS},
        "files": {path: digest for path, digest in files.items() if path != "registered_model_meta"},
    }


def model_of(model: Any, names: dict[str, str]) -> dict[str, Any]:
    versions = client.search_model_versions(f"name='{model.name}'")
    return {
        "description": model.description or "",
        "tags": model.tags,
        "aliases": {alias: int(version) for alias, version in model.aliases.items()},
        "versions": {str(version.version): version_of(version, names) for version in versions},
    }


experiments = client.search_experiments(view_type=ViewType.ALL)
ids = [experiment.experiment_id for experiment in experiments]
runs = [run for id_ in ids for run in client.search_runs([id_], run_view_type=ViewType.ALL, max_results=1000)]
called = {run.info.run_id: run.info.run_name for run in runs}
logged = [model for id_ in ids for model in client.search_logged_models([id_])]
found = {
    "experiments": {
        experiment.name: [
            experiment.lifecycle_stage,
            experiment.tags,
            sorted(run.info.run_name for run in runs if run.info.experiment_id == experiment.experiment_id),
        ]
        for experiment in experiments
    },
    "runs": {run.info.run_name: run_of(run, called) for run in runs},
    "logged": {model.model_id: logged_of(model, called) for model in logged},
    "models": {model.name: model_of(model, called) for model in client.search_registered_models()},
}
Path(sys.argv[2]).write_text(json.dumps(found, sort_keys=True))
