"""How a version stands before an environment's gates: by verdicts that are kept, or judged now where possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.digest import canonical_json
from mlwright.core.ids import derived_id
from mlwright.errors import MlwrightError
from mlwright.ledger import Transaction
from mlwright.ledger import registry as rows
from mlwright.registry.gate_kinds import Gate
from mlwright.registry.gates import Evaluation, Verdict, asked, keep, verdict_of
from mlwright.registry.values import ModelVersion
from mlwright.registry.versions import get_version

if TYPE_CHECKING:
    from mlwright.project import Project


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How a version stands before one gate.

    Attributes:
        gate: Name of the gate.
        asked: The gate's declaration, and the champion when it compares.
        verdict: What it said, None when it could not be judged.
        trouble: Why it could not be judged.
        kept: Whether the verdict is in the ledger already.
    """

    gate: str
    asked: dict[str, Any]
    verdict: Verdict | None = None
    trouble: str = ""
    kept: bool = False

    @property
    def passed(self) -> bool:
        """Whether the gate agrees."""
        return self.verdict is not None and self.verdict.passed


def answers(project: Project, version: ModelVersion, gates: list[Gate], champion: int | None) -> list[Answer]:
    """Return how a version stands before some gates.

    The newest verdict that is kept on the very same question counts: the same declaration, and the same champion for
    a gate that compares. Where there is none, the gate is judged now on the rows that the version was registered with.

    Args:
        project: Where the version is registered.
        version: The version.
        gates: The gates.
        champion: The version that the environment has now, None when it has none.
    """
    if not gates:
        return []
    rival = f"{version.model}/{champion}" if champion is not None else ""
    with project.ledger.read() as connection:
        known = rows.gate_rows(connection, version.model, version.version)
    said = {canonical_json(row.asked): verdict_of(row) for row in known if row.asked is not None}
    questions = [asked(gate, rival) for gate in gates]
    found = [said.get(canonical_json(question)) for question in questions]
    judged = _judge(project, version, [gate for gate, held in zip(gates, found, strict=True) if held is None], rival)
    answered: list[Answer] = []
    for gate, question, held in zip(gates, questions, found, strict=True):
        verdict, trouble = (held, "") if held is not None else judged.pop(0)
        answered.append(Answer(gate=gate.name, asked=question, verdict=verdict, trouble=trouble, kept=held is not None))
    return answered


def keep_answers(tx: Transaction, version: ModelVersion, answered: list[Answer]) -> None:
    """Keep the verdicts that are not in the ledger yet."""
    for answer in answered:
        if answer.verdict is not None and not answer.kept:
            id_ = derived_id("standing", version.ref, canonical_json(answer.asked).decode())
            keep(tx, version, id_, answer.verdict, answer.asked)


def _judge(project: Project, version: ModelVersion, gates: list[Gate], rival: str) -> list[tuple[Verdict | None, str]]:
    """Return the verdict of each gate, or why it can't be judged here and now."""
    if not gates:
        return []
    try:
        from mlwright.registry.judging import judge

        evaluation = _evaluation(project, version, rival)
    except ModuleNotFoundError as error:
        return [(None, f"the package '{error.name}' is not installed here: pip install 'mlwright[ml]'")] * len(gates)
    except MlwrightError as error:
        return [(None, error.what)] * len(gates)
    judged: list[tuple[Verdict | None, str]] = []
    for gate in gates:
        try:
            judged.append((judge(project, version, [gate], evaluation)[0], ""))
        except MlwrightError as error:
            judged.append((None, error.what))
    return judged


def _evaluation(project: Project, version: ModelVersion, rival: str) -> Evaluation | None:
    from mlwright.registry.evaluations import load_evaluation
    from mlwright.registry.flavours import load_predictor

    evaluation = load_evaluation(project, version)
    if evaluation is None or not rival or rival == version.ref:
        return evaluation
    champion = load_predictor(project, get_version(project, rival))
    return msgspec.structs.replace(evaluation, champion=champion, champion_name=rival)
