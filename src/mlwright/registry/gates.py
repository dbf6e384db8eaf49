"""Gates: what a version must show before it may be deployed. Each verdict keeps its numbers and says one sentence.

A gate is a declaration that fits into JSON. What it looks at is an `Evaluation`: labelled rows that the version has not
seen, the group of each row, and the champion that serves now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.ids import derived_id, new_id
from mlwright.ledger import registry as rows
from mlwright.registry.gate_kinds import Gate, compares
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


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled rows on which a version is judged; neither it nor the champion was trained on them.

    Attributes:
        columns: The input columns, and any others that gates ask for (a protected attribute); arrays of shape [rows].
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
        return [verdict_of(row) for row in known if row]

    from mlwright.registry.judging import judge

    verdicts = judge(project, version, gates, evaluation)
    champion = champion_of(evaluation)
    with project.ledger.write(actor) as tx:
        for id_, gate, verdict in zip(ids, gates, verdicts, strict=True):
            keep(tx, version, id_, verdict, asked(gate, champion))
    return verdicts


def champion_of(evaluation: Evaluation | None) -> str:
    """Return how an evaluation calls its champion, an empty text when there is none."""
    if evaluation is None or evaluation.champion is None:
        return ""
    return evaluation.champion_name or evaluation.champion.name


def asked(gate: Gate, champion: str) -> dict[str, Any]:
    """Return what a verdict answers: the gate's declaration, and the champion when the gate compares with it."""
    plain: dict[str, Any] = msgspec.to_builtins(gate)
    return {"gate": plain, "champion": champion if compares(gate) else ""}


def verdicts_on(project: Project, version: ModelVersion) -> list[rows.GateRow]:
    """Return all that gates ever said about a version, oldest first."""
    with project.ledger.read() as connection:
        return rows.gate_rows(connection, version.model, version.version)


def keep(tx: Transaction, version: ModelVersion, id_: str, verdict: Verdict, question: dict[str, Any]) -> None:
    """Keep a verdict and its event in a transaction, unless one of this id is kept already."""
    if rows.find_gate_result(tx.connection, id_) is not None:
        return
    said = msgspec.structs.asdict(verdict)
    place: dict[str, Any] = {"model": version.model, "version": version.version}
    row = rows.GateRow(id=id_, **place, actor=tx.actor, at=tx.now, asked=question, **said)
    rows.add_gate_result(tx, row)
    event = "gate.passed" if verdict.passed else "gate.refused"
    tx.emit(event, version.subject, **place, **said)


def verdict_of(row: rows.GateRow) -> Verdict:
    """Return the verdict that a row of the ledger holds."""
    return Verdict(gate=row.gate, passed=row.passed, numbers=row.numbers, reason=row.reason)
