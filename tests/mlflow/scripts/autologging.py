"""Autolog of scikit-learn and LightGBM fits, with a search of parameters as nested runs."""

from __future__ import annotations

import lightgbm
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split

import mlflow

rows, labels = load_iris(return_X_y=True, as_frame=True)
train_rows, test_rows, train_labels, test_labels = train_test_split(rows, labels, random_state=0)

mlflow.sklearn.autolog(log_models=False)
with mlflow.start_run() as run:
    LogisticRegression(max_iter=300).fit(train_rows, train_labels)
found = mlflow.get_run(run.info.run_id)
assert found.data.params["max_iter"] == "300"
assert 0.9 < found.data.metrics["training_score"] <= 1
assert found.data.tags["estimator_name"] == "LogisticRegression"
assert found.inputs.dataset_inputs[0].tags[0].value == "train"
assert "estimator.html" in [item.path for item in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)]

with mlflow.start_run() as run:
    search = GridSearchCV(LogisticRegression(max_iter=300), {"C": [0.1, 1.0, 10.0]}, cv=2)
    search.fit(train_rows, train_labels)
children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'")
assert sorted(children["params.C"]) == ["0.1", "1.0", "10.0"], children
mlflow.sklearn.autolog(disable=True)

mlflow.lightgbm.autolog(log_models=False)
data = lightgbm.Dataset(train_rows, train_labels)
valid = lightgbm.Dataset(test_rows, test_labels, reference=data)
settings = {"objective": "multiclass", "num_class": 3, "verbose": -1, "seed": 1, "num_threads": 1}
with mlflow.start_run() as run:
    lightgbm.train(settings, data, num_boost_round=20, valid_sets=[valid], valid_names=["valid"])
found = mlflow.get_run(run.info.run_id)
assert found.data.params["objective"] == "multiclass"
history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "valid-multi_logloss")
assert [point.step for point in history] == list(range(20)), history
assert np.isclose(history[-1].value, found.data.metrics["valid-multi_logloss"])
paths = [item.path for item in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)]
assert "feature_importance_split.png" in paths, paths
print("done")
