"""The labelled rows that gates judge on, with the challenger's losses on them. Needs NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from mlwright.errors import InvalidInput
from mlwright.registry.gates import Evaluation, Verdict
from mlwright.registry.losses import log_losses
from mlwright.registry.predictor import Predictor
from mlwright.registry.values import ModelVersion

if TYPE_CHECKING:
    from mlwright.project import Project


class Labelled(msgspec.Struct, frozen=True):
    """The labelled rows of an evaluation, the challenger's losses on them, and the champion that they meet.

    `trouble` says why there are no losses when the challenger failed on the rows.
    """

    columns: dict[str, np.ndarray]
    labels: np.ndarray
    groups: np.ndarray
    losses: np.ndarray
    challenger: Predictor
    champion: Predictor | None
    champion_name: str
    trouble: str


class AsksForRows(Protocol):
    """A gate that needs some rows in some groups."""

    @property
    def name(self) -> str:
        """Name of the gate."""

    @property
    def min_rows(self) -> int:
        """Labelled rows that it takes at least."""

    @property
    def min_groups(self) -> int:
        """Groups that it takes at least."""


def labelled(project: Project, version: ModelVersion, evaluation: Evaluation) -> Labelled:
    """Return the rows of an evaluation that have a label, with the challenger's losses.

    Raises:
        InvalidInput: Columns, labels and groups differ in length, or a label is neither 0 nor 1.
    """
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
    losses, trouble = losses_of(challenger, columns, labels)
    champion = evaluation.champion
    name = evaluation.champion_name or (champion.name if champion else "")
    return Labelled(columns, labels, groups, losses, challenger, champion, name, trouble)


def losses_of(predictor: Predictor, columns: dict[str, np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the losses of a model, or why it has none: it raised, or gave something that is no number."""
    if not len(labels):
        return labels, ""
    try:
        losses = log_losses(labels, next(iter(predictor.predict(columns).values())))
    except Exception as error:  # noqa: BLE001  # boundary: user code, the model
        return np.full(len(labels), np.nan), f"{type(error).__name__}: {error}".splitlines()[0]
    broken = int((~np.isfinite(losses)).sum())
    return losses, f"it gave no number for {broken} of {len(losses)} rows" if broken else ""


def failing(gate: str, data: Labelled) -> Verdict | None:
    """Return the refusal of a version that can't answer the rows; None when it can."""
    if not data.trouble:
        return None
    rows = len(data.labels)
    numbers = {"rows": rows, "clusters": len(np.unique(data.groups))}
    reason = f"refused: the version fails on the {rows} rows it is judged on ({data.trouble})"
    return Verdict(gate=gate, passed=False, numbers=numbers, reason=reason)


def unfit(gate: AsksForRows, data: Labelled) -> Verdict | None:
    """Return the refusal of rows that are too few, or of a version that can't answer them; None when there is none."""
    failed = failing(gate.name, data)
    if failed is not None:
        return failed
    rows, groups = len(data.labels), len(np.unique(data.groups))
    if rows >= max(gate.min_rows, 1) and groups >= max(gate.min_groups, 2):
        return None
    numbers: dict[str, Any] = {"rows": rows, "clusters": groups}
    numbers |= {"min_rows": gate.min_rows, "min_groups": gate.min_groups}
    reason = (
        f"refused: {rows} labelled rows in {groups} groups are too few to judge by "
        f"(wanted {gate.min_rows} in {gate.min_groups})"
    )
    return Verdict(gate=gate.name, passed=False, numbers=numbers, reason=reason)
