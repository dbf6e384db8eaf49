"""XGBoost: `xgboost.train` and its estimators, with the metrics of each iteration."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any, ClassVar

from mlwright.tracking.autologging import boosting, scores
from mlwright.tracking.autologging.estimators import MOST_FEATURES, Given
from mlwright.tracking.autologging.fits import Fit, Fits, safely
from mlwright.tracking.autologging.port import Undo
from mlwright.tracking.autologging.trainings import Arguments, Steps

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
        follow = partial(_follow, module.callback.TrainingCallback)
        steps = Steps("xgboost.train", follow, _before, _trained)
        return boosting.watch(fits, steps, _after, modules=(module, module.training, module.sklearn), names=_ESTIMATORS)


def _follow(callback: Any, fit: Fit, given: Arguments) -> None:
    def after_iteration(_: Any, model: Any, epoch: int, evals_log: Any) -> bool:
        safely("an iteration of xgboost", _log_iteration, fit, epoch, evals_log)
        return False

    # First, because a callback that stops the training keeps those after it from being called.
    follower = type("Follower", (callback,), {"after_iteration": after_iteration})()
    given["callbacks"] = [follower, *(given.get("callbacks") or ())]


def _log_iteration(fit: Fit, epoch: int, found: Any) -> None:
    last = {f"{data}/{key}": values[-1] for data, metrics in found.items() for key, values in metrics.items()}
    fit.iteration({key: value[0] if isinstance(value, tuple) else value for key, value in last.items()}, epoch)


def _before(fit: Fit, given: Arguments) -> None:
    rounds = {"num_boost_round": given["num_boost_round"]} if "num_boost_round" in given else {}
    fit.params({**given.get("params", {}), **rounds})
    data = given["dtrain"]
    # Of the other kinds of matrix the values can't be had back.
    if fit.options.datasets and type(data).__name__ == "DMatrix":
        safely("the training data", fit.dataset, data.get_data(), "training")
        safely("the training data", fit.dataset, data.get_label(), "training target")


def _after(fit: Fit, estimator: Any, _: Given) -> None:
    _log_booster(fit, estimator.get_booster())


def _trained(fit: Fit, booster: Any, _: Arguments) -> None:
    _log_booster(fit, booster)


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
