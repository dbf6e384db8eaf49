"""Slices: is there a part of the rows on which a version does badly? Needs NumPy.

The interval of a slice's mean is Student's, with the variance of whole groups (Cameron and Miller, A Practitioner's
Guide to Cluster-Robust Inference, 2015, section II): closed form, so that it can be asked of many slices at the small
tails that Bonferroni's correction wants.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from mlwright.core.special import student_quantile
from mlwright.errors import InvalidInput, ModelFailed
from mlwright.registry.gate_kinds import NoWeakSlice
from mlwright.registry.gates import Verdict
from mlwright.registry.labelled import Labelled, losses_of

_MOST_VALUES = 200
_SHOWN = 20
_LOSS = "log loss"


class _Slice(msgspec.Struct, frozen=True):
    """One slice that is large enough, and how far its mean lies from the limit that it must keep."""

    name: str
    rows: int
    mean: float
    low: float
    high: float
    limit: float
    against: str

    @property
    def weak(self) -> bool:
        return self.low > self.limit


def judge_slices(gate: NoWeakSlice, data: Labelled) -> Verdict:
    """Return whether no slice is worse than the gate allows."""
    questions = _questions(gate, data)
    if not questions:
        reason = "passed: there is no champion yet to compare slices with"
        return Verdict(gate=gate.name, passed=True, numbers={"rows": len(data.labels)}, reason=reason)
    masks, skipped = _masks(gate, data)
    if not masks:
        reason = f"refused: no slice by {', '.join(gate.by)} has {gate.min_rows} labelled rows in 2 groups to judge by"
        return Verdict(gate=gate.name, passed=False, numbers={"rows": len(data.labels), "slices": 0}, reason=reason)
    tail = (1 - gate.confidence) / (len(masks) * len(questions))
    slices: list[_Slice] = []
    for name, mask in masks.items():
        for values, limit, against in questions:
            mean, low, high = cluster_interval(values[mask], data.groups[mask], tail)
            slices.append(_Slice(name, int(mask.sum()), mean, low, high, limit, against))
    slices.sort(key=lambda part: part.mean - part.limit, reverse=True)
    weak = [part for part in slices if part.weak]
    numbers: dict[str, Any] = {
        "rows": len(data.labels),
        "slices": len(masks),
        "too_small": skipped,
        "weak": len(weak),
        "confidence": gate.confidence,
        "worst": [msgspec.to_builtins(msgspec.structs.asdict(part)) for part in slices[:_SHOWN]],
    }
    return Verdict(gate=gate.name, passed=not weak, numbers=numbers, reason=_sentence(slices, weak, len(masks)))


def cluster_interval(values: np.ndarray, groups: np.ndarray, tail: float) -> tuple[float, float, float]:
    """Return a mean with a two-sided interval that leaves `tail` on each side, rows of a group moving together.

    Args:
        values: Shape [rows].
        groups: The group of each row; at least two of them; shape [rows].
        tail: Probability beyond each end.
    """
    names, place = np.unique(groups, return_inverse=True)
    mean = float(values.mean())
    sums = np.bincount(place, weights=values - mean)
    count = len(names)
    error = float(np.sqrt((sums**2).sum() * count / (count - 1)) / len(values))
    reach = student_quantile(1 - tail, count - 1) * error
    return mean, mean - reach, mean + reach


def _questions(gate: NoWeakSlice, data: Labelled) -> list[tuple[np.ndarray, float, str]]:
    """Return what each slice is asked: values by row, the limit of their mean, and what they are."""
    asked: list[tuple[np.ndarray, float, str]] = []
    if gate.at_most is not None:
        asked.append((data.losses, gate.at_most, _LOSS))
    if gate.worse_by is not None and data.champion is not None:
        other, trouble = losses_of(data.champion, data.columns, data.labels)
        if trouble:
            raise ModelFailed(f"the champion {data.champion_name} fails on the rows it is compared on.", why=trouble)
        asked.append((data.losses - other, gate.worse_by, f"log loss above that of {data.champion_name}"))
    return asked


def _masks(gate: NoWeakSlice, data: Labelled) -> tuple[dict[str, np.ndarray], int]:
    """Return the slices that are large enough, and how many are not."""
    masks: dict[str, np.ndarray] = {}
    skipped = 0
    for column in gate.by:
        if column not in data.columns:
            raise InvalidInput(
                f"the evaluation has no column '{column}' to slice by.", why=f"columns: {', '.join(data.columns)}"
            )
        for name, mask in _parts(column, data.columns[column], gate.bins).items():
            if int(mask.sum()) >= gate.min_rows and len(np.unique(data.groups[mask])) >= 2:
                masks[name] = mask
            else:
                skipped += 1
    return masks, skipped


def _parts(column: str, values: np.ndarray, bins: int) -> dict[str, np.ndarray]:
    if values.dtype.kind in "OUS":
        texts = np.array([None if value is None else str(value) for value in values.tolist()], dtype=object)
        names = sorted({text for text in texts if text is not None})[:_MOST_VALUES]
        parts = {f"{column}={name}": texts == name for name in names}
        missing = np.array([text is None for text in texts], dtype=bool)
    else:
        numbers = values.astype(np.float64)
        missing = np.isnan(numbers)
        known = np.unique(numbers[~missing])
        if len(known) <= bins:
            parts = {f"{column}={value:g}": numbers == value for value in known.tolist()}
        else:
            edges = np.unique(np.quantile(numbers[~missing], np.linspace(0, 1, bins + 1)))
            parts = {}
            for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                last = high == edges[-1]
                inside = (numbers >= low) & ((numbers <= high) if last else (numbers < high))
                parts[f"{column} {low:g} to {high:g}"] = inside
    return parts | ({f"{column} missing": missing} if missing.any() else {})


def _sentence(slices: list[_Slice], weak: list[_Slice], count: int) -> str:
    worst = (weak or slices)[0]
    # A difference has a sign, a loss has none.
    sign = "" if worst.against == _LOSS else "+"
    mean, low, high, limit = (f"{value:{sign}.4f}" for value in (worst.mean, worst.low, worst.high, worst.limit))
    told = f"{worst.name} has {mean} {worst.against} (interval {low} to {high}, wanted at most {limit})"
    told += f" on {worst.rows} rows"
    if weak:
        return f"refused: {len(weak)} of {count} slices are weak; {told}"
    return f"passed: none of {count} slices is weak; the worst, {told}"
