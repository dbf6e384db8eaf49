"""Monitoring: what comes in, what goes out, and how good it was, measured window by window without crying wolf.

`values.py` is what users declare, `monitors.py` evaluates what is due, `alerts.py` opens and resolves, `profiles.py`
describes training data without its rows. `measuring.py` says what each kind of monitor makes of a window, with the
statistics of `drift.py` and `performance.py`; `windows.py` reads the log. Only profiles and evaluations need NumPy.
"""

import importlib
from typing import TYPE_CHECKING, Any

from mlwright.monitoring.monitors import declare, evaluate, evaluate_due, retire
from mlwright.monitoring.values import Measurement, Monitor

_LAZY = {"Profile": "mlwright.monitoring.profiles", "build_profile": "mlwright.monitoring.profiles"}

__all__ = ["Measurement", "Monitor", "Profile", "build_profile", "declare", "evaluate", "evaluate_due", "retire"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mlwright.monitoring' has no attribute '{name}'")
    try:
        return getattr(importlib.import_module(_LAZY[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        from mlwright.errors import missing_extra

        raise missing_extra("numpy", "ml", needed_for="a reference profile") from None


if TYPE_CHECKING:
    from mlwright.monitoring.profiles import Profile as Profile
    from mlwright.monitoring.profiles import build_profile as build_profile
