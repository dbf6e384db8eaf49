"""Libraries of boosted trees: a function `train`, and estimators whose `fit` calls it."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from mlwright.tracking.autologging import estimators, trainings
from mlwright.tracking.autologging.estimators import After
from mlwright.tracking.autologging.fits import Fits
from mlwright.tracking.autologging.patches import Patches
from mlwright.tracking.autologging.port import Undo
from mlwright.tracking.autologging.trainings import Steps


def watch(fits: Fits, steps: Steps, after: After, *, modules: Sequence[ModuleType], names: Sequence[str]) -> Undo:
    """Watch `train` wherever it is called by name, and `fit` of each estimator; return what ends that.

    Args:
        fits: What watches.
        steps: What is done around a training.
        after: Logs what is known after an estimator's `fit`.
        modules: Those that call `train` by name; the first one has the estimators.
        names: Of the estimators.
    """
    patches = Patches()
    original = modules[0].train
    train = trainings.watched(fits, original, steps)
    for owner in modules:
        if vars(owner).get("train") is original:
            patches.replace(owner, "train", lambda _: train)
    for name in names:
        found = getattr(modules[0], name, None)
        if found is not None and "fit" in vars(found):
            patches.replace(found, "fit", lambda before: estimators.watched(fits, before, after, _always))
    return patches.undo


def _always(_: Any) -> bool:
    return True


__all__ = ["watch"]
