"""One of several clients that log, register and load models of one name at once."""

import sys

import numpy as np
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression

import mlflow

number = int(sys.argv[1])
try:
    mlflow.MlflowClient().create_registered_model("shared")
except MlflowException as error:
    if error.error_code != "RESOURCE_ALREADY_EXISTS":
        raise
X = np.arange(10.0).reshape(-1, 1)
for turn in range(3):
    slope = 10 * number + turn + 1
    with mlflow.start_run():
        model = LinearRegression().fit(X, slope * X.ravel())
        info = mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
    version = mlflow.register_model(info.model_uri, "shared").version
    loaded = mlflow.sklearn.load_model(f"models:/shared/{version}")
    assert abs(loaded.coef_[0] - slope) < 1e-6
print("done")
