"""What a first tutorial does with MLflow's fluent API, against the server that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import json
import math

import pandas as pd
from mlflow.entities import RunStatus, ViewType

import mlflow

client = mlflow.MlflowClient()

# Experiments.
assert mlflow.get_experiment_by_name("Default").experiment_id == "0"
assert mlflow.get_experiment_by_name("never made") is None
made = mlflow.create_experiment("vision/defects", tags={"team": "blue"})
mlflow.set_experiment("vision/defects")
mlflow.set_experiment_tags({"stage": "first", "owner": "ada"})
experiment = mlflow.get_experiment(made)
assert experiment.tags == {"team": "blue", "stage": "first", "owner": "ada"}, experiment.tags
assert experiment.artifact_location == f"mlflow-artifacts:/{made}"
client.delete_experiment_tag(made, "owner")
client.rename_experiment(made, "vision/scratches")
assert mlflow.get_experiment(made).name == "vision/scratches"

# A run, all kinds of values.
with mlflow.start_run(run_name="baseline", description="the first one", tags={"kind": "forest"}) as run:
    mlflow.log_param("depth", 3)
    mlflow.log_params({"lr": 0.01, "layers": [1, 2], "none": None, "long": "x" * 5000})
    for step in range(10):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"auc": 0.75, "f1": 0.5}, step=9)
    mlflow.log_metric("odd", math.nan, step=0)
    mlflow.log_metric("odd", math.inf, step=1)
    mlflow.log_metric("odd", -math.inf, step=2)
    mlflow.set_tag("reviewed", True)
    mlflow.set_tags({"a": 1, "b": "two"})
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_dict({"a": [1, 2]}, "notes/some.json")
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    dataset = mlflow.data.from_pandas(frame, name="points", targets="y")
    mlflow.log_input(dataset, context="training", tags={"split": "0.8"})
    mlflow.log_input(dataset, context="training")
run_id = run.info.run_id

found = mlflow.get_run(run_id)
assert found.info.status == "FINISHED"
assert found.info.run_name == "baseline"
assert found.info.end_time >= found.info.start_time
assert found.info.artifact_uri == f"mlflow-artifacts:/{made}/{run_id}/artifacts"
assert found.data.params["layers"] == "[1, 2]"
assert found.data.params["none"] == "None"
assert found.data.metrics["loss"] == 0.1
assert found.data.metrics["odd"] == -math.inf
assert found.data.tags["mlflow.note.content"] == "the first one"
assert found.data.tags["reviewed"] == "True"
assert found.data.tags["a"] == "1"
(used,) = found.inputs.dataset_inputs
assert (used.dataset.name, used.dataset.digest) == ("points", dataset.digest)
assert {tag.key: tag.value for tag in used.tags}["mlflow.data.context"] == "training"
assert json.loads(used.dataset.profile)["num_rows"] == 2

history = client.get_metric_history(run_id, "loss")
assert [(point.step, point.value) for point in history] == [(step, 1 / (step + 1)) for step in range(10)]
odd = [point.value for point in client.get_metric_history(run_id, "odd")]
assert math.isnan(odd[0])
assert odd[1:] == [math.inf, -math.inf]
assert client.get_metric_history(run_id, "never logged") == []
assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/hello.txt") == "hello"

# Going on with a run, and a run that fails.
with mlflow.start_run(run_id=run_id):
    mlflow.log_metric("auc", 0.8, step=10)
assert mlflow.get_run(run_id).data.metrics["auc"] == 0.8
try:
    with mlflow.start_run(run_name="broken") as broken:
        raise RuntimeError("on purpose")
except RuntimeError:
    pass
assert mlflow.get_run(broken.info.run_id).info.status == "FAILED"

# Nested runs.
with mlflow.start_run(run_name="search") as parent:
    children = []
    for depth in (1, 2, 3):
        with mlflow.start_run(nested=True) as child:
            mlflow.log_param("depth", depth)
            mlflow.log_metric("score", depth / 10)
            children.append(child.info.run_id)
below = mlflow.search_runs([made], filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
assert set(below.run_id) == set(children), below
assert mlflow.get_parent_run(children[0]).info.run_id == parent.info.run_id
best = mlflow.search_runs([made], "metrics.score > 0.1", order_by=["metrics.score DESC"], max_results=1)
assert list(best.run_id) == [children[2]]

# The client's own calls.
other = client.create_run("0", start_time=1234, tags={"x": "y"}, run_name="by hand")
assert other.info.start_time == 1234
client.log_batch(
    other.info.run_id,
    metrics=[mlflow.entities.Metric("m", step / 2, 1000 + step, step) for step in range(1000)],
    params=[mlflow.entities.Param("p", "1")],
    tags=[mlflow.entities.RunTag("t", "u")],
)
assert len(client.get_metric_history(other.info.run_id, "m")) == 1000
client.update_run(other.info.run_id, name="renamed", status="SCHEDULED")
assert client.get_run(other.info.run_id).info.run_name == "renamed"
client.set_terminated(other.info.run_id, status="KILLED", end_time=9999)
assert client.get_run(other.info.run_id).info.status == RunStatus.to_string(RunStatus.KILLED)
client.delete_tag(other.info.run_id, "t")
assert "t" not in client.get_run(other.info.run_id).data.tags
client.delete_run(other.info.run_id)
assert client.get_run(other.info.run_id).info.lifecycle_stage == "deleted"
assert [run.info.run_id for run in client.search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)] == [
    other.info.run_id
]
assert client.search_runs(["0"]) == []
client.restore_run(other.info.run_id)
assert len(client.search_runs(["0"])) == 1

# Pages.
pages, token = [], None
while True:
    page = client.search_runs([made], max_results=2, order_by=["attributes.start_time ASC"], page_token=token)
    pages += [run.info.run_id for run in page]
    token = page.token
    if not token:
        break
assert len(pages) == len(set(pages)) == 6, pages

# Experiments in the bin.
doomed = client.create_experiment("doomed")
client.delete_experiment(doomed)
assert client.get_experiment(doomed).lifecycle_stage == "deleted"
assert "doomed" not in [experiment.name for experiment in client.search_experiments()]
assert [e.name for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)] == ["doomed"]
client.restore_experiment(doomed)
names = [e.name for e in client.search_experiments(order_by=["name ASC"])]
assert names == ["Default", "doomed", "vision/scratches"], names
assert [e.name for e in client.search_experiments(filter_string="name LIKE 'vision/%'")] == ["vision/scratches"]
assert [e.name for e in client.search_experiments(filter_string="tags.team = 'blue'")] == ["vision/scratches"]
first = client.search_experiments(max_results=2)
assert len(first) == 2
assert len(client.search_experiments(max_results=2, page_token=first.token)) == 1
print("done")
