"""Fills an MLflow store as a team would over months; `more` adds what comes later."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LogisticRegression

import mlflow

URI, STAGE = sys.argv[1:3]
START_MS = 1_700_000_000_000
mlflow.set_tracking_uri(URI)
mlflow.set_registry_uri(URI)
client = MlflowClient()


def log_points(run_id: str, key: str, steps: range, value: Callable[[int], float]) -> None:
    for first in range(0, len(steps), 1000):
        batch = [Metric(key, value(step), START_MS + step * 10, step) for step in steps[first : first + 1000]]
        client.log_batch(run_id, metrics=batch)


def log_model(seed: int) -> None:
    rows = np.random.RandomState(seed).rand(40, 3)
    labels = (rows[:, 0] > 0.5).astype(int)
    fitted = LogisticRegression().fit(rows, labels)
    mlflow.log_metric("accuracy", fitted.score(rows, labels))
    options = {"name": "clf", "input_example": rows[:2], "pip_requirements": ["scikit-learn"]}
    mlflow.sklearn.log_model(fitted, registered_model_name="defects", **options)


def log_files() -> None:
    mlflow.log_text("hello", "notes/a b.txt")
    mlflow.log_text("größe", "größe.txt")
    mlflow.log_dict({"a": [1, 2]}, "deep/er/d.json")
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.bin"
        large.write_bytes(bytes(range(256)) * 10_000)
        mlflow.log_artifact(str(large), "deep")
        mlflow.log_artifact(str(large), "twin")


def fill_runs(experiment_id: str) -> None:
    odd = {3: float("nan"), 4: float("inf"), 5: float("-inf")}
    with mlflow.start_run(run_name="parent: a 'run'", description="the note # of a run", tags={"owner": "ann"}) as run:
        mlflow.log_params({"lr": 0.1, "depth": 3, "text": "a\nb: 'c'", "long": "x" * 5000, "uni": "größe"})
        log_points(run.info.run_id, "loss", range(3000), lambda step: 1 / (1 + step))
        log_points(run.info.run_id, "odd", range(10), lambda step: odd.get(step, -float(step)))
        log_points(run.info.run_id, "early", range(-5, -2), float)
        log_files()
        data = mlflow.data.from_numpy(np.arange(12.0).reshape(4, 3), name="quarters")
        mlflow.log_input(data, context="training")
        for number in range(3):
            with mlflow.start_run(run_name=f"child-{number}", nested=True) as child:
                mlflow.log_param("number", number)
                log_points(child.info.run_id, "acc/val", range(50), lambda step, n=number: step / 50 + n)
    with mlflow.start_run(run_name="failed") as failed:
        pass
    client.set_terminated(failed.info.run_id, "FAILED")
    running = client.create_run(experiment_id, run_name="going on")
    log_points(running.info.run_id, "loss", range(100), float)
    with mlflow.start_run(run_name="to be deleted") as bad:
        mlflow.log_metric("m", 1)
    client.delete_run(bad.info.run_id)


def fill() -> None:
    tags = {"team": "vision", "mlflow.note.content": "what: a note\nof two lines, 'quoted' \"twice\""}
    experiment_id = mlflow.create_experiment("vision/defects", tags=tags)
    gone = mlflow.create_experiment("old ideas")
    mlflow.set_experiment("vision/defects")
    fill_runs(experiment_id)
    with mlflow.start_run(experiment_id=gone, run_name="in the bin"):
        mlflow.log_metric("m", 2)
    client.delete_experiment(gone)
    for seed in (1, 2):
        with mlflow.start_run(run_name=f"model {seed}"):
            log_model(seed)
    client.update_registered_model("defects", "finds 'all' of: them\n\nsecond # paragraph " + "long " * 40)
    client.set_registered_model_tag("defects", "tier", "1")
    client.set_registered_model_alias("defects", "champion", 1)
    client.set_registered_model_alias("defects", "challenger", 2)
    client.set_model_version_tag("defects", "1", "checked", "yes")
    client.update_model_version("defects", "1", "the first")
    client.transition_model_version_stage("defects", "1", "Production")
    client.create_registered_model("empty")


def more() -> None:
    experiment_id = client.get_experiment_by_name("vision/defects").experiment_id
    [run] = [run for run in client.search_runs([experiment_id]) if run.info.run_name == "going on"]
    log_points(run.info.run_id, "loss", range(100, 150), float)
    log_points(run.info.run_id, "new", range(5), float)
    client.log_text(run.info.run_id, "late", "late.txt")
    client.set_terminated(run.info.run_id, "FINISHED")
    with mlflow.start_run(experiment_id=experiment_id, run_name="late run"):
        mlflow.log_metric("m", 1)
    version = client.get_model_version("defects", "2")
    model_id = version.source.removeprefix("models:/")
    client.create_model_version("defects", version.source, run_id=version.run_id, model_id=model_id)
    client.set_registered_model_alias("defects", "champion", 3)


{"fill": fill, "more": more}[STAGE]()
