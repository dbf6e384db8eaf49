"""Registers models that mlwright can load without MLflow; prints what they answer."""

import lightgbm
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

import mlflow

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
y = 2 * X["a"] - X["b"]
line = LinearRegression().fit(X, y)
many = pd.concat([X] * 20)
trees = lightgbm.train({"verbose": -1, "min_data_in_leaf": 1}, lightgbm.Dataset(many, 2 * many["a"] - many["b"]), 5)
signature = infer_signature(X, line.predict(X))
given = {"name": "model", "signature": signature, "pip_requirements": ["x"]}
mlflow.sklearn.log_model(line, registered_model_name="line", **given)
mlflow.lightgbm.log_model(trees, registered_model_name="trees", **given)
mlflow.sklearn.log_model(line, name="model", registered_model_name="unnamed", pip_requirements=["x"])
mlflow.MlflowClient().set_registered_model_alias("line", "best", 1)
for answer in (*line.predict(X), *np.asarray(trees.predict(X))):
    print(float(answer))
print("done")
