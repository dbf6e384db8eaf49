"""Sweeps: looking for good parameters, each trial a run, going on after whatever interrupted them.

`definition.py` declares and runs a sweep, `space.py` says what is looked through, `conducting.py` gives out trials and
takes in what they came to, `workers.py` and `worker.py` say where they run, `trial.py` what an objective sees,
`keeping.py` what is kept for pages, and `port.py` what advises. The names below load their modules when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Choice": "space",
    "Integers": "space",
    "Plan": "values",
    "Pruned": "trial",
    "Sweep": "definition",
    "SweepOptions": "values",
    "SweepResult": "values",
    "Trial": "trial",
    "Uniform": "space",
    "choice": "space",
    "integers": "space",
    "sweep": "definition",
    "uniform": "space",
}

__all__ = [
    "Choice",
    "Integers",
    "Plan",
    "Pruned",
    "Sweep",
    "SweepOptions",
    "SweepResult",
    "Trial",
    "Uniform",
    "choice",
    "integers",
    "sweep",
    "uniform",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mlwright.sweeps' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"mlwright.sweeps.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from mlwright.sweeps.definition import Sweep as Sweep
    from mlwright.sweeps.definition import sweep as sweep
    from mlwright.sweeps.space import Choice as Choice
    from mlwright.sweeps.space import Integers as Integers
    from mlwright.sweeps.space import Uniform as Uniform
    from mlwright.sweeps.space import choice as choice
    from mlwright.sweeps.space import integers as integers
    from mlwright.sweeps.space import uniform as uniform
    from mlwright.sweeps.trial import Pruned as Pruned
    from mlwright.sweeps.trial import Trial as Trial
    from mlwright.sweeps.values import Plan as Plan
    from mlwright.sweeps.values import SweepOptions as SweepOptions
    from mlwright.sweeps.values import SweepResult as SweepResult
