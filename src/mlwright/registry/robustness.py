"""Robustness: how much does a version lose when its inputs are disturbed? Needs NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlwright.errors import InvalidInput
from mlwright.registry.bootstrap import mean_interval
from mlwright.registry.gate_kinds import StaysRobust
from mlwright.registry.gates import Verdict
from mlwright.registry.labelled import Labelled, losses_of
from mlwright.registry.values import DATATYPES, Column

_SEED = 20260303


def judge_robustness(gate: StaysRobust, data: Labelled) -> Verdict:
    """Return whether the loss grows by at most what the gate allows when the inputs are disturbed."""
    touched = _touched(gate, data)
    numbers: dict[str, Any] = {"noise": gate.noise, "missing": gate.missing, "repeats": gate.repeats}
    numbers |= {"columns": [column.name for column in touched], "rows": len(data.labels)}
    if not touched:
        reason = "refused: no column can be disturbed like this: none is a number, and none may miss values"
        return Verdict(gate=gate.name, passed=False, numbers=numbers, reason=reason)
    rng = np.random.default_rng(_SEED)
    total = np.zeros(len(data.labels))
    for _ in range(gate.repeats):
        losses, trouble = losses_of(data.challenger, _disturbed(gate, data, touched, rng), data.labels)
        if trouble:
            reason = f"refused: the version fails on disturbed rows ({trouble})"
            return Verdict(gate=gate.name, passed=False, numbers=numbers, reason=reason)
        total += losses
    growth = total / gate.repeats - data.losses
    interval = mean_interval(growth, data.groups, confidence=gate.confidence, resamples=gate.resamples)
    passed = interval.high <= gate.at_most
    clean = float(data.losses.mean())
    numbers |= {"clean": clean, "disturbed": clean + interval.mean, "growth": interval.mean}
    numbers |= {"low": interval.low, "high": interval.high, "at_most": gate.at_most, "clusters": interval.clusters}
    reason = (
        f"{'passed' if passed else 'refused'}: log loss {clean:.4f} grows by {interval.mean:+.4f} when "
        f"{len(touched)} columns are disturbed ({gate.confidence:.0%} interval {interval.low:+.4f} to "
        f"{interval.high:+.4f}, wanted to end at or below {gate.at_most:+.4f}) on {interval.rows} rows"
    )
    return Verdict(gate=gate.name, passed=passed, numbers=numbers, reason=reason)


def _touched(gate: StaysRobust, data: Labelled) -> list[Column]:
    inputs = {column.name: column for column in data.challenger.recipe.columns}
    for name in gate.columns or []:
        if name not in inputs:
            raise InvalidInput(
                f"the column '{name}', to be disturbed, is no input of the model.", why=f"inputs: {', '.join(inputs)}"
            )
    chosen = [column for column in inputs.values() if gate.columns is None or column.name in gate.columns]
    return [
        column for column in chosen if (gate.noise and _is_number(column)) or (gate.missing and _may_miss(gate, column))
    ]


def _disturbed(
    gate: StaysRobust, data: Labelled, touched: list[Column], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    columns = dict(data.columns)
    for column in touched:
        values = columns[column.name]
        if gate.noise and _is_number(column):
            values = _noisy(values, gate.noise, rng)
        if gate.missing and _may_miss(gate, column):
            values = _with_gaps(values, gate.missing, rng)
        columns[column.name] = values
    return columns


def _noisy(values: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    numbers = values.astype(np.float64)
    spread = float(np.nanstd(numbers)) if len(numbers) else 0.0
    noisy = numbers + rng.normal(scale=share * spread, size=len(numbers))
    return np.asarray(np.rint(noisy).astype(values.dtype) if values.dtype.kind in "iu" else noisy.astype(values.dtype))


def _with_gaps(values: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    gone = rng.random(len(values)) < share
    gaps = values.astype(object if values.dtype.kind in "OUS" else np.float64)
    gaps[gone] = None if gaps.dtype == object else np.nan
    return np.asarray(gaps)


def _is_number(column: Column) -> bool:
    return DATATYPES[column.datatype] not in ("object", "bool")


def _may_miss(gate: StaysRobust, column: Column) -> bool:
    return column.nullable or column.name in (gate.columns or [])
