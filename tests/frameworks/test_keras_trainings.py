"""Trainings with Keras, on Keras itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from real_trainings import artifacts, only_run, params, values

from mlwright import autolog
from mlwright import project as projects
from mlwright.ledger import datasets, runs
from mlwright.project import Project
from mlwright.testing.autologs import AutologContract, Training

# Keras 3.15 hands tensors of PyTorch 2.13 to NumPy 2 in a way that will end.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

_ROWS = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
_CLASSES = (_ROWS[:, 0] > 0).astype("float32")


def _model() -> Any:
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
    return model


def _train(**more: Any) -> Any:
    model = _model()
    model.fit(_ROWS, _CLASSES, **{"epochs": 2, "verbose": 0, **more})
    return model


class TestKeras(AutologContract):
    @pytest.fixture
    def training(self) -> Training:
        return Training(
            "keras",
            _train,
            lambda: _train(callbacks=["this is no callback"]),
            lambda model: model.predict(_ROWS, verbose=0).ravel().tolist(),
            ((keras.Model, "fit"),),
        )


@pytest.fixture
def logged(project: Project) -> Iterator[Project]:
    """A project that Keras' trainings are logged to."""
    projects.use(project)
    autolog("keras")
    yield project
    autolog("keras", off=True)


def test_each_epoch_is_logged_as_keras_itself_tells_it(logged: Project) -> None:
    model = _model()
    told = model.fit(_ROWS, _CLASSES, epochs=3, batch_size=16, validation_split=0.25, verbose=0).history
    assert set(told) == {"loss", "mae", "val_loss", "val_mae"}
    for key, found in told.items():
        assert values(logged, key) == list(enumerate(found))
    found = params(logged)
    wanted = {"epochs": 3, "batch_size": 16, "validation_split": 0.25, "optimizer": "SGD"}
    assert {key: found[key] for key in wanted} == wanted
    assert found["optimizer/learning_rate"] == pytest.approx(0.1)


def test_the_archive_that_is_kept_answers_as_the_model(logged: Project, tmp_path: Path) -> None:
    model = _train()
    path = tmp_path / "again.keras"
    path.write_bytes(artifacts(logged)["model.keras"])
    again = keras.saving.load_model(path)
    np.testing.assert_array_equal(again.predict(_ROWS, verbose=0), model.predict(_ROWS, verbose=0))


def test_early_stopping_and_its_best_checkpoint_are_kept(logged: Project, tmp_path: Path) -> None:
    # The loss has to grow, and it falls.
    stop = keras.callbacks.EarlyStopping("loss", mode="max", patience=2)
    best = keras.callbacks.ModelCheckpoint(tmp_path / "top.weights.h5", "loss", 0, True, True, mode="max")
    _train(epochs=9, callbacks=[stop, best])
    assert values(logged, "stopped_epoch") == [(0, 2.0)]
    assert values(logged, "early_stopping/best_epoch") == [(0, 0.0)]
    assert values(logged, "early_stopping/best_score") == values(logged, "loss")[:1]
    assert params(logged)["early_stopping/patience"] == 2
    kept = artifacts(logged)["checkpoints/top.weights.h5"]
    assert kept.read_bytes() == (tmp_path / "top.weights.h5").read_bytes()
    again = _model()
    again.load_weights(kept)


def test_a_training_that_falls_keeps_the_epochs_before(logged: Project) -> None:
    class Falling(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise ArithmeticError("no gradient")

    with pytest.raises(ArithmeticError):
        _train(epochs=4, callbacks=[Falling()])
    assert only_run(logged).status == "failed"
    assert [step for step, _ in values(logged, "loss")] == [0, 1]


def test_a_training_that_is_gone_on_with_goes_on_at_its_epoch(logged: Project) -> None:
    _train(initial_epoch=3, epochs=5)
    assert [step for step, _ in values(logged, "loss")] == [3, 4]


def test_callbacks_stay_the_callers(logged: Project) -> None:
    given = [keras.callbacks.TerminateOnNaN()]
    _train(callbacks=given)
    model = _model()
    ready = keras.callbacks.CallbackList([], add_history=True, model=model)
    before = list(ready.callbacks)
    model.fit(_ROWS, _CLASSES, verbose=0, callbacks=ready)
    assert (len(given), ready.callbacks) == (1, before)


def test_a_model_of_a_class_of_the_users_is_logged(logged: Project) -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.layer = keras.layers.Dense(1)

        def call(self, rows: Any) -> Any:
            return self.layer(rows)

    model = Own()
    model.compile(optimizer="adam", loss="mse")
    model.fit(_ROWS, _CLASSES, verbose=0)
    assert len(values(logged, "loss")) == 1
    assert "model.keras" in artifacts(logged)


def test_data_in_memory_is_noted_by_its_digest_and_loaders_are_left_alone(logged: Project) -> None:
    rows, classes = torch.from_numpy(_ROWS), torch.from_numpy(_CLASSES)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(rows, classes[:, None]), batch_size=16)
    for data in ((_ROWS, _CLASSES), (rows, classes), (loader,)):
        model = _model()
        model.fit(*data, verbose=0, shuffle=False)
    with logged.ledger.read() as connection:
        found = [datasets.datasets_of(connection, row.id) for row in runs.list_runs(connection)]
    assert [sorted(one.context for one in used) for used in found] == [[], *[["training", "training target"]] * 2]
