"""Functions that tests declare as gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlwright.registry import Evaluation, ModelVersion, Verdict, gate


@gate
def by_name(version: ModelVersion, evaluation: Evaluation | None, *, wanted: str = "churn") -> tuple[bool, str]:
    return version.model == wanted, f"its name is {version.model}"


@gate
def plainly(version: ModelVersion, evaluation: Evaluation | None) -> Any:
    return np.bool_(True)


@gate
def fully(version: ModelVersion, evaluation: Evaluation | None) -> Verdict:
    rows = np.int64(len(evaluation.labels)) if evaluation is not None else None
    return Verdict(gate="", passed=False, numbers={"rows": rows}, reason="refused: on principle")


@gate
def broken(version: ModelVersion, evaluation: Evaluation | None) -> bool:
    raise RuntimeError("no idea")


@gate
def unclear(version: ModelVersion, evaluation: Evaluation | None) -> Any:
    return "yes"


def unmarked(version: ModelVersion, evaluation: Evaluation | None) -> bool:
    return True
