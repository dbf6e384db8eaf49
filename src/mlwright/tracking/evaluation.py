"""How good predictions are, from arrays: confusion, ROC, precision over recall, calibration; numbers and drawings.

Definitions: T. Fawcett, "An introduction to ROC analysis" (2006) for the curves, with rows of equal score taken
together; average precision as the sum of precision times the step in recall; G. Brier (1950) for the score; the
expected calibration error over bins of equal width (Naeini and others, 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.errors import InvalidInput, missing_extra
from mlwright.tracking import charts
from mlwright.tracking.charts import Curve

if TYPE_CHECKING:
    from mlwright.tracking.run import Run

#: Curves are kept with so many points at most; what is summed is summed over all.
MOST_POINTS = 1000
MOST_CLASSES = 200


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation came to.

    Attributes:
        metrics: The summary.
        numbers: Everything, as JSON.
        svg: The drawing.
    """

    metrics: dict[str, float]
    numbers: dict[str, Any]
    svg: str


def log(run: Run, name: str, found: Evaluation) -> dict[str, float]:
    """Keep an evaluation with a run under a name; return its metrics as they were logged."""
    folder, slash, _ = name.rpartition("/")
    run.log_dict(f"{name}.json", found.numbers)
    run.log_text(f"{name}.svg", found.svg)
    metrics = {f"{folder}{slash}{key}": value for key, value in found.metrics.items()}
    run.log_metrics(metrics)
    return metrics


def confusion(y_true: Any, y_pred: Any, labels: Sequence[Any] | None) -> Evaluation:
    """Count which class was taken for which.

    Raises:
        InvalidInput: The arrays have different lengths, are empty, or have too many classes.
    """
    np = _numpy()
    true, predicted = _labels(y_true, "y_true"), _labels(y_pred, "y_pred")
    _check_lengths(true, predicted)
    _check_kinds(true, predicted, "y_pred")
    both = np.concatenate([true, predicted])
    classes = np.unique(both) if labels is None else _distinct(labels, true)
    unknown = np.setdiff1d(both, classes)
    if unknown.size:
        raise InvalidInput(f"the class '{unknown[0]}' occurs and isn't among the labels.", fix="leave the labels out")
    if len(classes) > MOST_CLASSES:
        raise InvalidInput(
            f"there are {len(classes)} classes; a confusion matrix shows at most {MOST_CLASSES}.",
            fix="are these numbers and not classes? group them first",
        )
    order = np.argsort(classes)
    places = [order[np.searchsorted(classes, found, sorter=order)] for found in (true, predicted)]
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, tuple(places), 1)
    right = np.diag(counts).astype(float)
    precision, recall = _ratio(right, counts.sum(axis=0)), _ratio(right, counts.sum(axis=1))
    f1 = _ratio(2 * right, counts.sum(axis=0) + counts.sum(axis=1))
    occurs = counts.sum(axis=0) + counts.sum(axis=1) > 0
    metrics = {"accuracy": float(right.sum() / len(true)), "f1_macro": float(f1[occurs].mean())}
    names = [str(label) for label in classes.tolist()]
    by_class = [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "rows": int(rows)}
        for name, p, r, f, rows in zip(names, precision, recall, f1, counts.sum(axis=1), strict=True)
    ]
    numbers = {"kind": "confusion", "labels": names, "counts": counts.tolist(), "classes": by_class, "metrics": metrics}
    return Evaluation(metrics=metrics, numbers=numbers, svg=charts.confusion(names, counts.tolist()))


def roc(y_true: Any, y_score: Any, positive: Any) -> Evaluation:
    """Compute the share of positives found over the share of negatives taken for positives, for every threshold.

    Raises:
        InvalidInput: The arrays don't fit each other, or a class has no row.
    """
    np = _numpy()
    curves, areas = [], {}
    for name, truth, scores in _one_against_rest(y_true, y_score, positive):
        thresholds, found, false = _cumulated(truth, scores)
        x, y = np.append(0.0, false / false[-1]), np.append(0.0, found / found[-1])
        areas[name] = float(np.trapezoid(y, x))
        kept = _thinned(len(x))
        points = {
            "x": x[kept].tolist(),
            "y": y[kept].tolist(),
            "threshold": np.append(np.inf, thresholds)[kept].tolist(),
        }
        curves.append(Curve(name=name, value=areas[name], **points))
    metrics = {"auc": sum(areas.values()) / len(areas)}
    drawn = charts.curves(curves, "false positives", "true positives", "ROC curve", diagonal=True)
    return Evaluation(metrics=metrics, numbers=_numbers("roc", curves, metrics), svg=drawn)


def precision_recall(y_true: Any, y_score: Any, positive: Any) -> Evaluation:
    """Compute precision over recall for every threshold.

    Raises:
        InvalidInput: The arrays don't fit each other, or a class has no row.
    """
    np = _numpy()
    curves, averages = [], {}
    for name, truth, scores in _one_against_rest(y_true, y_score, positive):
        thresholds, found, false = _cumulated(truth, scores)
        recall, precision = found / found[-1], found / (found + false)
        averages[name] = float(np.sum(np.diff(np.append(0.0, recall)) * precision))
        kept = _thinned(len(recall))
        points = {"x": recall[kept].tolist(), "y": precision[kept].tolist(), "threshold": thresholds[kept].tolist()}
        curves.append(Curve(name=name, value=averages[name], **points))
    metrics = {"average_precision": sum(averages.values()) / len(averages)}
    drawn = charts.curves(curves, "recall", "precision", "Precision over recall", diagonal=False)
    return Evaluation(metrics=metrics, numbers=_numbers("precision_recall", curves, metrics), svg=drawn)


def calibration(y_true: Any, y_prob: Any, positive: Any, bins: int) -> Evaluation:
    """Compute how often what was given about the same probability came true.

    Raises:
        InvalidInput: The arrays don't fit each other, or a probability isn't one.
    """
    np = _numpy()
    if not isinstance(bins, int) or not 2 <= bins <= 1000:
        raise InvalidInput(f"{bins!r} is no number of bins.", fix="use 2 to 1000")
    scores = _scores(y_prob)
    if scores.ndim == 2 and scores.shape[1] > 2:
        raise InvalidInput(
            f"y_prob has {scores.shape[1]} columns; a calibration is about one class.",
            fix="give that class's column, and which rows are of it: y_true == label",
        )
    ((name, truth, given),) = _two_classes(y_true, scores, positive)
    if given.min() < 0 or given.max() > 1:
        raise InvalidInput(
            "y_prob holds what is no probability.",
            why=f"the values go from {given.min():g} to {given.max():g}",
            fix="give probabilities from 0 to 1, not scores",
        )
    place = np.minimum((given * bins).astype(np.int64), bins - 1)
    rows = np.bincount(place, minlength=bins)
    means, shares = (np.bincount(place, weights=found, minlength=bins) for found in (given, truth.astype(float)))
    told = [
        {"rows": int(count), "mean": float(mean / count), "share": float(share / count)}
        for count, mean, share in zip(rows, means, shares, strict=True)
        if count
    ]
    total = len(given)
    metrics = {
        "brier": float(np.mean((given - truth) ** 2)),
        "ece": sum(part["rows"] * abs(part["share"] - part["mean"]) for part in told) / total,
    }
    numbers = {"kind": "calibration", "positive": name, "bins": told, "metrics": metrics}
    return Evaluation(metrics=metrics, numbers=numbers, svg=charts.calibration(told))


def _one_against_rest(y_true: Any, y_score: Any, positive: Any) -> list[tuple[str, Any, Any]]:
    """Return for each class its name, which rows are of it, and their scores."""
    np = _numpy()
    scores = _scores(y_score)
    if scores.ndim == 1 or scores.shape[1] <= 2:
        return _two_classes(y_true, scores, positive)
    true = _labels(y_true, "y_true")
    _check_lengths(true, scores)
    classes = np.unique(true)
    if len(classes) != scores.shape[1]:
        raise InvalidInput(
            f"y_score has {scores.shape[1]} columns and y_true {len(classes)} classes.",
            fix="give one column for each class that occurs, in sorted order",
        )
    return [(str(label), true == label, scores[:, place]) for place, label in enumerate(classes.tolist())]


def _two_classes(y_true: Any, scores: Any, positive: Any) -> list[tuple[str, Any, Any]]:
    np = _numpy()
    true = _labels(y_true, "y_true")
    _check_lengths(true, scores)
    classes = np.unique(true)
    if len(classes) != 2:
        raise InvalidInput(
            f"y_true has {len(classes)} classes, not two.",
            why="for example " + ", ".join(str(label) for label in classes[:5].tolist()),
            fix="a curve needs rows of both classes; for more classes give a column of scores for each",
        )
    chosen = classes[1] if positive is None else positive
    if chosen not in classes.tolist():
        raise InvalidInput(f"the positive class '{chosen}' doesn't occur.", fix=f"give one of {classes.tolist()}")
    if scores.ndim == 2:
        scores = scores[:, int(np.flatnonzero(classes == chosen)[0]) if scores.shape[1] == 2 else 0]
    return [(str(chosen), true == chosen, scores)]


def _cumulated(truth: Any, scores: Any) -> tuple[Any, Any, Any]:
    """Return thresholds, falling, and how many positives and negatives score at least as much."""
    np = _numpy()
    order = np.argsort(-scores, kind="stable")
    scores, truth = scores[order], truth[order]
    # Rows of equal score pass a threshold together.
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    found = np.cumsum(truth)[last].astype(float)
    return scores[last], found, (last + 1) - found


def _thinned(count: int) -> Any:
    """Return the places of at most `MOST_POINTS` points, the first and the last among them."""
    np = _numpy()
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(np.int64))


def _numbers(kind: str, curves: list[Curve], metrics: dict[str, float]) -> dict[str, Any]:
    return {"kind": kind, "curves": [msgspec.structs.asdict(curve) for curve in curves], "metrics": metrics}


def _labels(values: Any, name: str) -> Any:
    np = _numpy()
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise InvalidInput(f"{name} is no list of classes.", why=str(error)) from None
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1 or not found.size:
        raise InvalidInput(f"{name} has the shape {found.shape}.", fix="give one class for each row, at least one row")
    if found.dtype == object:
        kinds = {type(label) for label in found.tolist()}
        if not kinds <= {str} and not kinds <= {int, bool, float}:
            raise InvalidInput(
                f"{name} mixes classes of several types.", why=", ".join(sorted(kind.__name__ for kind in kinds))
            )
        found = np.array(found.tolist())
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise InvalidInput(f"{name} holds NaN or an infinity.", fix="leave rows without a class out")
    return found


def _distinct(labels: Sequence[Any], true: Any) -> Any:
    """Return the classes to show, in the order that was asked for."""
    np = _numpy()
    found = _labels(labels, "labels")
    _check_kinds(true, found, "labels")
    if len(np.unique(found)) != len(found):
        raise InvalidInput("a class is twice among the labels.", fix="give each class once")
    return found


def _check_kinds(true: Any, other: Any, name: str) -> None:
    """Refuse texts beside numbers: NumPy would take 1 and '1' for the same class."""
    if (true.dtype.kind in "US") != (other.dtype.kind in "US"):
        raise InvalidInput(
            f"y_true holds {true.dtype} and {name} {other.dtype}, which are never the same classes.",
            fix="give the classes of both in one type",
        )


def _scores(values: Any) -> Any:
    np = _numpy()
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput("the scores are no numbers.", why=str(error)) from None
    if found.ndim not in (1, 2) or not found.size:
        raise InvalidInput(
            f"the scores have the shape {found.shape}.", fix="give one for each row, or one column a class"
        )
    if not np.isfinite(found).all():
        raise InvalidInput("the scores hold NaN or an infinity.", fix="leave rows without a score out")
    return found


def _check_lengths(one: Any, other: Any) -> None:
    if len(one) != len(other):
        raise InvalidInput(f"there are {len(one)} rows of classes and {len(other)} of predictions.")


def _ratio(part: Any, whole: Any) -> Any:
    np = _numpy()
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _numpy() -> Any:
    try:
        import numpy as np
    except ImportError:
        raise missing_extra("numpy", "ml", needed_for="an evaluation") from None
    return np
