"""How well a fitted estimator does on the data that it was fitted on. Every row counts the same."""

from __future__ import annotations

from typing import Any

from mlwright.errors import InvalidInput
from mlwright.tracking import evaluation

#: Of more rows so many are scored, evenly spread.
MOST_ROWS = 100_000
_LEAST_PROBABILITY = 1e-15


def of_classifier(estimator: Any, x: Any, y: Any) -> dict[str, float]:
    """Return accuracy, and where it tells probabilities or scores, log loss and ROC AUC (the mean over classes)."""
    import numpy as np

    x, y = _few(x, y)
    true = np.asarray(y)
    true = true[:, 0] if true.ndim == 2 and true.shape[1] == 1 else true
    if true.ndim != 1:
        return {}
    found = {"training/accuracy": float(np.mean(np.asarray(estimator.predict(x)).reshape(-1) == true))}
    if hasattr(estimator, "predict_proba"):
        scores = np.asarray(estimator.predict_proba(x), dtype=np.float64)
        classes = np.asarray(estimator.classes_)
        order = np.argsort(classes)
        place = order[np.clip(np.searchsorted(classes, true, sorter=order), 0, len(classes) - 1)]
        given = np.clip(scores[np.arange(len(true)), place], _LEAST_PROBABILITY, 1)
        found["training/log_loss"] = float(-np.mean(np.log(given)))
    elif hasattr(estimator, "decision_function"):
        scores = np.asarray(estimator.decision_function(x), dtype=np.float64)
    else:
        return found
    try:
        found["training/roc_auc"] = evaluation.roc(true, scores, None).metrics["auc"]
    except InvalidInput:
        # One class only, or one that has no row: there is no curve.
        return found
    return found


def of_regressor(estimator: Any, x: Any, y: Any) -> dict[str, float]:
    """Return r2, mean squared and mean absolute error."""
    import numpy as np

    x, y = _few(x, y)
    true = np.asarray(y, dtype=np.float64)
    off = np.asarray(estimator.predict(x), dtype=np.float64).reshape(true.shape) - true
    spread = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    found = {"training/mse": float(np.mean(off**2)), "training/mae": float(np.mean(np.abs(off)))}
    if np.all(spread > 0):
        found["training/r2"] = float(np.mean(1 - (off**2).sum(axis=0) / spread))
    return found


def importances(names: Any, values: Any) -> list[dict[str, Any]]:
    """Return the rows of a table of features, the most important first.

    Example:
        >>> importances(["a", "b"], [0.25, 0.75])
        [{'feature': 'b', 'importance': 0.75}, {'feature': 'a', 'importance': 0.25}]
    """
    values = [float(value) for value in values]
    given = [str(name) for name in names] if names is not None and len(names) == len(values) else None
    names = given or [f"x{place}" for place in range(len(values))]
    order = sorted(range(len(values)), key=lambda place: -abs(values[place]))
    return [{"feature": names[place], "importance": values[place]} for place in order]


def _few(x: Any, y: Any) -> tuple[Any, Any]:
    import numpy as np

    rows = x.shape[0] if hasattr(x, "shape") else len(x)
    if rows <= MOST_ROWS:
        return x, y
    places = np.linspace(0, rows - 1, MOST_ROWS).round().astype(np.int64)
    return _taken(x, places), _taken(y, places)


def _taken(data: Any, places: Any) -> Any:
    if hasattr(data, "iloc"):
        return data.iloc[places]
    return data[places] if hasattr(data, "shape") else [data[place] for place in places]
