"""PyTorch Lightning: `Trainer.fit`, with the metrics of each epoch, early stopping, best checkpoint and weights.

Written to the public interface of Lightning 2 (`Trainer.fit`, the hooks of `Callback`, `callback_metrics`) and tested
on Lightning 2.6 with PyTorch 2.13.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from mlwright.tracking.autologging.fits import Fit, Fits, safely
from mlwright.tracking.autologging.patches import Patches
from mlwright.tracking.autologging.port import Undo
from mlwright.tracking.autologging.trainings import Arguments, Steps, watched

_SET = ("max_epochs", "min_epochs", "max_steps", "accumulate_grad_batches", "gradient_clip_val", "precision")
_STOPPING = ("monitor", "mode", "patience", "min_delta")
_MARK = "follows_for_mlwright"
_followed: WeakKeyDictionary[Fit, _Epochs] = WeakKeyDictionary()


class LightningAutologger:
    """Watches `Trainer.fit`; see `mlwright.tracking.autologging.port.Autologger`.

    Of a training of several processes the first one logs.
    """

    name: ClassVar[str] = "lightning"
    modules: ClassVar[tuple[str, ...]] = ("lightning.pytorch", "pytorch_lightning")

    def patch(self, module: ModuleType, fits: Fits) -> Undo:
        """Watch the trainer, under whichever of its two names it was imported."""
        patches = Patches()
        steps = Steps("lightning.fit", partial(_follow, module.Callback), _before, _after, _done, _is_first)
        patches.replace(module.Trainer, "fit", lambda original: watched(fits, original, steps))
        return patches.undo


class _Epochs:
    """Logs what each epoch came to, once all that belongs to it has been computed: when the next one begins.

    Asking earlier would compute metrics before the model's own last word, and in one process of several.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._ended: int | None = None
        self._logged: dict[str, Any] = {}

    def end(self, trainer: Any) -> None:
        self._ended = trainer.current_epoch

    def log(self, trainer: Any) -> None:
        # Processes that this one was forked into follow, too.
        if self._ended is None or not trainer.is_global_zero:
            return
        found = dict(trainer.callback_metrics)
        # An epoch without a validation still has the values of the validation before.
        new = {key: value for key, value in found.items() if value is not self._logged.get(key)}
        epoch, self._ended, self._logged = self._ended, None, found
        self._fit.metrics({str(key): float(value) for key, value in new.items() if value.numel() == 1}, step=epoch)

    def log_rest(self, trainer: Any) -> None:
        """Log how it ended if spawned processes trained, which log nothing; forked ones have logged their epochs."""
        launcher = getattr(trainer.strategy, "launcher", None)
        if getattr(launcher, "_start_method", "") == "spawn" and not self._logged:
            self._ended = max(trainer.current_epoch - 1, 0)
            self.log(trainer)


def _is_first(given: Arguments) -> bool:
    return bool(given["self"].is_global_zero)


def _follow(callback: Any, fit: Fit, given: Arguments) -> None:
    epochs = _followed[fit] = _Epochs(fit)

    def end(_: Any, trainer: Any, __: Any) -> None:
        safely("an epoch of lightning", epochs.end, trainer)

    def log(_: Any, trainer: Any, __: Any) -> None:
        safely("an epoch of lightning", epochs.log, trainer)

    # A trainer that goes to other processes takes a callback along that does nothing.
    parts = {
        "on_train_epoch_end": end,
        "on_train_epoch_start": log,
        "on_train_end": log,
        "__reduce__": lambda _: (callback, ()),
        _MARK: True,
    }
    given["self"].callbacks.append(type("Follower", (callback,), parts)())


def _done(given: Arguments) -> None:
    callbacks = given["self"].callbacks
    callbacks[:] = [one for one in callbacks if not getattr(one, _MARK, False)]


def _before(fit: Fit, given: Arguments) -> None:
    trainer, model = given["self"], given["model"]
    fit.tag("autolog.estimator", type(model).__qualname__)
    fit.params({key: getattr(trainer, key) for key in _SET if getattr(trainer, key, None) is not None})
    fit.params(dict(getattr(model, "hparams", {})))
    for stopping in _with(trainer, "patience", "stopped_epoch"):
        fit.params({f"early_stopping/{key}": getattr(stopping, key) for key in _STOPPING if hasattr(stopping, key)})


def _after(fit: Fit, _: Any, given: Arguments) -> None:
    trainer = given["self"]
    safely("the last epoch of lightning", _followed[fit].log_rest, trainer)
    safely("the optimizer of lightning", _log_optimizer, fit, trainer)
    for stopping in _with(trainer, "patience", "stopped_epoch"):
        found = {"stopped_epoch": stopping.stopped_epoch} if stopping.stopped_epoch else {}
        fit.metrics({**found, "early_stopping/best_score": float(stopping.best_score)})
    if fit.options.models:
        for kept in _with(trainer, "best_model_path", "last_model_path"):
            safely("a checkpoint of lightning", _keep_checkpoint, fit, kept)
        safely("the weights of lightning", _keep_weights, fit, trainer, given["model"])


def _with(trainer: Any, *attributes: str) -> list[Any]:
    return [one for one in trainer.callbacks if all(hasattr(one, name) for name in attributes)]


def _log_optimizer(fit: Fit, trainer: Any) -> None:
    for place, optimizer in enumerate(trainer.optimizers):
        name = f"optimizer_{place}" if place else "optimizer"
        fit.params(
            {name: type(optimizer).__name__, **{f"{name}/{key}": optimizer.defaults[key] for key in optimizer.defaults}}
        )


def _keep_checkpoint(fit: Fit, kept: Any) -> None:
    path = Path(kept.best_model_path or kept.last_model_path or "")
    if path.is_file():
        fit.file(f"checkpoints/{path.name}", path)
        if kept.best_model_score is not None:
            fit.metrics({"checkpoint/best_score": float(kept.best_model_score)})


def _keep_weights(fit: Fit, trainer: Any, model: Any) -> None:
    if trainer.world_size > 1 and "DDP" not in type(trainer.strategy).__name__:
        # Each process has a part; putting them together is a thing that all have to do.
        fit.tag("autolog.model", "not kept: its weights are spread over several processes")
        return
    fit.model("weights.safetensors", model.state_dict, "tensors")
