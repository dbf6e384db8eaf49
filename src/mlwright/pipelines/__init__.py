"""Pipelines: steps that are ordinary functions, an immutable representation of what they make up, and an engine.

Read in this order: `spec.py` (what a pipeline is), `definition.py` and `tracing.py` (how Python code becomes one),
`port.py` (what runs a step), `engine.py` (what decides which), `facts.py` (what is written down), `running.py` (how a
run begins and is resumed). The names below load their modules when first used: workers import this package, and start
faster for every module that they don't need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Executor": "port",
    "Pipeline": "definition",
    "PipelineSpec": "spec",
    "Progress": "jobs",
    "Retry": "spec",
    "RunResult": "result",
    "Step": "definition",
    "bind": "definition",
    "interrupted": "running",
    "load_object": "entry",
    "load_target": "entry",
    "open_result": "result",
    "pipeline": "definition",
    "resume": "running",
    "run": "running",
    "step": "definition",
    "validate": "validation",
}

__all__ = [
    "Executor",
    "Pipeline",
    "PipelineSpec",
    "Progress",
    "Retry",
    "RunResult",
    "Step",
    "bind",
    "interrupted",
    "load_object",
    "load_target",
    "open_result",
    "pipeline",
    "resume",
    "run",
    "step",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mlwright.pipelines' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"mlwright.pipelines.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from mlwright.pipelines.definition import Pipeline as Pipeline
    from mlwright.pipelines.definition import Step as Step
    from mlwright.pipelines.definition import bind as bind
    from mlwright.pipelines.definition import pipeline as pipeline
    from mlwright.pipelines.definition import step as step
    from mlwright.pipelines.entry import load_object as load_object
    from mlwright.pipelines.entry import load_target as load_target
    from mlwright.pipelines.jobs import Progress as Progress
    from mlwright.pipelines.port import Executor as Executor
    from mlwright.pipelines.result import RunResult as RunResult
    from mlwright.pipelines.result import open_result as open_result
    from mlwright.pipelines.running import interrupted as interrupted
    from mlwright.pipelines.running import resume as resume
    from mlwright.pipelines.running import run as run
    from mlwright.pipelines.spec import PipelineSpec as PipelineSpec
    from mlwright.pipelines.spec import Retry as Retry
    from mlwright.pipelines.validation import validate as validate
