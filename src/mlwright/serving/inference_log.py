"""The inference log: what was asked and what was answered, row by row, written once for each request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mlwright.ledger import inference as rows
from mlwright.ledger.inference import BatchRow
from mlwright.serving import payload as packing
from mlwright.serving.payload import Payload

if TYPE_CHECKING:
    from mlwright.project import Project


class Predictions(msgspec.Struct, kw_only=True):
    """Logged rows as columns; every array has shape [rows], oldest first.

    Attributes:
        prediction_id: Their ids (objects: str).
        at: When they were answered, in event time (datetime64[us], UTC).
        version: Version of the arm that each was assigned to.
        arm: Name of that arm (objects: str): `stable`, `candidate`, or `pinned` where the caller named a version.
        answered_by: Version that answered; differs from `version` where the assigned arm failed.
        failed: Whether the assigned arm failed.
        score: What was answered; NaN where nobody could answer.
        baseline_score: What the stable arm would have answered, NaN where it wasn't asked.
        latency_s: Time that the whole request took inside the gateway.
        features: Input columns by name; empty when not asked for. A column that a request lacked is NaN or None.
        label: The outcome, NaN where it isn't known; all NaN unless labels were joined.
        errors: What failing arms said, and in how many requests.
    """

    prediction_id: np.ndarray
    at: np.ndarray
    version: np.ndarray
    arm: np.ndarray
    answered_by: np.ndarray
    failed: np.ndarray
    score: np.ndarray
    baseline_score: np.ndarray
    latency_s: np.ndarray
    features: dict[str, np.ndarray]
    label: np.ndarray
    errors: dict[str, int]

    def __len__(self) -> int:
        return len(self.score)

    def __repr__(self) -> str:
        known = int((~np.isnan(self.label)).sum())
        return f"Predictions({len(self)} rows, {len(self.features)} features, {known} labels)"

    def where(self, mask: np.ndarray) -> Predictions:
        """Return the rows that a boolean array of shape [rows] selects."""
        picked = {name: getattr(self, name)[mask] for name in _ROWWISE}
        features = {name: values[mask] for name, values in self.features.items()}
        return Predictions(**picked, features=features, errors=self.errors)


_ROWWISE = [name for name in Predictions.__struct_fields__ if name not in ("features", "errors")]


def append(project: Project, deployment: str, request_id: str, at: datetime, payload: Payload) -> bool:
    """Write the rows of one request; return False, changing nothing, when this request id is there already."""
    row = BatchRow(
        deployment=deployment,
        request_id=request_id,
        at=at,
        rows=len(payload.ids),
        format=packing.FORMAT,
        payload=packing.encode(payload),
    )
    with project.ledger.write("gateway") as tx:
        if not rows.add_batch(tx, row):
            return False
        if payload.is_answered:
            rows.add_predictions(tx, deployment, payload.ids, at)
        return True


def find(project: Project, deployment: str, request_id: str) -> Payload | None:
    """Return what was logged for a request, None when it was never answered."""
    with project.ledger.read() as connection:
        row = rows.find_batch(connection, deployment, request_id)
    return None if row is None else packing.decode(row.payload, row.format)


def scan(
    project: Project, deployment: str, since: datetime, until: datetime, *, features: bool | list[str] = True
) -> Predictions:
    """Return the rows that were answered in [since, until), and the failed attempts, oldest first.

    Args:
        project: Where to look.
        deployment: Whose rows.
        since: Beginning, in event time.
        until: End, excluded.
        features: Whether the input columns are wanted, or which of them.
    """
    with project.ledger.read() as connection:
        return _gather(rows.batches(connection, deployment, since, until), features)


def count(project: Project, deployment: str, since: datetime, until: datetime) -> int:
    """Return how many rows were logged in [since, until), without reading them."""
    with project.ledger.read() as connection:
        return rows.count_rows(connection, deployment, since, until)


def _gather(batches: Iterable[BatchRow], features: bool | list[str]) -> Predictions:
    parts: dict[str, list[np.ndarray]] = {name: [] for name in _ROWWISE}
    columns: list[tuple[int, dict[str, np.ndarray]]] = []
    errors: Counter[str] = Counter()
    for row in batches:
        payload = packing.decode(row.payload, row.format)
        size = len(payload.ids)
        for name, values in _rows_of(payload, row.at, size).items():
            parts[name].append(values)
        if payload.error:
            errors[payload.error] += 1
        if features is not False:
            unpacked = packing.unpack_features(payload.features)
            wanted = unpacked if features is True else {name: unpacked[name] for name in features if name in unpacked}
            columns.append((size, wanted))
    joined = {name: np.concatenate(values) if values else _EMPTY[name] for name, values in parts.items()}
    return Predictions(**joined, features=_join(columns), errors=dict(errors))


def _rows_of(payload: Payload, at: datetime, size: int) -> dict[str, np.ndarray]:
    ids = np.empty(size, dtype=object)
    ids[:] = payload.ids
    arm = np.frombuffer(payload.arm, dtype=np.uint8)
    versions = np.array([version for _, version in payload.arms], dtype=np.int64)
    names = np.array([name for name, _ in payload.arms], dtype=object)
    missing = np.full(size, np.nan)
    return {
        "prediction_id": ids,
        "at": np.full(size, np.datetime64(at.replace(tzinfo=None), "us")),
        "version": versions[arm],
        "arm": names[arm],
        "answered_by": versions[np.frombuffer(payload.answered_by, dtype=np.uint8)],
        "failed": np.frombuffer(payload.failed, dtype=np.bool_),
        "score": packing.floats(payload.score),
        "baseline_score": packing.floats(payload.baseline) if payload.baseline else missing,
        "latency_s": np.full(size, payload.latency_s),
        "label": missing,
    }


def _join(parts: list[tuple[int, dict[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    """Put the columns of all batches one after the other; a batch that lacks a column has missing values there."""
    names: dict[str, np.ndarray] = {}
    for _, columns in parts:
        for name, values in columns.items():
            names.setdefault(name, values)
    return {name: _join_one(name, first, parts) for name, first in names.items()}


def _join_one(name: str, first: np.ndarray, parts: list[tuple[int, dict[str, np.ndarray]]]) -> np.ndarray:
    lacking: Any = None if first.dtype == object else np.nan
    pieces = [
        columns[name] if name in columns else np.full(size, lacking, dtype=object if lacking is None else np.float64)
        for size, columns in parts
    ]
    return np.concatenate(pieces)


_EMPTY: dict[str, np.ndarray] = {
    "prediction_id": np.empty(0, dtype=object),
    "at": np.empty(0, dtype="datetime64[us]"),
    "version": np.empty(0, dtype=np.int64),
    "arm": np.empty(0, dtype=object),
    "answered_by": np.empty(0, dtype=np.int64),
    "failed": np.empty(0, dtype=np.bool_),
    "score": np.empty(0),
    "baseline_score": np.empty(0),
    "latency_s": np.empty(0),
    "label": np.empty(0),
}
