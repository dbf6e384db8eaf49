"""Evaluation rows that travel with a version: what it is judged on while nothing serves yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlwright.artifacts import codecs
from mlwright.registry.gates import Evaluation
from mlwright.registry.values import ModelVersion

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore
    from mlwright.project import Project

_COLUMN = "column:"
_CODEC = "columns"


def save_evaluation(store: ArtifactStore, evaluation: Evaluation) -> codecs.Saved:
    """Store an evaluation's rows; champion and challenger are not part of them."""
    rows = {f"{_COLUMN}{name}": values for name, values in evaluation.columns.items()}
    return codecs.save(store, {**rows, "labels": evaluation.labels, "groups": evaluation.groups}, codec=_CODEC)


def load_evaluation(project: Project, version: ModelVersion) -> Evaluation | None:
    """Return the rows that a version was registered with to be judged on; None when there are none.

    Raises:
        IntegrityError: The stored rows no longer match their digest.
    """
    digest = version.lineage.get("evaluation")
    if digest is None:
        return None
    stored = codecs.load(project.store, digest, _CODEC)
    columns = {name.removeprefix(_COLUMN): rows for name, rows in stored.items() if name.startswith(_COLUMN)}
    return Evaluation(columns=columns, labels=stored["labels"], groups=stored["groups"])
