"""Gates: what a version must show before it may be deployed. Each verdict keeps its numbers and says one sentence.

A gate is a declaration that fits into JSON. What it looks at is an `Evaluation`: labelled rows that the version has not
seen, the group of each row, and the champion that serves now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mlwright.core.ids import derived_id, new_id
from mlwright.errors import InvalidDefinition
from mlwright.ledger import registry as rows
from mlwright.registry.values import ModelVersion

if TYPE_CHECKING:
    import numpy as np

    from mlwright.ledger import Transaction
    from mlwright.project import Project
    from mlwright.registry.predictor import Columns, Predictor


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate says about a version.

    Attributes:
        gate: Name of the gate.
        passed: Whether the version may go on.
        numbers: What it was judged by, JSON-able.
        reason: One sentence with the numbers.
    """

    gate: str
    passed: bool
    numbers: dict[str, Any]
    reason: str


class MetricThreshold(msgspec.Struct, frozen=True, kw_only=True, tag="metric-threshold", tag_field="kind"):
    """A metric measured at training time must keep a limit.

    Attributes:
        metric: Name of the metric.
        at_most: Largest value that passes.
        at_least: Smallest value that passes.
    """

    metric: str
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if self.at_most is None and self.at_least is None:
            raise InvalidDefinition(
                f"the gate on the metric '{self.metric}' has no limit.", fix="give at_most, at_least or both"
            )

    @property
    def name(self) -> str:
        """Name of the gate."""
        return f"metric-threshold:{self.metric}"


class BeatsBaseline(msgspec.Struct, frozen=True, kw_only=True, tag="beats-baseline", tag_field="kind"):
    """The log loss must lie below that of the base rate: the best constant answer on the very same rows.

    Attributes:
        confidence: Of the two-sided bootstrap interval; its upper end must lie below zero.
        resamples: Samples drawn.
        min_rows: Labelled rows that it takes at least.
        min_groups: Groups that it takes at least.
        only_first: Ask only while nothing serves. The best constant is known in hindsight alone, which over a few days
            of odd weather is hard to beat; a comparison with the champion says more.
    """

    confidence: float = 0.95
    resamples: int = 2000
    min_rows: int = 500
    min_groups: int = 5
    only_first: bool = False

    @property
    def name(self) -> str:
        """Name of the gate."""
        return "beats-baseline"


class BeatsChampion(msgspec.Struct, frozen=True, kw_only=True, tag="beats-champion", tag_field="kind"):
    """The log loss must compare well with the champion's on the very same rows, as a paired interval.

    The interval of the mean difference (challenger's loss minus champion's) is a bootstrap over whole groups.

    Attributes:
        margin: How much is too much: `not-worse` passes when the interval ends at or below `margin`, `better` when it
            ends below `-margin`.
        rule: `not-worse` or `better`.
        days: How many of the newest labelled days the evaluation should cover; read by whoever builds it.
        confidence: Of the two-sided interval.
        resamples: Samples drawn.
        min_rows: Labelled rows that it takes at least.
        min_groups: Groups that it takes at least.
    """

    margin: float = 0.0
    rule: Literal["not-worse", "better"] = "not-worse"
    days: int = 14
    confidence: float = 0.95
    resamples: int = 2000
    min_rows: int = 500
    min_groups: int = 5

    @property
    def name(self) -> str:
        """Name of the gate."""
        return "beats-champion"


Gate = MetricThreshold | BeatsBaseline | BeatsChampion


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled rows on which a version is judged; neither it nor the champion was trained on them.

    Attributes:
        columns: The input columns; arrays of shape [rows].
        labels: 0, 1, or NaN where the outcome isn't known; shape [rows]. Rows without a label are left out.
        groups: What moves together, for example the day of each row; shape [rows].
        champion: What serves now, None when nothing does.
        challenger: The version, loaded; it is loaded from the registry when this is None.
        champion_name: How the champion is called in sentences.
    """

    columns: Columns
    labels: np.ndarray
    groups: np.ndarray
    champion: Predictor | None = None
    challenger: Predictor | None = None
    champion_name: str = ""


def evaluate_gates(
    project: Project,
    version: ModelVersion,
    gates: list[Gate],
    evaluation: Evaluation | None,
    *,
    actor: str,
    idempotency_key: str | None = None,
) -> list[Verdict]:
    """Judge a version by each gate and keep the verdicts with their events.

    Args:
        project: Where the version is registered.
        version: Which version.
        gates: What it must show.
        evaluation: Rows to judge it on; None when every gate is a `MetricThreshold`.
        actor: Who asks.
        idempotency_key: The same key again gives the verdicts of the first time, for steps that are retried. In a
            pipeline's step one is made from run and step.

    Returns:
        One verdict for each gate, in their order.

    Raises:
        InvalidDefinition: A gate needs rows and there is no evaluation.
    """
    from mlwright.registry.context import key_of_step

    key = idempotency_key or key_of_step("gates", version.ref)
    ids = [derived_id(key, str(place), gate.name) if key else new_id() for place, gate in enumerate(gates)]
    with project.ledger.read() as connection:
        known = [rows.find_gate_result(connection, id_) for id_ in ids] if key else []
    if known and all(known):
        return [_verdict(row) for row in known if row]

    from mlwright.registry.judging import judge

    verdicts = judge(project, version, gates, evaluation)
    with project.ledger.write(actor) as tx:
        for id_, verdict in zip(ids, verdicts, strict=True):
            _keep(tx, version, id_, verdict)
    return verdicts


def verdicts_on(project: Project, version: ModelVersion) -> list[rows.GateRow]:
    """Return all that gates ever said about a version, oldest first."""
    with project.ledger.read() as connection:
        return rows.gate_rows(connection, version.model, version.version)


def _keep(tx: Transaction, version: ModelVersion, id_: str, verdict: Verdict) -> None:
    if rows.find_gate_result(tx.connection, id_) is not None:
        return
    said = msgspec.structs.asdict(verdict)
    row = rows.GateRow(id=id_, model=version.model, version=version.version, actor=tx.actor, at=tx.now, **said)
    rows.add_gate_result(tx, row)
    event = "gate.passed" if verdict.passed else "gate.refused"
    tx.emit(event, version.subject, model=version.model, version=version.version, **said)


def _verdict(row: rows.GateRow) -> Verdict:
    return Verdict(gate=row.gate, passed=row.passed, numbers=row.numbers, reason=row.reason)
