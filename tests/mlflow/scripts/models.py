"""Logs, registers and loads scikit-learn and LightGBM models by every URI that there is."""

import numpy as np
from lightgbm import LGBMClassifier
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import mlflow
from mlflow import MlflowClient

X, y = load_iris(return_X_y=True, as_frame=True)
client = MlflowClient()
mlflow.set_experiment("models")

FLAVOURS = {
    "linear": (LogisticRegression(max_iter=500), mlflow.sklearn),
    "trees": (LGBMClassifier(n_estimators=5, verbose=-1), mlflow.lightgbm),
}
for name, (estimator, flavour) in FLAVOURS.items():
    with mlflow.start_run(run_name=name) as run:
        model = estimator.fit(X, y)
        wanted = model.predict(X)
        signature = infer_signature(X, wanted)
        told = {"signature": signature, "input_example": X.head(3), "registered_model_name": name}
        info = flavour.log_model(model, name="model", params={"kind": name}, tags={"team": "blue"}, **told)
        mlflow.log_metric("acc", 0.9, model_id=info.model_id)
    client.set_registered_model_alias(name, "champion", 1)
    uris = [
        f"models:/{name}/1",
        f"models:/{name}/latest",
        f"models:/{name}@champion",
        f"models:/{info.model_id}",
        f"runs:/{run.info.run_id}/model",
    ]
    for uri in uris:
        assert np.array_equal(flavour.load_model(uri).predict(X), wanted), uri
        loaded = mlflow.pyfunc.load_model(uri)
        assert np.array_equal(np.asarray(loaded.predict(X)).ravel(), np.asarray(wanted).ravel()), uri
        assert loaded.metadata.signature == signature
    logged = client.get_logged_model(info.model_id)
    assert logged.params == {"kind": name} or logged.params["kind"] == name
    assert logged.tags["team"] == "blue"
    assert [(metric.key, metric.value) for metric in logged.metrics] == [("acc", 0.9)]
    assert logged.source_run_id == run.info.run_id
    assert str(logged.status) == "LoggedModelStatus.READY" or logged.status.value == "READY"
    assert [output.model_id for output in client.get_run(run.info.run_id).outputs.model_outputs] == [info.model_id]
    assert client.get_model_version(name, 1).source == f"models:/{info.model_id}"
    # A second version, registered from the run afterwards.
    again = mlflow.register_model(f"runs:/{run.info.run_id}/model", name, tags={"again": "yes"})
    assert (again.version, again.tags) in ((2, {"again": "yes"}), ("2", {"again": "yes"}))
    assert np.array_equal(flavour.load_model(f"models:/{name}/2").predict(X), wanted)
    # What was registered stays when the logged files are gone.
    client.delete_logged_model(info.model_id)
    assert np.array_equal(flavour.load_model(f"models:/{name}/1").predict(X), wanted)

found = mlflow.search_logged_models(filter_string="params.kind = 'linear'", output_format="list")
assert found == []
external = mlflow.create_external_model(name="elsewhere", model_type="agent", tags={"a": "b"})
assert mlflow.get_logged_model(external.model_id).model_type == "agent"
mlflow.set_logged_model_tags(external.model_id, {"c": "d"})
mlflow.delete_logged_model_tag(external.model_id, "a")
assert mlflow.get_logged_model(external.model_id).tags.get("c") == "d"
assert [model.name for model in mlflow.search_logged_models(filter_string="name = 'elsewhere'", output_format="list")]
assert len(mlflow.search_logged_models(filter_string="name = 'elsewhere'")) == 1
print("done")
