"""PyTorch Lightning: `Trainer.fit`, with the metrics of each epoch.

Written to the public interface of Lightning 2 (`Trainer.fit`, `Callback.on_train_epoch_end`, `callback_metrics`); this
project's tests run it against a stand-in with that interface, and against Lightning itself only where it is installed.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any, ClassVar

from mlwright.tracking.autologging.fits import Fit, Fits, safely
from mlwright.tracking.autologging.patches import Patches
from mlwright.tracking.autologging.port import Undo
from mlwright.tracking.autologging.trainings import Arguments, Steps, watched

_SET = ("max_epochs", "min_epochs", "max_steps", "accumulate_grad_batches", "gradient_clip_val", "precision")
_MARK = "follows_for_mlwright"


class LightningAutologger:
    """Watches `Trainer.fit`; see `mlwright.tracking.autologging.port.Autologger`.

    The model isn't kept: Lightning's checkpoints are pickle.
    """

    name: ClassVar[str] = "lightning"
    modules: ClassVar[tuple[str, ...]] = ("lightning.pytorch", "pytorch_lightning")

    def patch(self, module: ModuleType, fits: Fits) -> Undo:
        """Watch the trainer, under whichever of its two names it was imported."""
        patches = Patches()
        steps = Steps("lightning.fit", partial(_follow, module.Callback), _before, _after, _done)
        patches.replace(module.Trainer, "fit", lambda original: watched(fits, original, steps))
        return patches.undo


def _follow(callback: Any, fit: Fit, given: Arguments) -> None:
    def on_train_epoch_end(_: Any, trainer: Any, __: Any) -> None:
        safely("an epoch of lightning", _log_epoch, fit, trainer)

    # A trainer that goes to other processes takes a callback along that does nothing.
    parts = {
        "on_train_epoch_end": on_train_epoch_end,
        "__reduce__": lambda _: (callback, ()),
        _MARK: True,
    }
    given["self"].callbacks.append(type("Follower", (callback,), parts)())


def _done(given: Arguments) -> None:
    callbacks = given["self"].callbacks
    callbacks[:] = [one for one in callbacks if not getattr(one, _MARK, False)]


def _log_epoch(fit: Fit, trainer: Any) -> None:
    if trainer.is_global_zero:
        found = {str(key): float(value) for key, value in trainer.callback_metrics.items()}
        fit.metrics(found, step=trainer.current_epoch)


def _before(fit: Fit, given: Arguments) -> None:
    trainer, model = given["self"], given["model"]
    fit.tag("autolog.estimator", type(model).__qualname__)
    fit.params({key: getattr(trainer, key) for key in _SET if getattr(trainer, key, None) is not None})
    fit.params(dict(getattr(model, "hparams", {})))


def _after(fit: Fit, _: Any, __: Arguments) -> None:
    if fit.options.models:
        fit.tag("autolog.model", "not kept: Lightning's checkpoints are pickle")
