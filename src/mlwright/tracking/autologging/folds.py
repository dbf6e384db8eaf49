"""Cross validation: one run with the scores of each fold, and none for the fits inside."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from mlwright.tracking.autologging.estimators import Given, log_given
from mlwright.tracking.autologging.fits import Fit, Fits
from mlwright.tracking.autologging.trainings import Arguments, Steps, watched

_SCORES = ("test_", "train_")


def validated(fits: Fits, original: Callable[..., Any]) -> Any:
    """Return a function that cross validates as the original does, and has it logged.

    Each score is a metric whose steps are the folds; its mean and its standard deviation over the folds stand beside.

    Args:
        fits: What watches.
        original: Returns arrays by name: `test_score` and the like, one value for each fold.
    """
    return watched(fits, original, Steps("cross_validate", _leave, _before, _after))


def unlogged(fits: Fits, original: Callable[..., Any]) -> Any:
    """Return a function that does what the original does, and keeps the fits inside from being logged on their own."""

    @functools.wraps(original)
    def fitted(*args: Any, **more: Any) -> Any:
        with fits.watch(original.__name__, is_logged=False):
            return original(*args, **more)

    return fitted


def _leave(_: Fit, __: Arguments) -> None:
    """Change nothing: there is no callback for a fold."""


def _before(fit: Fit, given: Arguments) -> None:
    log_given(fit, given["estimator"], Given(x=given.get("X"), y=given.get("y")))
    folds = given.get("cv")
    if folds is not None and not hasattr(folds, "__next__"):
        fit.params({"cv": folds if isinstance(folds, int) else repr(folds)})


def _after(fit: Fit, result: Any, _: Arguments) -> None:
    found = {key: values for key, values in result.items() if key.startswith(_SCORES)}
    for fold in range(max(map(len, found.values()), default=0)):
        fit.metrics({key: float(values[fold]) for key, values in found.items()}, step=fold)
    fit.metrics({f"mean_{key}": float(values.mean()) for key, values in found.items()})
    fit.metrics({f"std_{key}": float(values.std()) for key, values in found.items()})
