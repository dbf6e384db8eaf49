"""The numbers behind the gates. Needs NumPy; imported only when a gate is really evaluated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mlwright.errors import InvalidDefinition, ModelFailed
from mlwright.registry.bootstrap import Interval, mean_interval
from mlwright.registry.budgets import judge_latency, judge_size
from mlwright.registry.fairness import judge_fairness
from mlwright.registry.gate_kinds import (
    BeatsBaseline,
    BeatsChampion,
    FunctionGate,
    Gate,
    KeepsLatency,
    KeepsSize,
    MetricThreshold,
    NoWeakSlice,
    StaysFair,
    StaysRobust,
)
from mlwright.registry.gates import Evaluation, Verdict
from mlwright.registry.labelled import Labelled, failing, labelled, losses_of, unfit
from mlwright.registry.losses import log_losses
from mlwright.registry.own_gates import judge_by_function
from mlwright.registry.robustness import judge_robustness
from mlwright.registry.slices import judge_slices
from mlwright.registry.values import ModelVersion

if TYPE_CHECKING:
    from mlwright.project import Project


def judge(project: Project, version: ModelVersion, gates: list[Gate], evaluation: Evaluation | None) -> list[Verdict]:
    """Return what each gate says; see `mlwright.registry.gates.evaluate_gates`."""
    data: Labelled | None = None
    verdicts: list[Verdict] = []
    for gate in gates:
        if isinstance(gate, (MetricThreshold, KeepsSize, KeepsLatency, FunctionGate)):
            verdicts.append(_without_labels(project, version, gate, evaluation))
            continue
        if evaluation is None:
            raise InvalidDefinition(
                f"the gate {gate.name} needs labelled rows, and there is no evaluation.",
                fix="give evaluate_gates an Evaluation(columns=..., labels=..., groups=...)",
            )
        data = data or labelled(project, version, evaluation)
        verdicts.append(_on_rows(gate, data))
    return verdicts


def _without_labels(
    project: Project,
    version: ModelVersion,
    gate: MetricThreshold | KeepsSize | KeepsLatency | FunctionGate,
    evaluation: Evaluation | None,
) -> Verdict:
    if isinstance(gate, MetricThreshold):
        return _metric(gate, version)
    if isinstance(gate, KeepsSize):
        return judge_size(project, version, gate)
    if isinstance(gate, KeepsLatency):
        return judge_latency(project, version, gate, evaluation)
    return judge_by_function(version, gate, evaluation)


def _on_rows(gate: BeatsBaseline | BeatsChampion | NoWeakSlice | StaysRobust | StaysFair, data: Labelled) -> Verdict:
    if isinstance(gate, NoWeakSlice):
        return failing(gate.name, data) or judge_slices(gate, data)
    if isinstance(gate, StaysFair):
        return failing(gate.name, data) or judge_fairness(gate, data)
    if isinstance(gate, StaysRobust):
        return unfit(gate, data) or judge_robustness(gate, data)
    return unfit(gate, data) or _compare(gate, data)


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


def _compare(gate: BeatsBaseline | BeatsChampion, data: Labelled) -> Verdict:
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
        rival, (other, trouble) = data.champion_name, losses_of(data.champion, data.columns, data.labels)
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
