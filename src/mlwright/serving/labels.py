"""Labels: the outcomes that become known after the predictions, late, repeated or corrected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mlwright.errors import InvalidInput
from mlwright.ledger import Transaction
from mlwright.ledger import inference as rows
from mlwright.serving.inference_log import Predictions, scan

if TYPE_CHECKING:
    from mlwright.project import Project

_SHOWN = 10


class LabelReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some labels.

    Attributes:
        recorded: New ones.
        repeated: Known already, with the same value.
        corrected: Known already, with another value: the new one holds now.
        unknown: Of predictions that were never made; not kept.
        unknown_ids: The first ten of those predictions.
    """

    recorded: int
    repeated: int
    corrected: int
    unknown: int
    unknown_ids: list[str]


def record_labels(
    project: Project, deployment: str, labels: Mapping[str, float], at: datetime | None = None, *, actor: str = "system"
) -> LabelReport:
    """Record outcomes by prediction id. Doing it again changes nothing.

    Args:
        project: Where to.
        deployment: Whose predictions.
        labels: Prediction id to outcome: 0 or 1 for a classifier, a number for a regression.
        at: When the outcomes became known, in event time; now by default.
        actor: Who brings them.

    Raises:
        InvalidInput: An outcome is no finite number; nothing is recorded.
    """
    values = {id_: _number(id_, value) for id_, value in labels.items()}
    with project.ledger.write(actor) as tx:
        return _record(tx, deployment, values, at or tx.now)


def labelled(
    project: Project,
    deployment: str,
    since: datetime,
    until: datetime,
    *,
    features: bool | list[str] = True,
    known_by: datetime | None = None,
) -> Predictions:
    """Return the rows answered in [since, until) with their labels, NaN where none is known.

    Args:
        project: Where to look.
        deployment: Whose rows.
        since: Beginning of the time of prediction, in event time.
        until: End of it, excluded.
        features: Whether the input columns are wanted, or which of them.
        known_by: When given, only labels that were known at this moment; the same question has the same answer later,
            except that corrected labels show their new value.
    """
    found = scan(project, deployment, since, until, features=features)
    with project.ledger.read() as connection:
        labels = rows.labels_between(connection, deployment, since, until, known_by=known_by)
    nan = math.nan
    found.label = np.array([labels.get(id_, nan) for id_ in found.prediction_id.tolist()], dtype=np.float64)
    return found


def _record(tx: Transaction, deployment: str, values: dict[str, float], at: datetime) -> LabelReport:
    ids = list(values)
    made = rows.prediction_times(tx.connection, deployment, ids)
    known = rows.find_labels(tx.connection, deployment, ids)
    new = [
        rows.LabelRow(prediction_id=id_, value=values[id_], predicted_at=made[id_], at=at, corrected_at=None)
        for id_ in ids
        if id_ in made and id_ not in known
    ]
    other = {id_: values[id_] for id_, label in known.items() if label.value != values[id_]}
    unknown = [id_ for id_ in ids if id_ not in made]
    rows.add_labels(tx, deployment, new)
    rows.correct_labels(tx, deployment, other, at)
    return LabelReport(
        recorded=len(new),
        repeated=len(known) - len(other),
        corrected=len(other),
        unknown=len(unknown),
        unknown_ids=unknown[:_SHOWN],
    )


def _number(id_: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(
            f"the label of prediction '{id_}' is {value!r}, which is no finite number.",
            why="nothing of this call was recorded",
            fix="send 0 or 1 (or the measured number), and leave out outcomes that aren't known",
            prediction_id=id_,
        )
    return number
