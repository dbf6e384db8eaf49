"""Keras: `Model.fit`, with the metrics of each epoch, early stopping, the checkpoint and the model's archive.

Written to the public interface of Keras 3 (`keras.Model.fit`, `keras.callbacks.Callback`) and tested on Keras 3.15 with
PyTorch 2.13 below it.
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
_STOPPING = ("monitor", "mode", "patience", "min_delta", "restore_best_weights")


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
    for stopping in _with(given, "patience", "stopped_epoch"):
        found = {key: getattr(stopping, key) for key in _STOPPING if hasattr(stopping, key)}
        fit.params({f"early_stopping/{key}": value for key, value in found.items() if not callable(value)})
    for name, context in (("x", "training"), ("y", "training target")):
        # Of a generator or a loader there is nothing that could be read without using it up.
        if any(hasattr(given.get(name), sign) for sign in ("__array_interface__", "iloc", "data_ptr")):
            safely("the training data", fit.dataset, given[name], context)


def _log_optimizer(fit: Fit, model: Any) -> None:
    found = dict(model.optimizer.get_config())
    fit.params({"optimizer": type(model.optimizer).__name__, **{f"optimizer/{key}": found[key] for key in found}})


def _after(fit: Fit, _: Any, given: Arguments) -> None:
    for stopping in _with(given, "patience", "stopped_epoch"):
        safely("the end of a training of keras", _log_stop, fit, stopping)
    if fit.options.models:
        for kept in _with(given, "filepath", "save_weights_only"):
            safely("a checkpoint of keras", _keep_checkpoint, fit, kept)
    fit.model("model.keras", lambda: _archive(given["self"]), "bytes")


def _log_stop(fit: Fit, stopping: Any) -> None:
    found = {"early_stopping/best_epoch": stopping.best_epoch, "early_stopping/best_score": stopping.best}
    if stopping.stopped_epoch:
        found["stopped_epoch"] = stopping.stopped_epoch
    fit.metrics({key: float(value) for key, value in found.items() if value is not None})


def _keep_checkpoint(fit: Fit, kept: Any) -> None:
    # With a pattern for a name there is a file for each epoch, and which is the best nobody tells.
    path = Path(str(kept.filepath))
    if path.is_file():
        fit.file(f"checkpoints/{path.name}", path)
        if getattr(kept, "best", None) is not None and kept.save_best_only:
            fit.metrics({"checkpoint/best_score": float(kept.best)})


def _with(given: Arguments, *attributes: str) -> list[Any]:
    listed = given.get("callbacks") or ()
    return (
        [one for one in listed if all(hasattr(one, name) for name in attributes)] if hasattr(listed, "__iter__") else []
    )


def _archive(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(str(path))
        return path.read_bytes()
