"""Fits of estimators with scikit-learn's interface, of whichever library: `fit(X, y)`, `get_params`, `predict`."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from mlwright.tracking.autologging import scores
from mlwright.tracking.autologging.fits import Fit, Fits, safely

#: Features of a table of importances, and candidates of a search.
MOST_FEATURES = 1000
MOST_CANDIDATES = 100
_DATA = {"x": ("X", "x", "data"), "y": ("y", "Y", "target")}


class Given(msgspec.Struct, frozen=True):
    """The data that a fit was given.

    Attributes:
        x: The rows.
        y: What is to be predicted; None when there is nothing.
    """

    x: Any = None
    y: Any = None


#: Logs what is known after a fit.
After = Callable[[Fit, Any, Given], None]


def watched(fits: Fits, original: Callable[..., Any], after: After, is_logged: Callable[[Any], bool]) -> Any:
    """Return a method that does what the original does, and has it logged.

    Args:
        fits: What watches.
        original: The method `fit`, or one like it.
        after: Logs what only this library knows.
        is_logged: Tells whether the fit of an estimator is worth a record.
    """

    @functools.wraps(original)
    def fit(self: Any, /, *args: Any, **more: Any) -> Any:
        wanted = bool(safely(f"whether to log {fits.library}", is_logged, self))
        with fits.watch(type(self).__name__, is_logged=wanted) as seen:
            if seen is None:
                return original(self, *args, **more)
            seen.iterations_of = safely("iterations", _booster_of, self) or ""
            given = safely("the data of a fit", _given, original, (self, *args), more) or Given()
            safely(f"what {fits.library} fits", log_given, seen, self, given)
            result = original(self, *args, **more)
            safely("the duration of a fit", seen.took)
            safely("scores on the training data", _score, seen, self, given)
            safely(f"what {fits.library} found", after, seen, self, given)
            return result

    return fit


def log_given(fit: Fit, estimator: Any, given: Given) -> None:
    """Log what an estimator is, its parameters, and the digest of the data."""
    fit.tag("autolog.estimator", type(estimator).__qualname__)
    fit.params(estimator.get_params(deep=True))
    if given.x is not None:
        safely("the training data", fit.dataset, given.x, "training")
        safely("the training data", fit.dataset, given.y, "training target")


def log_importances(fit: Fit, estimator: Any) -> None:
    """Keep a table of `feature_importances_` or of a linear model's coefficients, if it has one."""
    found = getattr(estimator, "feature_importances_", None)
    if found is None:
        found = getattr(estimator, "coef_", None)
        if found is None or not hasattr(found, "reshape"):
            return
        found = found.reshape(-1) if found.ndim == 1 or found.shape[0] == 1 else abs(found).mean(axis=0)
    names = getattr(estimator, "feature_names_in_", None)
    fit.table("feature_importances.json", scores.importances(names, found)[:MOST_FEATURES])


def log_candidates(fit: Fit, search: Any) -> None:
    """Log the candidates of a grid or random search as runs inside the search's run, at most a hundred, best first."""
    found = search.cv_results_
    means = {key: values for key, values in found.items() if key.startswith(("mean_", "std_", "rank_"))}
    ranks = next((values for key, values in found.items() if key.startswith("rank_")), range(len(found["params"])))
    order = sorted(range(len(found["params"])), key=lambda place: ranks[place])
    if len(order) > MOST_CANDIDATES:
        fit.tag("autolog.candidates", f"the best {MOST_CANDIDATES} of {len(order)}")
    for place in order[:MOST_CANDIDATES]:
        with fit.part(f"{type(search).__name__}-{place}") as part:
            part.params(found["params"][place])
            part.metrics({key: float(values[place]) for key, values in means.items()})


def _booster_of(estimator: Any) -> str:
    """Return the library of the one boosted model that it fits, itself or as the last step of a pipeline."""
    steps = [step for _, step in getattr(estimator, "steps", ())] or [estimator]
    if any(hasattr(step, "estimator") for step in steps):
        return ""
    libraries = {kind.__module__.partition(".")[0] for kind in type(steps[-1]).__mro__}
    return next((name for name in ("lightgbm", "xgboost") if name in libraries), "")


def _given(original: Callable[..., Any], args: tuple[Any, ...], more: dict[str, Any]) -> Given:
    try:
        bound = inspect.signature(original).bind(*args, **more).arguments
    except TypeError:
        # The original says what is wrong with its arguments.
        return Given()
    found = {part: next((bound[name] for name in names if name in bound), None) for part, names in _DATA.items()}
    return Given(**found)


def _score(fit: Fit, estimator: Any, given: Given) -> None:
    base: Any = sys.modules.get("sklearn.base")
    if base is None or given.x is None or given.y is None or not hasattr(estimator, "predict"):
        return
    with _chance_untouched():
        if base.is_classifier(estimator):
            fit.metrics(scores.of_classifier(estimator, given.x, given.y))
        elif base.is_regressor(estimator):
            fit.metrics(scores.of_regressor(estimator, given.x, given.y))


@contextmanager
def _chance_untouched() -> Iterator[None]:
    """Leave NumPy's global random numbers as they were: what comes after must not depend on what is logged."""
    import numpy as np

    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
