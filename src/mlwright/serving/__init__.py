"""Serving: the Open Inference Protocol, the gateway that routes each row to a version, the log of what was answered,
and the labels that come back.

`app.py` speaks HTTP, `oip.py` knows the protocol's messages, `gateway.py` finds who answers, `arms.py` shares rows
among versions, `scoring.py` lets them answer, `inference_log.py` keeps the answers and `labels.py` the outcomes.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mlwright.errors import missing_extra

if find_spec("numpy") is None:
    raise missing_extra("numpy", "ml", needed_for="serving")

_PUBLIC = {
    "Gateway": "mlwright.serving.gateway",
    "OipApp": "mlwright.serving.app",
    "Predictions": "mlwright.serving.inference_log",
    "labelled": "mlwright.serving.labels",
    "record_labels": "mlwright.serving.labels",
    "scan": "mlwright.serving.inference_log",
}

__all__ = ["Gateway", "OipApp", "Predictions", "labelled", "record_labels", "scan"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mlwright.serving' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from mlwright.serving.app import OipApp as OipApp
    from mlwright.serving.gateway import Gateway as Gateway
    from mlwright.serving.inference_log import Predictions as Predictions
    from mlwright.serving.inference_log import scan as scan
    from mlwright.serving.labels import labelled as labelled
    from mlwright.serving.labels import record_labels as record_labels
