"""LightGBM: `lightgbm.train` and its estimators, with the metrics of each iteration."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

from mlwright.tracking.autologging import boosting, scores
from mlwright.tracking.autologging.estimators import MOST_FEATURES, Given
from mlwright.tracking.autologging.fits import Fit, Fits, safely
from mlwright.tracking.autologging.port import Undo
from mlwright.tracking.autologging.trainings import Arguments, Steps

_ESTIMATORS = ("LGBMModel", "LGBMClassifier", "LGBMRegressor", "LGBMRanker")
#: Before early stopping, which ends the round of callbacks, and after those that change parameters.
_ORDER = 15


class LightgbmAutologger:
    """Watches trainings of LightGBM; see `mlwright.tracking.autologging.port.Autologger`."""

    name: ClassVar[str] = "lightgbm"
    modules: ClassVar[tuple[str, ...]] = ("lightgbm",)

    def patch(self, module: ModuleType, fits: Fits) -> Undo:
        """Watch `train` wherever it is called by name, and `fit` of each estimator."""
        steps = Steps("lightgbm.train", _follow, _before, _trained)
        return boosting.watch(fits, steps, _after, modules=(module, module.engine, module.sklearn), names=_ESTIMATORS)


def _follow(fit: Fit, given: Arguments) -> None:
    def follow(env: Any) -> None:
        found = {f"{result[0]}/{result[1]}": float(result[2]) for result in env.evaluation_result_list or ()}
        fit.iteration(found, env.iteration)

    vars(follow)["order"] = _ORDER
    given["callbacks"] = [*(given.get("callbacks") or ()), follow]


def _before(fit: Fit, given: Arguments) -> None:
    rounds = {"num_boost_round": given["num_boost_round"]} if "num_boost_round" in given else {}
    fit.params({**given.get("params", {}), **rounds})
    data = given.get("train_set")
    raw, label = getattr(data, "data", None), getattr(data, "label", None)
    safely("the training data", fit.dataset, raw, "training")
    safely("the training data", fit.dataset, label, "training target")


def _after(fit: Fit, estimator: Any, _: Given) -> None:
    _log_booster(fit, estimator.booster_)


def _trained(fit: Fit, booster: Any, _: Arguments) -> None:
    _log_booster(fit, booster)


def _log_booster(fit: Fit, booster: Any) -> None:
    if booster.best_iteration > 0:
        best = {f"best/{name}/{key}": value for name, one in booster.best_score.items() for key, value in one.items()}
        fit.metrics({"best_iteration": booster.best_iteration, **best})
    gains = scores.importances(booster.feature_name(), booster.feature_importance("gain"))
    safely("importances of features", fit.table, "feature_importances.json", gains[:MOST_FEATURES])
    fit.model("model.txt", booster.model_to_string, "text")
