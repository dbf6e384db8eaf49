"""The functions that code calls to log: inside a step to the step's run, in a plain script to the script's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlwright.tracking.context import active_run


def log_params(values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
    """Log parameters of any JSON type to the current run.

    Example:
        >>> log_params({"optimizer": {"name": "sgd"}}, lr=0.1)  # doctest: +SKIP
    """
    run = active_run()
    if run is not None:
        run.log_params({**(values or {}), **more})


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
        run.log_metrics({**(values or {}), **more}, step=step)


def set_tags(values: Mapping[str, str] | None = None, /, **more: str) -> None:
    """Set tags of the current run."""
    run = active_run()
    if run is not None:
        run.set_tags({**(values or {}), **more})


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
