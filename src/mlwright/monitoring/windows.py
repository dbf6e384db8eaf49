"""Reading windows of the inference log: days are decoded once, because neighbouring windows share most of them."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from mlwright.ledger import inference as rows
from mlwright.serving import inference_log
from mlwright.serving.inference_log import Predictions

if TYPE_CHECKING:
    from mlwright.project import Project

_DAY = timedelta(days=1)
# Decoded rows that are kept for the next windows.
_MOST_ROWS = 200_000


# One for each open project, so that an evaluation finds the days that the one before has decoded.
_open: WeakKeyDictionary[Project, Windows] = WeakKeyDictionary()


class Windows:
    """Reads windows of one project's inference log. Safe to share between threads.

    A stretch that was read before is decoded again only when the log has grown in it since.

    Args:
        project: Whose log.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._kept: OrderedDict[tuple[str, datetime, datetime], Predictions] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self, deployment: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> Predictions:
        """Return the rows answered in [since, until), with the labels that were known at `known_by`."""
        parts = []
        start = since
        while start < until:
            end = min(start + _DAY, until)
            parts.append(self._stretch(deployment, start, end))
            start = end
        found = join(parts)
        if known_by is not None:
            with self._project.ledger.read() as connection:
                labels = rows.labels_between(connection, deployment, since, until, known_by=known_by)
            known = [labels.get(id_, np.nan) for id_ in found.prediction_id.tolist()]
            found.label = np.array(known, dtype=np.float64)
        return found

    def _stretch(self, deployment: str, since: datetime, until: datetime) -> Predictions:
        key = (deployment, since, until)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and len(kept) == inference_log.count(self._project, deployment, since, until):
            return kept
        found = inference_log.scan(self._project, deployment, since, until)
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _MOST_ROWS:
                self._kept.popitem(last=False)
        return found


def windows_of(project: Project) -> Windows:
    """Return the one reader of a project's windows."""
    return _open.setdefault(project, Windows(weakref.proxy(project)))


def join(parts: list[Predictions]) -> Predictions:
    """Put stretches one after the other; a column that one of them lacks is missing there."""
    plain = [name for name in Predictions.__struct_fields__ if name not in ("features", "errors")]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in plain}
    kinds: dict[str, np.dtype[np.generic]] = {}
    for part in parts:
        for name, values in part.features.items():
            kinds.setdefault(name, values.dtype)
    features = {name: np.concatenate([_column(part, name, kind) for part in parts]) for name, kind in kinds.items()}
    errors = {text: sum(part.errors.get(text, 0) for part in parts) for part in parts for text in part.errors}
    return Predictions(**joined, features=features, errors=errors)


def _column(part: Predictions, name: str, kind: np.dtype[np.generic]) -> np.ndarray:
    if name in part.features:
        return part.features[name]
    text = kind == np.dtype(object)
    return np.full(len(part), None if text else np.nan, dtype=object if text else np.float64)


def days_of(found: Predictions, until: datetime) -> np.ndarray:
    """Return the day of each row, counted back from the end of the window in stretches of 24 hours."""
    end = np.datetime64(until.replace(tzinfo=None), "us")
    before = (end - found.at).astype("timedelta64[us]").astype(np.int64) - 1
    return np.asarray(before // (86_400 * 1_000_000))
