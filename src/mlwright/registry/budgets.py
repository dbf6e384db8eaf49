"""Budgets: how large are a version's files, and how long does it take to answer? Needs NumPy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mlwright.artifacts.trees import read_manifest
from mlwright.errors import InvalidDefinition
from mlwright.registry.gate_kinds import KeepsLatency, KeepsSize
from mlwright.registry.gates import Evaluation, Verdict
from mlwright.registry.signatures import arrays_of
from mlwright.registry.values import ModelVersion

if TYPE_CHECKING:
    from mlwright.project import Project

_WARM_UP = 5


def judge_size(project: Project, version: ModelVersion, gate: KeepsSize) -> Verdict:
    """Return whether the files of a version are small enough."""
    size = sum(entry.size_bytes for entry in read_manifest(project.store, version.digest).files)
    passed = size <= gate.at_most_bytes
    reason = (
        f"{'passed' if passed else 'refused'}: its files have {size:,} bytes, wanted at most {gate.at_most_bytes:,}"
    )
    return Verdict(
        gate=gate.name,
        passed=passed,
        numbers={"size_bytes": size, "at_most_bytes": gate.at_most_bytes},
        reason=reason,
    )


def judge_latency(
    project: Project, version: ModelVersion, gate: KeepsLatency, evaluation: Evaluation | None
) -> Verdict:
    """Return whether a version answers quickly enough, measured here and now.

    Raises:
        InvalidDefinition: There are neither rows nor an example to answer.
    """
    from mlwright.registry.flavours import load_predictor

    given = evaluation.challenger if evaluation is not None else None
    predictor = given or load_predictor(project, version)
    batches = _batches(version, gate, evaluation)
    numbers: dict[str, Any] = {"rows": gate.rows, "calls": gate.calls, "at_most_ms": gate.at_most_ms}
    took: list[float] = []
    try:
        for place in range(gate.calls + _WARM_UP):
            batch = batches[place % len(batches)]
            started = time.perf_counter_ns()
            predictor.predict(batch)
            took.append((time.perf_counter_ns() - started) / 1e6)
    except Exception as error:  # noqa: BLE001  # boundary: user code, the model
        reason = f"refused: the version fails on the rows it is timed on ({type(error).__name__}: {error})"
        return Verdict(gate=gate.name, passed=False, numbers=numbers, reason=reason)
    measured = np.array(took[_WARM_UP:])
    value = float(np.quantile(measured, gate.quantile))
    passed = value <= gate.at_most_ms
    numbers |= {"value_ms": value, "median_ms": float(np.median(measured)), "quantile": gate.quantile}
    reason = (
        f"{'passed' if passed else 'refused'}: {gate.quantile:.0%} of {gate.calls} calls with {gate.rows} rows took at "
        f"most {value:.3g} ms, wanted {gate.at_most_ms:g} ms"
    )
    return Verdict(gate=gate.name, passed=passed, numbers=numbers, reason=reason)


def _batches(version: ModelVersion, gate: KeepsLatency, evaluation: Evaluation | None) -> list[dict[str, np.ndarray]]:
    """Return some batches of the wanted size: of the evaluation's rows, else of the example's, again and again."""
    if evaluation is not None and len(evaluation.labels):
        columns = {name: np.asarray(values) for name, values in evaluation.columns.items()}
    elif version.signature.example:
        columns = arrays_of(version.signature.inputs, version.signature.example)
    else:
        raise InvalidDefinition(
            f"the gate {gate.name} has nothing to answer: {version.ref} has no example and there is no evaluation.",
            fix="register the model with example={column: values}",
        )
    rows = len(next(iter(columns.values())))
    count = min(max(rows // gate.rows, 1), 50)
    places = [np.arange(start * gate.rows, (start + 1) * gate.rows) % rows for start in range(count)]
    return [{name: values[place] for name, values in columns.items()} for place in places]
