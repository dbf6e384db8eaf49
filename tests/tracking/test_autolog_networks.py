"""Trainings of neural networks, against stand-ins with the public interface of Keras 3 and of Lightning 2."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logged import artifacts, only_run, values

from mlwright import autolog
from mlwright import project as projects
from mlwright.ledger import tracked
from mlwright.project import Project

_KERAS = """
import types

class Callback:
    def on_epoch_end(self, epoch, logs=None):
        pass

class CallbackList(Callback):
    def __init__(self, callbacks):
        self.callbacks = callbacks

callbacks = types.SimpleNamespace(Callback=Callback, CallbackList=CallbackList)

class Optimizer:
    def get_config(self):
        return {"learning_rate": 0.1}

class Trainer:
    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None):
        listed = callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks or [])
        for epoch in range(epochs):
            for one in listed.callbacks:
                one.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1)})
        return "history"

class Model(Trainer):
    optimizer = Optimizer()

    def save(self, path):
        with open(path, "wb") as file:
            file.write(b"archive")
"""

_LIGHTNING = """
class Callback:
    def on_train_epoch_end(self, trainer, pl_module):
        pass

class Trainer:
    is_global_zero = True

    def __init__(self, max_epochs=1):
        self.max_epochs, self.callbacks, self.callback_metrics = max_epochs, [], {}

    def fit(self, model, train_dataloaders=None, val_dataloaders=None, datamodule=None, ckpt_path=None):
        for self.current_epoch in range(self.max_epochs):
            self.callback_metrics = {"loss": model.loss / (self.current_epoch + 1)}
            for one in self.callbacks:
                one.on_train_epoch_end(self, model)
"""


@pytest.fixture
def logged(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project, and stand-ins that are imported after `autolog`."""
    folder = tmp_path / "stand_ins"
    (folder / "lightning").mkdir(parents=True)
    (folder / "keras.py").write_text(_KERAS)
    (folder / "lightning" / "__init__.py").write_text("")
    (folder / "lightning" / "pytorch.py").write_text(_LIGHTNING)
    monkeypatch.syspath_prepend(str(folder))
    names = ("keras", "lightning", "lightning.pytorch")
    real = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    projects.use(project)
    autolog("keras", "lightning")
    yield project
    autolog("keras", "lightning", off=True)
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(real)


def test_epochs_of_keras_are_logged_and_the_archive_is_kept(logged: Project) -> None:
    keras = importlib.import_module("keras")
    seen: list[int] = []

    class Own(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(epoch)

    given = [Own()]
    assert keras.Model().fit(np.zeros((4, 2)), np.zeros(4), epochs=3, callbacks=given) == "history"
    assert (seen, len(given)) == ([0, 1, 2], 1)
    row = only_run(logged)
    assert values(logged, row.id, "loss") == [(0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3))]
    assert artifacts(logged, row.id)["model.keras"] == b"archive"
    with logged.ledger.read() as connection:
        assert tracked.params_of(connection, row.id)["optimizer"] is not None
    autolog("keras", off=True)
    assert "fit" not in vars(keras.Model)


def test_a_ready_list_of_callbacks_of_keras_is_left_alone(logged: Project) -> None:
    keras = importlib.import_module("keras")
    ready = keras.callbacks.CallbackList([])
    keras.Model().fit(epochs=2, callbacks=ready)
    keras.Model().fit(epochs=2, callbacks=keras.callbacks.Callback())
    assert ready.callbacks == []


class _Model:
    hparams = {"width": 3}

    def __init__(self, loss: Any) -> None:
        self.loss = loss


def test_epochs_of_lightning_are_logged_and_its_trainer_is_as_before(logged: Project) -> None:
    lightning = importlib.import_module("lightning.pytorch")
    trainer = lightning.Trainer(max_epochs=2)
    mine = lightning.Callback()
    trainer.callbacks.append(mine)
    trainer.fit(_Model(4.0))
    row = only_run(logged)
    assert values(logged, row.id, "loss") == [(0, 4.0), (1, 2.0)]
    assert trainer.callbacks == [mine]
    with logged.ledger.read() as connection:
        assert {"width", "max_epochs"} <= set(tracked.params_of(connection, row.id))
    with pytest.raises(TypeError):
        trainer.fit(_Model("none"))
    assert trainer.callbacks == [mine]


def test_a_trainer_of_lightning_can_go_to_another_process_while_it_is_watched(logged: Project) -> None:
    lightning = importlib.import_module("lightning.pytorch")
    copies: list[Any] = []

    class Copying(lightning.Callback):  # type: ignore[misc, name-defined]
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            copies.append(pickle.loads(pickle.dumps(trainer.callbacks[-1])))  # noqa: S301

    trainer = lightning.Trainer()
    trainer.callbacks.append(Copying())
    trainer.fit(_Model(1.0))
    assert [type(copy) for copy in copies] == [lightning.Callback]


@pytest.mark.parametrize("name", ["keras", "lightning"])
def test_the_library_itself_has_what_is_watched(name: str) -> None:
    library = pytest.importorskip(name, reason=f"{name} is not installed")
    if name == "keras":
        assert callable(library.Model.fit)
    else:
        assert callable(importlib.import_module("lightning.pytorch").Trainer.fit)
