"""LightGBM: `lightgbm.train` and its estimators, with the metrics of each iteration."""

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

_ESTIMATORS = ("LGBMModel", "LGBMClassifier", "LGBMRegressor", "LGBMRanker")
#: Before early stopping, which ends the round of callbacks, and after those that change parameters.
_ORDER = 15


class LightgbmAutologger:
    """Watches trainings of LightGBM; see `mlwright.tracking.autologging.port.Autologger`."""

    name: ClassVar[str] = "lightgbm"
    modules: ClassVar[tuple[str, ...]] = ("lightgbm",)

    def patch(self, module: ModuleType, fits: Fits) -> Undo:
        """Watch `train` wherever it is called by name, and `fit` of each estimator."""
        patches = Patches()
        original = module.train
        train = _train(fits, original)
        for owner in (module, module.engine, module.sklearn):
            if vars(owner).get("train") is original:
                patches.replace(owner, "train", lambda _: train)
        for name in _ESTIMATORS:
            found = getattr(module, name, None)
            if found is not None and "fit" in vars(found):
                patches.replace(found, "fit", lambda before: watched(fits, before, _after, _always))
        return patches.undo


def _train(fits: Fits, original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def train(*args: Any, **more: Any) -> Any:
        if not fits.is_on:
            return original(*args, **more)
        outer = current_fit()
        if outer is not None:
            # Called by the `fit` of an estimator, or by a search, whose iterations are those of many models.
            told = safely("iterations of lightgbm", _told, outer, original, args, more)
            return original(*told.args, **told.kwargs) if told else original(*args, **more)
        with fits.watch("lightgbm.train") as seen:
            if seen is None:
                return original(*args, **more)
            seen.is_iterating = True
            told = safely("iterations of lightgbm", _told, seen, original, args, more)
            if told:
                safely("what lightgbm fits", _before, seen, told.arguments)
            booster = original(*told.args, **told.kwargs) if told else original(*args, **more)
            safely("the duration of a fit", seen.took)
            safely("what lightgbm found", _log_booster, seen, booster)
            return booster

    return train


def _told(
    fit: Fit, original: Callable[..., Any], args: tuple[Any, ...], more: dict[str, Any]
) -> inspect.BoundArguments | None:
    """Return the arguments with a callback more; None when the iterations aren't the fit's."""
    if fit.run is None or not fit.is_iterating:
        return None
    bound = inspect.signature(original).bind(*args, **more)

    def follow(env: Any) -> None:
        found = {f"{result[0]}/{result[1]}": float(result[2]) for result in env.evaluation_result_list or ()}
        fit.iteration(found, env.iteration)

    vars(follow)["order"] = _ORDER
    bound.arguments["callbacks"] = [*(bound.arguments.get("callbacks") or ()), follow]
    return bound


def _before(fit: Fit, given: dict[str, Any]) -> None:
    rounds = {"num_boost_round": given["num_boost_round"]} if "num_boost_round" in given else {}
    fit.params({**given.get("params", {}), **rounds})
    data = given.get("train_set")
    raw, label = getattr(data, "data", None), getattr(data, "label", None)
    safely("the training data", fit.dataset, raw, "training")
    safely("the training data", fit.dataset, label, "training target")


def _always(_: Any) -> bool:
    return True


def _after(fit: Fit, estimator: Any, _: Given) -> None:
    _log_booster(fit, estimator.booster_)


def _log_booster(fit: Fit, booster: Any) -> None:
    if booster.best_iteration > 0:
        best = {f"best/{name}/{key}": value for name, one in booster.best_score.items() for key, value in one.items()}
        fit.metrics({"best_iteration": booster.best_iteration, **best})
    gains = scores.importances(booster.feature_name(), booster.feature_importance("gain"))
    safely("importances of features", fit.table, "feature_importances.json", gains[:MOST_FEATURES])
    fit.model("model.txt", booster.model_to_string, "text")
