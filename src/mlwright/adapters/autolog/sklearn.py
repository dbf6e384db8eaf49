"""scikit-learn: every estimator that predicts, of the library and of the user's own classes, and cross validation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from mlwright.tracking.autologging.estimators import Given, log_candidates, log_importances, watched
from mlwright.tracking.autologging.fits import Fit, Fits, safely
from mlwright.tracking.autologging.folds import unlogged, validated
from mlwright.tracking.autologging.patches import Patches
from mlwright.tracking.autologging.port import Undo

_METHODS = ("fit", "fit_predict", "fit_transform")
#: What fits in turn, whoever calls it and under whichever name he imported it.
_FOLDS = ("_fit_and_score", "_fit_and_predict", "_permutation_test_score", "_incremental_fit_estimator")
#: They have adapters of their own.
_OTHERS = ("lightgbm.", "xgboost.")


class SklearnAutologger:
    """Watches `fit` of every estimator; see `mlwright.tracking.autologging.port.Autologger`.

    What only transforms isn't logged, and neither are the fits inside it. A cross validation is one run; with
    `cross_validate` itself imported by name before, it is none.
    """

    name: ClassVar[str] = "sklearn"
    modules: ClassVar[tuple[str, ...]] = ("sklearn.base", "sklearn.model_selection")

    def patch(self, module: ModuleType, fits: Fits) -> Undo:
        """Watch all classes that are there and those that come later, or the functions that cross validate."""
        patches = Patches()
        if module.__name__ == "sklearn.model_selection":
            _watch_folds(patches, fits, module)
            return patches.undo
        root: Any = module.BaseEstimator

        def made(before: Any) -> Any:
            is_own = "__init_subclass__" in vars(root)

            def __init_subclass__(cls: Any, /, **more: Any) -> None:
                if is_own:
                    before.__get__(None, cls)(**more)
                else:
                    super(root, cls).__init_subclass__(**more)
                safely("a class of estimators", _watch, patches, fits, cls)

            return classmethod(__init_subclass__)

        for found in _all_of(root):
            _watch(patches, fits, found)
        patches.replace(root, "__init_subclass__", made)
        return patches.undo


def _watch(patches: Patches, fits: Fits, found: Any) -> None:
    if not fits.is_on or found.__module__.startswith(_OTHERS):
        return
    for method in _METHODS:
        if isinstance(vars(found).get(method), FunctionType):
            judge = _never if method == "fit_transform" else _predicts
            patches.replace(found, method, partial(_watched, fits, judge))


def _watch_folds(patches: Patches, fits: Fits, module: Any) -> None:
    inner, original = module._validation, module.cross_validate
    validate = validated(fits, original)
    for owner in (module, inner):
        if vars(owner).get("cross_validate") is original:
            patches.replace(owner, "cross_validate", lambda _: validate)
    for name in _FOLDS:
        if hasattr(inner, name):
            patches.replace(inner, name, partial(unlogged, fits))


def _watched(fits: Fits, judge: Callable[[Any], bool], original: Callable[..., Any]) -> Any:
    return watched(fits, original, _after, judge)


def _all_of(root: Any) -> set[Any]:
    found, new = set(), [root]
    while new:
        one = new.pop()
        if one not in found:
            found.add(one)
            new += one.__subclasses__()
    return found


def _predicts(estimator: Any) -> bool:
    # A stack knows only after its fit whether it predicts; a pipeline knows it by its last step.
    found = estimator if _is_a(estimator, "Pipeline") else type(estimator)
    return hasattr(found, "predict") or hasattr(found, "fit_predict")


def _never(_: Any) -> bool:
    return False


def _after(fit: Fit, estimator: Any, _: Given) -> None:
    fitted = estimator
    if _is_a(estimator, "BaseSearchCV"):
        safely("the candidates of a search", log_candidates, fit, estimator)
        best = {f"best/{key}": value for key, value in getattr(estimator, "best_params_", {}).items()}
        fit.params(best)
        if hasattr(estimator, "best_score_"):
            fit.metrics({"best_score": float(estimator.best_score_)})
        fitted = getattr(estimator, "best_estimator_", None)
        if fitted is None:
            return
    safely("importances of features", log_importances, fit, _last(fitted))
    if hasattr(fitted, "booster_"):
        fit.model("model.txt", fitted.booster_.model_to_string, "text")
    elif hasattr(fitted, "get_booster"):
        fit.model("model.ubj", lambda: bytes(fitted.get_booster().save_raw("ubj")), "bytes")
    else:
        fit.model("model", lambda: fitted, "skops")


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if _is_a(estimator, "Pipeline") else estimator


def _is_a(estimator: Any, name: str) -> bool:
    return any(kind.__name__ == name and kind.__module__.startswith("sklearn.") for kind in type(estimator).__mro__)
