"""The numbers behind the gates. Needs NumPy; imported only when a gate is really evaluated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mlwright.errors import InvalidDefinition, InvalidInput, ModelFailed
from mlwright.registry.bootstrap import Interval, mean_interval
from mlwright.registry.gate_kinds import BeatsBaseline, BeatsChampion, Gate, MetricThreshold
from mlwright.registry.gates import Evaluation, Verdict
from mlwright.registry.losses import log_losses
from mlwright.registry.predictor import Predictor
from mlwright.registry.values import ModelVersion

if TYPE_CHECKING:
    from mlwright.project import Project


class _Labelled(msgspec.Struct, frozen=True):
    """The labelled rows of an evaluation, the challenger's losses on them, and the champion that they meet.

    `trouble` says why there are no losses when the challenger failed on the rows.
    """

    columns: dict[str, np.ndarray]
    labels: np.ndarray
    groups: np.ndarray
    losses: np.ndarray
    champion: Predictor | None
    champion_name: str
    trouble: str


def judge(project: Project, version: ModelVersion, gates: list[Gate], evaluation: Evaluation | None) -> list[Verdict]:
    """Return what each gate says; see `mlwright.registry.gates.evaluate_gates`."""
    labelled: _Labelled | None = None
    verdicts: list[Verdict] = []
    for gate in gates:
        if isinstance(gate, MetricThreshold):
            verdicts.append(_metric(gate, version))
            continue
        if evaluation is None:
            raise InvalidDefinition(
                f"the gate {gate.name} needs labelled rows, and there is no evaluation.",
                fix="give evaluate_gates an Evaluation(columns=..., labels=..., groups=...)",
            )
        labelled = labelled or _labelled(project, version, evaluation)
        verdicts.append(_unfit(gate, labelled) or _compare(gate, labelled))
    return verdicts


def _metric(gate: MetricThreshold, version: ModelVersion) -> Verdict:
    value = version.metrics.get(gate.metric, math.nan)
    numbers: dict[str, Any] = {"value": value if math.isfinite(value) else None}
    numbers |= {"at_most": gate.at_most, "at_least": gate.at_least}
    if not math.isfinite(value):
        why = "is not finite" if gate.metric in version.metrics else "was not recorded"
        reason = f"refused: the metric {gate.metric} {why} (metrics: {', '.join(version.metrics) or 'none'})"
        return Verdict(gate=gate.name, passed=False, numbers=numbers, reason=reason)
    too_high = gate.at_most is not None and value > gate.at_most
    too_low = gate.at_least is not None and value < gate.at_least
    limits = [f"at most {gate.at_most:g}"] if gate.at_most is not None else []
    limits += [f"at least {gate.at_least:g}"] if gate.at_least is not None else []
    passed = not (too_high or too_low)
    reason = f"{'passed' if passed else 'refused'}: {gate.metric} is {value:.4g}, wanted {' and '.join(limits)}"
    return Verdict(gate=gate.name, passed=passed, numbers=numbers, reason=reason)


def _labelled(project: Project, version: ModelVersion, evaluation: Evaluation) -> _Labelled:
    from mlwright.registry.flavours import load_predictor

    labels = np.asarray(evaluation.labels, dtype=np.float64)
    groups = np.asarray(evaluation.groups)
    columns = {name: np.asarray(values) for name, values in evaluation.columns.items()}
    for name, values in {**columns, "groups": groups}.items():
        if len(values) != len(labels):
            raise InvalidInput(
                f"the evaluation has {len(labels)} labels and {len(values)} values of '{name}'.",
                fix="give each row a label (NaN where it isn't known) and a value of each column",
            )
    known = ~np.isnan(labels)
    columns = {name: values[known] for name, values in columns.items()}
    labels, groups = labels[known], groups[known]
    if not np.isin(labels, (0, 1)).all():
        raise InvalidInput(
            "the labels of the evaluation are not all 0 or 1.", fix="gates by log loss judge binary models"
        )
    challenger = evaluation.challenger or load_predictor(project, version)
    losses, trouble = _losses(challenger, columns, labels)
    champion = evaluation.champion
    name = evaluation.champion_name or (champion.name if champion else "")
    return _Labelled(columns, labels, groups, losses, champion, name, trouble)


def _losses(predictor: Predictor, columns: dict[str, np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the losses of a model, or why it has none: it raised, or gave something that is no number."""
    if not len(labels):
        return labels, ""
    try:
        losses = log_losses(labels, next(iter(predictor.predict(columns).values())))
    except Exception as error:  # noqa: BLE001  # boundary: user code, the model
        return np.full(len(labels), np.nan), f"{type(error).__name__}: {error}".splitlines()[0]
    broken = int((~np.isfinite(losses)).sum())
    return losses, f"it gave no number for {broken} of {len(losses)} rows" if broken else ""


def _unfit(gate: BeatsBaseline | BeatsChampion, data: _Labelled) -> Verdict | None:
    """Return the refusal of rows that are too few, or of a version that can't answer them; None when there is none."""
    rows, groups = len(data.labels), len(np.unique(data.groups))
    numbers: dict[str, Any] = {"rows": rows, "clusters": groups}
    if data.trouble:
        reason = f"refused: the version fails on the {rows} rows it is judged on ({data.trouble})"
        return Verdict(gate=gate.name, passed=False, numbers=numbers, reason=reason)
    if rows >= max(gate.min_rows, 1) and groups >= max(gate.min_groups, 2):
        return None
    numbers |= {"min_rows": gate.min_rows, "min_groups": gate.min_groups}
    reason = (
        f"refused: {rows} labelled rows in {groups} groups are too few to judge by "
        f"(wanted {gate.min_rows} in {gate.min_groups})"
    )
    return Verdict(gate=gate.name, passed=False, numbers=numbers, reason=reason)


def _compare(gate: BeatsBaseline | BeatsChampion, data: _Labelled) -> Verdict:
    if isinstance(gate, BeatsBaseline):
        if gate.only_first and data.champion is not None:
            reason = f"passed: {data.champion_name} serves already, and is who to compare with"
            return Verdict(gate=gate.name, passed=True, numbers={"rows": len(data.labels)}, reason=reason)
        rate = data.labels.mean()
        rival, other, limit = (
            f"the base rate {rate:.3f}",
            log_losses(data.labels, np.full(len(data.labels), rate)),
            0.0,
        )
    elif data.champion is None:
        numbers = {"challenger": float(data.losses.mean()), "rows": len(data.labels)}
        reason = f"passed: there is no champion yet (log loss {data.losses.mean():.4f} on {len(data.labels)} rows)"
        return Verdict(gate=gate.name, passed=True, numbers=numbers, reason=reason)
    else:
        rival, (other, trouble) = data.champion_name, _losses(data.champion, data.columns, data.labels)
        if trouble:
            raise ModelFailed(f"the champion {rival} fails on the rows it is compared on.", why=trouble)
        limit = gate.margin if gate.rule == "not-worse" else -gate.margin
    interval = mean_interval(data.losses - other, data.groups, confidence=gate.confidence, resamples=gate.resamples)
    # Not worse may touch its margin; better must lie beyond it.
    touching = isinstance(gate, BeatsChampion) and gate.rule == "not-worse"
    passed = interval.high <= limit if touching else interval.high < limit
    means = (float(data.losses.mean()), float(other.mean()))
    return Verdict(
        gate=gate.name,
        passed=passed,
        numbers=_numbers(gate, interval, means, limit),
        reason=_sentence(gate, interval, means, (passed, rival, limit)),
    )


def _numbers(
    gate: BeatsBaseline | BeatsChampion, interval: Interval, means: tuple[float, float], limit: float
) -> dict[str, Any]:
    rival = "baseline" if isinstance(gate, BeatsBaseline) else "champion"
    return {
        "challenger": means[0],
        rival: means[1],
        "difference": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "limit": limit,
        "confidence": gate.confidence,
        "resamples": gate.resamples,
        "rows": interval.rows,
        "clusters": interval.clusters,
    }


def _sentence(
    gate: BeatsBaseline | BeatsChampion,
    interval: Interval,
    means: tuple[float, float],
    verdict: tuple[bool, str, float],
) -> str:
    passed, rival, limit = verdict
    touching = isinstance(gate, BeatsChampion) and gate.rule == "not-worse"
    wanted = f"at or below {limit:+.4f}" if touching else f"below {limit:+.4f}"
    return (
        f"{'passed' if passed else 'refused'}: log loss {means[0]:.4f} against {means[1]:.4f} of {rival}, "
        f"difference {interval.mean:+.4f} ({gate.confidence:.0%} interval {interval.low:+.4f} to {interval.high:+.4f}, "
        f"wanted to end {wanted}) on {interval.rows} rows of {interval.clusters} groups"
    )
