"""Fairness: do decisions differ between the groups of a protected attribute? Needs NumPy.

For each group a: selection rate P(d=1 | A=a), true positive rate P(d=1 | Y=1, A=a), false positive rate
P(d=1 | Y=0, A=a), where d is the decision. A difference is that of the largest and the smallest group; the equalized
odds difference is the larger one of the differences of the two last rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlwright.errors import InvalidInput
from mlwright.registry.gate_kinds import StaysFair
from mlwright.registry.gates import Verdict
from mlwright.registry.labelled import Labelled

_UNITS = 400
_SEED = 0


def demographic_parity_difference(decisions: np.ndarray, protected: np.ndarray) -> float:
    """Return the largest difference of the shares decided positively.

    Args:
        decisions: 0 or 1; shape [rows].
        protected: The group of each row; shape [rows].

    Example:
        >>> demographic_parity_difference(np.array([1, 0, 1, 1]), np.array(["a", "a", "b", "b"]))
        0.5
    """
    counts = _counts(np.zeros(len(decisions)), decisions, protected)[0]
    return float(_parity(counts[None])[0])


def equalized_odds_difference(labels: np.ndarray, decisions: np.ndarray, protected: np.ndarray) -> float:
    """Return the larger one of the largest differences of true and of false positive rates.

    A group without positive (negative) labels has a true (false) positive rate of 0, like in Fairlearn.

    Args:
        labels: 0 or 1; shape [rows].
        decisions: 0 or 1; shape [rows].
        protected: The group of each row; shape [rows].
    """
    return float(_odds(_counts(labels, decisions, protected)[0][None])[0])


def judge_fairness(gate: StaysFair, data: Labelled) -> Verdict:
    """Return whether decisions differ between groups by at most what the gate allows."""
    if gate.protected not in data.columns:
        raise InvalidInput(
            f"the evaluation has no column '{gate.protected}', the protected attribute.",
            why=f"columns: {', '.join(data.columns)}",
            fix="give it among the columns of the evaluation; it need not be an input of the model",
        )
    protected = np.array([str(value) for value in data.columns[gate.protected].tolist()], dtype=object)
    scores = next(iter(data.challenger.predict(data.columns).values()))
    decisions = (scores >= gate.threshold).astype(np.int64)
    counts, names = _counts(data.labels, decisions, protected)
    numbers: dict[str, Any] = {"rows": len(data.labels), "threshold": gate.threshold, "at_most": gate.at_most}
    numbers["groups"] = {name: _rates(counts[place]) for place, name in enumerate(names)}
    small = [name for place, name in enumerate(names) if counts[place].sum() < gate.min_rows]
    if len(names) < 2 or small:
        why = f"{', '.join(small)} of fewer than {gate.min_rows} rows" if small else "only one group"
        reason = f"refused: fairness by {gate.protected} can't be judged: there is {why}"
        return Verdict(gate=gate.name, passed=False, numbers=numbers, reason=reason)
    measure = _parity if gate.measure == "demographic-parity" else _odds
    difference = float(measure(counts[None])[0])
    low, high = _interval(gate, data, decisions, protected)
    numbers |= {"difference": difference, "low": low, "high": high, "confidence": gate.confidence}
    passed = (high if gate.surely else difference) <= gate.at_most
    wanted = "wanted to end" if gate.surely else "wanted the difference"
    reason = (
        f"{'passed' if passed else 'refused'}: {gate.measure} by {gate.protected} differs by {difference:.4f} "
        f"({gate.confidence:.0%} interval {low:.4f} to {high:.4f}, {wanted} at or below {gate.at_most:g}) between "
        f"{len(names)} groups on {len(data.labels)} rows"
    )
    return Verdict(gate=gate.name, passed=passed, numbers=numbers, reason=reason)


def _counts(labels: np.ndarray, decisions: np.ndarray, protected: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return how many rows each group has by label and decision, shape [groups, 2, 2], and the groups' names."""
    names, place = np.unique(protected.astype(str), return_inverse=True)
    cells = place * 4 + labels.astype(np.int64) * 2 + decisions.astype(np.int64)
    counts = np.bincount(cells, minlength=4 * len(names)).reshape(len(names), 2, 2)
    return counts.astype(np.float64), names.tolist()


def _parity(counts: np.ndarray) -> np.ndarray:
    """Return the difference of selection rates; counts are of shape [samples, groups, label, decision]."""
    return np.asarray(_spread(_share(counts[..., 1].sum(axis=2), counts.sum(axis=(2, 3)))))


def _odds(counts: np.ndarray) -> np.ndarray:
    rates = [_share(counts[:, :, label, 1], counts[:, :, label].sum(axis=2)) for label in (0, 1)]
    return np.asarray(np.maximum(_spread(rates[0]), _spread(rates[1])))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0))


def _spread(rates: np.ndarray) -> np.ndarray:
    return np.asarray(rates.max(axis=1) - rates.min(axis=1))


def _rates(counts: np.ndarray) -> dict[str, float]:
    return {
        "rows": float(counts.sum()),
        "selected": float(_share(counts[:, 1].sum(), counts.sum())),
        "true_positive": float(_share(counts[1, 1], counts[1].sum())),
        "false_positive": float(_share(counts[0, 1], counts[0].sum())),
    }


def _interval(gate: StaysFair, data: Labelled, decisions: np.ndarray, protected: np.ndarray) -> tuple[float, float]:
    """Return a percentile interval by drawing whole groups of rows (days, customers), like every other gate's."""
    _, unit = np.unique(data.groups, return_inverse=True)
    unit = unit % _UNITS
    units = int(unit.max()) + 1
    names, place = np.unique(protected.astype(str), return_inverse=True)
    cells = (unit * len(names) + place) * 4 + data.labels.astype(np.int64) * 2 + decisions
    counts = np.bincount(cells, minlength=units * len(names) * 4).reshape(units, -1).astype(np.float64)
    drawn = np.random.default_rng(_SEED).multinomial(units, np.full(units, 1 / units), size=gate.resamples)
    samples = (drawn @ counts).reshape(gate.resamples, len(names), 2, 2)
    measure = _parity if gate.measure == "demographic-parity" else _odds
    tail = (1 - gate.confidence) / 2
    low, high = np.quantile(measure(samples), [tail, 1 - tail])
    return float(low), float(high)
