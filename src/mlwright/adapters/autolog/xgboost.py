"""XGBoost: `xgboost.train` and its estimators, with the metrics of each iteration."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

from mlwright.tracking.autologging import scores
from mlwright.tracking.autologging.estimators import MOST_FEATURES, Given, watched
from mlwright.tracking.autologging.fits import Fit, Fits, current_fit, safely
from mlwright.tracking.autologging.patches import Patches
from mlwright.tracking.autologging.port import Undo

_ESTIMATORS = (
    "XGBModel",
    "XGBClassifier",
    "XGBRegressor",
    "XGBRanker",
    "XGBRFClassifier",
    "XGBRFRegressor",
)


class XgboostAutologger:
    """Watches trainings of XGBoost; see `mlwright.tracking.autologging.port.Autologger`."""

    name: ClassVar[str] = "xgboost"
    modules: ClassVar[tuple[str, ...]] = ("xgboost",)

    def patch(self, module: ModuleType, fits: Fits) -> Undo:
        """Watch `train` wherever it is called by name, and `fit` of each estimator."""
        patches = Patches()
        original = module.train
        train = _train(fits, original, module.callback.TrainingCallback)
        for owner in (module, module.training, module.sklearn):
            if vars(owner).get("train") is original:
                patches.replace(owner, "train", lambda _: train)
        for name in _ESTIMATORS:
            found = getattr(module, name, None)
            if found is not None and "fit" in vars(found):
                patches.replace(found, "fit", lambda before: watched(fits, before, _after, _always))
        return patches.undo


def _train(fits: Fits, original: Callable[..., Any], callback: Any) -> Any:
    @functools.wraps(original)
    def train(*args: Any, **more: Any) -> Any:
        if not fits.is_on:
            return original(*args, **more)
        outer = current_fit()
        if outer is not None:
            told = safely("iterations of xgboost", _told, outer, callback, original, args, more)
            return original(*told.args, **told.kwargs) if told else original(*args, **more)
        with fits.watch("xgboost.train") as seen:
            if seen is None:
                return original(*args, **more)
            seen.is_iterating = True
            told = safely("iterations of xgboost", _told, seen, callback, original, args, more)
            if told:
                safely("what xgboost fits", _before, seen, told.arguments)
            booster = original(*told.args, **told.kwargs) if told else original(*args, **more)
            safely("the duration of a fit", seen.took)
            safely("what xgboost found", _log_booster, seen, booster)
            return booster

    return train


def _told(
    fit: Fit, callback: Any, original: Callable[..., Any], args: tuple[Any, ...], more: dict[str, Any]
) -> inspect.BoundArguments | None:
    """Return the arguments with a callback more; None when the iterations aren't the fit's."""
    if fit.run is None or not fit.is_iterating:
        return None
    bound = inspect.signature(original).bind(*args, **more)

    def after_iteration(_: Any, model: Any, epoch: int, evals_log: Any) -> bool:
        safely("an iteration of xgboost", _log_iteration, fit, epoch, evals_log)
        return False

    # First, because a callback that stops the training keeps those after it from being called.
    follower = type("Follower", (callback,), {"after_iteration": after_iteration})()
    bound.arguments["callbacks"] = [follower, *(bound.arguments.get("callbacks") or ())]
    return bound


def _log_iteration(fit: Fit, epoch: int, found: Any) -> None:
    last = {f"{data}/{key}": values[-1] for data, metrics in found.items() for key, values in metrics.items()}
    fit.iteration({key: value[0] if isinstance(value, tuple) else value for key, value in last.items()}, epoch)


def _before(fit: Fit, given: dict[str, Any]) -> None:
    rounds = {"num_boost_round": given["num_boost_round"]} if "num_boost_round" in given else {}
    fit.params({**given.get("params", {}), **rounds})
    data = given["dtrain"]
    # Of the other kinds of matrix the values can't be had back.
    if fit.options.datasets and type(data).__name__ == "DMatrix":
        safely("the training data", fit.dataset, data.get_data(), "training")
        safely("the training data", fit.dataset, data.get_label(), "training target")


def _always(_: Any) -> bool:
    return True


def _after(fit: Fit, estimator: Any, _: Given) -> None:
    _log_booster(fit, estimator.get_booster())


def _log_booster(fit: Fit, booster: Any) -> None:
    best = getattr(booster, "best_iteration", None)
    if best is not None:
        fit.metrics({"best_iteration": best, "best_score": booster.best_score})
    safely("importances of features", _log_importances, fit, booster)
    fit.model("model.ubj", lambda: bytes(booster.save_raw("ubj")), "bytes")


def _log_importances(fit: Fit, booster: Any) -> None:
    linear = booster.get_score(importance_type="gain")
    values = {key: value for key, value in linear.items() if not isinstance(value, list)}
    fit.table("feature_importances.json", scores.importances(list(values), list(values.values()))[:MOST_FEATURES])
