"""A model's files and a version of them, made through MLflow's API."""

from __future__ import annotations

from typing import Any

from mlflow_api import Speaker

MLMODEL = b"""flavors:
  python_function:
    loader_module: mlflow.sklearn
  sklearn:
    code: null
mlflow_version: 3.17.2
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}, {"type":
    "string", "name": "b", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
"""


def logged(api: Speaker, *, files: dict[str, bytes] | None = None) -> tuple[str, str]:
    """Return a run and a logged model of it that has files."""
    run_id = api.run()
    made = api.ok("logged-models", {"experiment_id": "0", "name": "m", "source_run_id": run_id})["model"]["info"]
    root = made["artifact_uri"].removeprefix("mlflow-artifacts:/")
    for name, content in (files or {"MLmodel": MLMODEL, "model.pkl": b"pickle"}).items():
        assert api.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{root}/{name}", content).status == 200
    return run_id, made["model_id"]


def version(api: Speaker, name: str, source: str, **more: Any) -> Any:
    """Return a new version of a model."""
    return api.ok("model-versions/create", {"name": name, "source": source, **more})["model_version"]
