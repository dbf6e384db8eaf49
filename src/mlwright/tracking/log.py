"""The functions that code calls to log: inside a step to the step's run, in a plain script to the script's.

Each does what the function of the same name of `Run` does. A script that has no run begins one with the first call; it
ends with the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlwright.tracking.context import active_run

if TYPE_CHECKING:
    from mlwright.tracking.datasets import Described


def log_params(values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
    """Log parameters of any JSON type to the current run.

    Example:
        >>> log_params({"optimizer": {"name": "sgd"}}, lr=0.1)  # doctest: +SKIP
    """
    run = active_run()
    if run is not None:
        run.log_params(values, **more)


def log_metrics(values: Mapping[str, float] | None = None, /, *, step: int | None = None, **more: float) -> None:
    """Log one value of each metric to the current run.

    Args:
        values: Metric to value; NaN and infinities are kept.
        step: Place on the metrics' axis; by default one more than each metric's last.
        more: Further metrics.

    Example:
        >>> log_metrics({"loss": 0.31, "auc": 0.74})  # doctest: +SKIP
    """
    run = active_run()
    if run is not None:
        run.log_metrics(values, step=step, **more)


def set_tags(values: Mapping[str, str] | None = None, /, **more: str) -> None:
    """Set tags of the current run."""
    run = active_run()
    if run is not None:
        run.set_tags(values, **more)


def set_note(text: str) -> None:
    """Set what people should know of the current run."""
    run = active_run()
    if run is not None:
        run.set_note(text)


def log_artifact(name: str, value: Any, *, codec: str | None = None, allow_pickle: bool = False) -> str:
    """Keep a value, a file or a folder (as `pathlib.Path`) with the current run; return its digest.

    Args:
        name: Name within the run.
        value: What to keep.
        codec: How to write it; chosen by type when not given.
        allow_pickle: Consent to pickle a value of a type that nothing else knows.
    """
    run = active_run()
    return "" if run is None else run.log_artifact(name, value, codec=codec, allow_pickle=allow_pickle)


def log_text(name: str, text: str) -> str:
    """Keep a text with the current run under a name like `notes.txt`; return its digest."""
    run = active_run()
    return "" if run is None else run.log_text(name, text)


def log_dict(name: str, value: Any) -> str:
    """Keep lists and dicts with the current run, as JSON under a name like `config.json`; return its digest."""
    run = active_run()
    return "" if run is None else run.log_dict(name, value)


def log_table(name: str, rows: Any) -> str:
    """Keep a table with the current run: a list of dicts, a dict of lists, or a table of pyarrow, pandas or polars."""
    run = active_run()
    return "" if run is None else run.log_table(name, rows)


def log_figure(name: str, figure: Any) -> str:
    """Keep a figure of matplotlib or plotly with the current run; return the digest of its first file."""
    run = active_run()
    return "" if run is None else run.log_figure(name, figure)


def log_image(name: str, image: Any) -> str:
    """Keep an image of PIL, or an array, with the current run as PNG; return its digest."""
    run = active_run()
    return "" if run is None else run.log_image(name, image)


def log_dataset(data: Any, *, name: str = "", context: str = "") -> Described | None:
    """Note which data the current run used, by the digest of its content; the data itself isn't kept.

    Args:
        data: A file or folder, a table of pyarrow, pandas or polars, a NumPy array, or a dict of arrays.
        name: What people call it.
        context: What it is used for: training, validation, test, ...
    """
    run = active_run()
    return None if run is None else run.log_dataset(data, name=name, context=context)


def log_confusion_matrix(
    y_true: Any, y_pred: Any, *, labels: Sequence[Any] | None = None, name: str = "confusion"
) -> dict[str, float]:
    """Keep with the current run which class was taken for which, drawn and in numbers; return the metrics."""
    run = active_run()
    return {} if run is None else run.log_confusion_matrix(y_true, y_pred, labels=labels, name=name)


def log_roc(y_true: Any, y_score: Any, *, positive: Any = None, name: str = "roc") -> dict[str, float]:
    """Keep the ROC curve with the current run, drawn and in numbers; return the metrics."""
    run = active_run()
    return {} if run is None else run.log_roc(y_true, y_score, positive=positive, name=name)


def log_precision_recall(
    y_true: Any, y_score: Any, *, positive: Any = None, name: str = "precision_recall"
) -> dict[str, float]:
    """Keep precision over recall with the current run, drawn and in numbers; return the metrics."""
    run = active_run()
    return {} if run is None else run.log_precision_recall(y_true, y_score, positive=positive, name=name)


def log_calibration(
    y_true: Any, y_prob: Any, *, positive: Any = None, bins: int = 10, name: str = "calibration"
) -> dict[str, float]:
    """Keep with the current run how often what was given a probability came true; return the metrics."""
    run = active_run()
    return {} if run is None else run.log_calibration(y_true, y_prob, positive=positive, bins=bins, name=name)
