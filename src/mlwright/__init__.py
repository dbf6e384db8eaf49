"""mlwright: the whole ML lifecycle in one Python package.

The public names are loaded when first used, so `import mlwright` stays cheap inside training containers.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Public name -> module that defines it.
_PUBLIC = {
    "Deployment": "mlwright.delivery",
    "Monitor": "mlwright.monitoring",
    "Pipeline": "mlwright.pipelines",
    "Project": "mlwright.project",
    "Retry": "mlwright.pipelines",
    "Sweep": "mlwright.sweeps",
    "System": "mlwright.system",
    "Trigger": "mlwright.system",
    "autolog": "mlwright.tracking.autologging",
    "choice": "mlwright.sweeps",
    "compare_runs": "mlwright.api.frames",
    "current_run": "mlwright.tracking",
    "errors": "mlwright.errors",
    "fork_run": "mlwright.tracking",
    "integers": "mlwright.sweeps",
    "load_model": "mlwright.registry",
    "log_artifact": "mlwright.tracking",
    "log_calibration": "mlwright.tracking",
    "log_confusion_matrix": "mlwright.tracking",
    "log_dataset": "mlwright.tracking",
    "log_dict": "mlwright.tracking",
    "log_figure": "mlwright.tracking",
    "log_image": "mlwright.tracking",
    "log_metrics": "mlwright.tracking",
    "log_params": "mlwright.tracking",
    "log_precision_recall": "mlwright.tracking",
    "log_roc": "mlwright.tracking",
    "log_table": "mlwright.tracking",
    "log_text": "mlwright.tracking",
    "pipeline": "mlwright.pipelines",
    "register_model": "mlwright.registry",
    "search_runs": "mlwright.api.frames",
    "set_note": "mlwright.tracking",
    "set_tags": "mlwright.tracking",
    "start_run": "mlwright.tracking",
    "step": "mlwright.pipelines",
    "sweep": "mlwright.sweeps",
    "uniform": "mlwright.sweeps",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604 - all are strings


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'mlwright' has no attribute '{name}'", name=name, obj=sys.modules[__name__])
    loaded = importlib.import_module(module)
    # A name like `errors` is the module itself.
    value = loaded if module == f"mlwright.{name}" else getattr(loaded, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})


if TYPE_CHECKING:
    from mlwright import errors as errors
    from mlwright.api.frames import compare_runs as compare_runs
    from mlwright.api.frames import search_runs as search_runs
    from mlwright.delivery import Deployment as Deployment
    from mlwright.monitoring import Monitor as Monitor
    from mlwright.pipelines import Pipeline as Pipeline
    from mlwright.pipelines import Retry as Retry
    from mlwright.pipelines import pipeline as pipeline
    from mlwright.pipelines import step as step
    from mlwright.project import Project as Project
    from mlwright.registry import load_model as load_model
    from mlwright.registry import register_model as register_model
    from mlwright.sweeps import Sweep as Sweep
    from mlwright.sweeps import choice as choice
    from mlwright.sweeps import integers as integers
    from mlwright.sweeps import sweep as sweep
    from mlwright.sweeps import uniform as uniform
    from mlwright.system import System as System
    from mlwright.system import Trigger as Trigger
    from mlwright.tracking import current_run as current_run
    from mlwright.tracking import fork_run as fork_run
    from mlwright.tracking import log_artifact as log_artifact
    from mlwright.tracking import log_calibration as log_calibration
    from mlwright.tracking import log_confusion_matrix as log_confusion_matrix
    from mlwright.tracking import log_dataset as log_dataset
    from mlwright.tracking import log_dict as log_dict
    from mlwright.tracking import log_figure as log_figure
    from mlwright.tracking import log_image as log_image
    from mlwright.tracking import log_metrics as log_metrics
    from mlwright.tracking import log_params as log_params
    from mlwright.tracking import log_precision_recall as log_precision_recall
    from mlwright.tracking import log_roc as log_roc
    from mlwright.tracking import log_table as log_table
    from mlwright.tracking import log_text as log_text
    from mlwright.tracking import set_note as set_note
    from mlwright.tracking import set_tags as set_tags
    from mlwright.tracking import start_run as start_run
    from mlwright.tracking.autologging import autolog as autolog
