"""Reading windows of the inference log: days are decoded once, because neighbouring windows share most of them."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from mlwright.ledger import inference, monitoring
from mlwright.serving import inference_log
from mlwright.serving.inference_log import Predictions

if TYPE_CHECKING:
    from mlwright.ledger import Connection
    from mlwright.project import Project

_DAY = timedelta(days=1)
# Decoded rows that are kept for the next windows.
_MOST_ROWS = 200_000


# A deployment, and the beginning and the end of a stretch of its log.
_Span = tuple[str, datetime, datetime]
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
        self._kept: OrderedDict[_Span, Predictions] = OrderedDict()
        self._known: dict[_Span, tuple[Predictions, object, np.ndarray]] = {}
        self._lock = threading.Lock()

    def read(
        self, deployment: str, since: datetime, until: datetime, *, known_by: datetime | None = None
    ) -> Predictions:
        """Return the rows answered in [since, until), with the labels that were known at `known_by`."""
        spans = []
        start = since
        while start < until:
            end = min(start + _DAY, until)
            spans.append((deployment, start, end))
            start = end
        stretches = self._stretches(spans)
        found = join(stretches)
        if known_by is not None:
            with self._project.ledger.read() as connection:
                parts = [
                    self._labels(connection, span, stretch, known_by)
                    for span, stretch in zip(spans, stretches, strict=True)
                ]
            found.label = np.concatenate(parts)
        return found

    def _labels(self, connection: Connection, span: _Span, stretch: Predictions, known_by: datetime) -> np.ndarray:
        """Return the labels of a stretch's rows; they are read again only when they have changed."""
        state = monitoring.label_state(connection, *span, known_by=known_by)
        kept = self._known.get(span)
        if kept is not None and kept[0] is stretch and kept[1] == state:
            return kept[2]
        labels = inference.labels_between(connection, *span, known_by=known_by)
        found = np.array([labels.get(id_, np.nan) for id_ in stretch.prediction_id.tolist()], dtype=np.float64)
        self._known[span] = (stretch, state, found)
        return found

    def _stretches(self, spans: list[_Span]) -> list[Predictions]:
        """Return the rows of stretches that lie one after the other."""
        with self._lock:
            kept = {span: self._kept[span] for span in spans if span in self._kept}
        kept |= {span: self._decode(span) for span in spans if span not in kept}
        # One question tells whether any of them has grown; only then each of them is asked.
        if self._count(spans[0][0], spans[0][1], spans[-1][2]) != sum(map(len, kept.values())):
            kept |= {span: self._decode(span) for span in spans if self._count(*span) != len(kept[span])}
        self._keep(kept)
        return [kept[span] for span in spans]

    def _count(self, deployment: str, since: datetime, until: datetime) -> int:
        return inference_log.count(self._project, deployment, since, until)

    def _decode(self, span: _Span) -> Predictions:
        return inference_log.scan(self._project, *span)

    def _keep(self, found: dict[_Span, Predictions]) -> None:
        with self._lock:
            for span, stretch in found.items():
                self._kept[span] = stretch
                self._kept.move_to_end(span)
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _MOST_ROWS:
                gone, _ = self._kept.popitem(last=False)
                self._known.pop(gone, None)


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
