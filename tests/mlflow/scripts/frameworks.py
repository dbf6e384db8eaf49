# ruff: noqa: E402, I001
"""Neural networks and boosted trees with MLflow's own autologging.

Arguments: folders with the packages that MLflow's environment lacks.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings

os.environ["KERAS_BACKEND"] = "torch"
sys.path += sys.argv[1:]
warnings.simplefilter("ignore")

import keras
import lightning.pytorch as pl
import mlflow
import torch
import xgboost
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
client = mlflow.MlflowClient()
rows = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
target = rows[:, :1] * 2


def steps(run: mlflow.ActiveRun, key: str) -> list[int]:
    return [point.step for point in client.get_metric_history(run.info.run_id, key)]


class Line(pl.LightningModule):
    """A line, fitted by gradient descent."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch: list[torch.Tensor], place: int) -> torch.Tensor:
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


# The model is logged below with its requirements: MLflow takes half a minute to find them out.
mlflow.pytorch.autolog(log_models=False, checkpoint_monitor="train_loss")
with mlflow.start_run() as run:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=3, accelerator="cpu", default_root_dir=".", **quiet)
    trainer.fit(Line(), DataLoader(TensorDataset(rows, target), batch_size=16))
assert steps(run, "train_loss") == [0, 1, 2]
assert client.get_run(run.info.run_id).data.params["optimizer_name"] == "SGD"
assert [item.path for item in client.list_artifacts(run.info.run_id, "checkpoints")]

module = torch.nn.Linear(3, 1).eval()
asked = {"input_example": rows[:2].numpy(), "pip_requirements": ["torch"]}
with mlflow.start_run() as run:
    mlflow.pytorch.log_state_dict(module.state_dict(), artifact_path="weights")
    mlflow.pytorch.log_model(module, name="net", registered_model_name="net", **asked)
again = mlflow.pytorch.load_state_dict(f"runs:/{run.info.run_id}/weights")
assert torch.equal(again["weight"], module.state_dict()["weight"])
assert torch.allclose(mlflow.pytorch.load_model("models:/net/1")(rows), module(rows))

mlflow.keras.autolog(log_models=False)
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
with mlflow.start_run() as run:
    model.fit(rows.numpy(), target.numpy(), epochs=2, verbose=0)
    mlflow.keras.log_model(model, name="k", registered_model_name="k", pip_requirements=["keras"])
assert steps(run, "loss") == [0, 1]
assert mlflow.keras.load_model("models:/k/1").predict(rows.numpy(), verbose=0).shape == (64, 1)

mlflow.xgboost.autolog(log_models=False)
with mlflow.start_run() as run:
    data = xgboost.DMatrix(rows.numpy(), (target[:, 0] > 0).int().numpy())
    xgboost.train({"objective": "binary:logistic"}, data, 4, evals=[(data, "train")], verbose_eval=False)
assert steps(run, "train-logloss") == [0, 1, 2, 3]
print("ok")
