"""Trainings that are logged by themselves: scikit-learn, LightGBM, XGBoost, Lightning, Keras.

`port.py` says what an adapter of a library does, `fits.py` has the fit that it watches, `imports.py` waits for
libraries that are imported later, `patches.py` puts the originals back; `estimators.py`, `trainings.py` and
`folds.py` are the kinds of fits that there are, `plain.py` and `scores.py` what is logged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType

from mlwright.core import adapters
from mlwright.tracking.autologging.fits import Fits, Options, safely
from mlwright.tracking.autologging.imports import when_imported
from mlwright.tracking.autologging.port import Autologger

__all__ = ["autolog"]

_lock = threading.Lock()
_watched: dict[str, _Library] = {}


def autolog(*names: str, off: bool = False, datasets: bool = True, models: bool = True) -> None:
    """Log trainings by themselves: parameters, metrics of each iteration, scores on the training data, the model.

    A library is patched when it is imported, now or later; it isn't imported for that. A fit inside a run is logged to
    that run, any other begins a run of its own; of fits inside a fit only the outermost is logged. The candidates of a
    grid or random search are runs inside its run, and a cross validation is one run. What goes wrong here is a warning
    and never changes a fit.

    Args:
        names: `sklearn`, `lightgbm`, `xgboost`, `lightning`, `keras`; all of them when none is given.
        off: Put the libraries back as they were.
        datasets: Note digest and shape of the training data.
        models: Keep the fitted model, in a format that needs no pickle; a tag says why when there is none. Of a network
            also the best checkpoint, as the file that it is.

    Raises:
        NotFound: There is no library of this name.

    Example:
        >>> autolog("sklearn")
        >>> autolog("sklearn", off=True)
    """
    chosen = [adapters.find("autolog", name).name for name in names] or [
        spec.name for spec in adapters.specs() if spec.port == "autolog"
    ]
    with _lock:
        for name in chosen:
            known = _watched.pop(name, None)
            if known is not None:
                known.stop()
            if not off:
                _watched[name] = _Library(name, Options(datasets=datasets, models=models))


class _Library:
    """A library that is watched."""

    def __init__(self, name: str, options: Options) -> None:
        self._logger: Autologger = adapters.load("autolog", name)()
        self._fits = Fits(name, options)
        self._undos: list[Callable[[], None]] = []
        self._undos += [when_imported(module, self._patch) for module in self._logger.modules]

    def stop(self) -> None:
        """Put the originals back, and wait no more."""
        self._fits.is_on = False
        for undo in reversed(self._undos):
            safely(f"the end of {self._fits.library}", undo)

    def _patch(self, module: ModuleType) -> None:
        if self._fits.is_on:
            undo = safely(f"the library {self._fits.library}", self._logger.patch, module, self._fits)
            if undo is not None:
                self._undos.append(undo)
