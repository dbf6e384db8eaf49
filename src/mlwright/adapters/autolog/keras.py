"""Keras: `Model.fit`, with the metrics of each epoch.

Written to the public interface of Keras 3 (`keras.Model.fit`, `keras.callbacks.Callback`); this project's tests run it
against a stand-in with that interface, and against Keras itself only where it is installed.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from mlwright.tracking.autologging.fits import Fit, Fits, safely
from mlwright.tracking.autologging.patches import Patches
from mlwright.tracking.autologging.port import Undo
from mlwright.tracking.autologging.trainings import Arguments, Steps, watched

_SET = ("epochs", "batch_size", "validation_split", "initial_epoch", "steps_per_epoch")


class KerasAutologger:
    """Watches `fit` of every Keras model; see `mlwright.tracking.autologging.port.Autologger`.

    Epochs of a fit that is given a ready `CallbackList` aren't logged: that list is its owner's.
    """

    name: ClassVar[str] = "keras"
    modules: ClassVar[tuple[str, ...]] = ("keras",)

    def patch(self, module: ModuleType, fits: Fits) -> Undo:
        """Watch the `fit` that all models inherit."""
        patches = Patches()
        follow = partial(_follow, module.callbacks.Callback)
        steps = Steps("keras.fit", follow, _before, _after)
        patches.replace(module.Model, "fit", lambda original: watched(fits, original, steps))
        return patches.undo


def _follow(callback: Any, fit: Fit, given: Arguments) -> None:
    def on_epoch_end(_: Any, epoch: int, logs: Any = None) -> None:
        safely("an epoch of keras", _log_epoch, fit, epoch, logs or {})

    known = given.get("callbacks")
    if hasattr(known, "callbacks"):
        return
    before = list(known) if isinstance(known, (list, tuple)) else [] if known is None else [known]
    given["callbacks"] = [*before, type("Follower", (callback,), {"on_epoch_end": on_epoch_end})()]


def _log_epoch(fit: Fit, epoch: int, logs: Any) -> None:
    fit.metrics({str(key): float(value) for key, value in logs.items()}, step=epoch)


def _before(fit: Fit, given: Arguments) -> None:
    model = given["self"]
    fit.tag("autolog.estimator", type(model).__qualname__)
    fit.params({key: given[key] for key in _SET if key in given})
    safely("the optimizer of keras", _log_optimizer, fit, model)
    for name, context in (("x", "training"), ("y", "training target")):
        # Of a generator or a loader there is nothing that could be read without using it up.
        if hasattr(given.get(name), "__array_interface__") or hasattr(given.get(name), "iloc"):
            safely("the training data", fit.dataset, given[name], context)


def _log_optimizer(fit: Fit, model: Any) -> None:
    found = dict(model.optimizer.get_config())
    fit.params({"optimizer": type(model.optimizer).__name__, **{f"optimizer/{key}": found[key] for key in found}})


def _after(fit: Fit, _: Any, given: Arguments) -> None:
    fit.model("model.keras", lambda: _archive(given["self"]), "bytes")


def _archive(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(str(path))
        return path.read_bytes()
