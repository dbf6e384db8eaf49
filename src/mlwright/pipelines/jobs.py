"""What an engine is given to run, and what it tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from mlwright.pipelines.inputs import Results
from mlwright.pipelines.spec import PipelineSpec


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a run's watcher may want to show.

    Attributes:
        kind: What happened.
        run_id: The run.
        step: The step's key; empty for the run itself.
        reason: Why it ran, was cached or failed.
        attempt: 1 for the first.
        done: How many steps have their outputs.
        total: How many steps there are.
    """

    kind: Literal[
        "run-started", "step-started", "step-succeeded", "step-cached", "step-failed", "step-retried", "run-finished"
    ]
    run_id: str
    step: str = ""
    reason: str = ""
    attempt: int = 1
    done: int = 0
    total: int = 0


OnProgress = Callable[[Progress], None]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine is to run.

    Attributes:
        run_id: The run.
        run_name: What people call it.
        spec: The pipeline.
        arguments: Its parameters as bound.
        roots: Import roots of the steps' modules.
        folder: For the attempts' folders.
        fence: Fencing token of the engine.
        done: Outputs that are committed already, by step.
        attempts: How many attempts there were already, by step.
    """

    run_id: str
    run_name: str
    spec: PipelineSpec
    arguments: dict[str, Any]
    roots: list[str]
    folder: Path
    fence: int
    done: Results = {}
    attempts: dict[str, int] = {}
