"""A run that can be logged to. Logging appends to a local journal and returns; it never waits for the ledger."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.clock import Clock, SystemClock
from mlwright.core.ids import short
from mlwright.errors import Conflict, InvalidInput
from mlwright.tracking.journal import Journal
from mlwright.tracking.records import Artifact, Params, Points, Record, Tags

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore
    from mlwright.project import Project

_MAX_KEY = 250


class Run:
    """The run of a script, or of a pipeline as one of its steps sees it. Safe to share between threads.

    Args:
        id: The run's id.
        open_journal: Makes the journal; called at the first record.
        open_store: Opens the artifact store; called at the first artifact.
        step: The step's key in its pipeline; empty in a plain script.
        name: What people call the run.
        clock: What records are stamped with.

    Attributes:
        id: The run's id.
        step: The step's key in its pipeline; empty in a plain script.
        name: What people call the run.
        project_source: Opens the project that the step belongs to; None when that is the process's own.
        uncacheable: Why the step's result must not be cached; empty when it may be.
    """

    def __init__(
        self,
        id: str,
        *,
        open_journal: Callable[[], Journal],
        open_store: Callable[[], ArtifactStore],
        step: str = "",
        name: str = "",
        clock: Clock | None = None,
    ) -> None:
        self.id = id
        self.step = step
        self.name = name
        self.project_source: Callable[[], Project] | None = None
        self.uncacheable = ""
        self.clock: Clock = clock or SystemClock()
        self._open_journal = open_journal
        self._open_store = open_store
        self._journal: Journal | None = None
        self._closed = False
        self._next_step: dict[str, int] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        step = f", step={self.step!r}" if self.step else ""
        return f"Run({short(self.id)!r}{step})"

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; a key that was logged before takes the new value.

        Raises:
            InvalidInput: A value isn't JSON, or a key is empty or too long.
        """
        self._append(Params(values={_key(key, "parameter"): _json(key, value) for key, value in values.items()}))

    def log_metrics(self, values: Mapping[str, float], *, step: int | None = None) -> None:
        """Log one value of each metric; NaN and infinities are kept.

        Args:
            values: Metric to value.
            step: Place on the metric's axis; by default one more than its last (the first is 0).

        Raises:
            InvalidInput: A value is no number, or a key is empty or too long.
        """
        points = {_key(key, "metric"): _number(key, value) for key, value in values.items()}
        with self._lock:
            placed = {key: (self._next_step.get(key, 0) if step is None else step, points[key]) for key in points}
            self._next_step.update({key: place + 1 for key, (place, _) in placed.items()})
        self._append(Points(values=placed, at=self.clock.now()))

    def set_tags(self, values: Mapping[str, str]) -> None:
        """Set tags; a tag that was set before takes the new value."""
        self._append(Tags(values={_key(key, "tag"): str(value) for key, value in values.items()}))

    def log_artifact(self, name: str, value: Any, *, codec: str | None = None, allow_pickle: bool = False) -> str:
        """Keep a value, a file or a folder (as `pathlib.Path`) under a name of this run.

        Args:
            name: Name within the run; logged again, it stands for the new content.
            value: What to keep.
            codec: How to write it; chosen by type when not given.
            allow_pickle: Consent to pickle a value of a type that nothing else knows.

        Returns:
            The digest of what was kept.

        Raises:
            TypeMismatch: No codec knows the value's type.
        """
        from mlwright.artifacts import codecs

        saved = codecs.save(self._open_store(), value, codec=codec, allow_pickle=allow_pickle)
        self._append(
            Artifact(
                name=_key(name, "artifact"),
                digest=saved.digest,
                codec=saved.codec,
                type=saved.type,
                size_bytes=saved.size_bytes,
                at=self.clock.now(),
            )
        )
        return saved.digest

    @property
    def has_journal(self) -> bool:
        """True once something was logged."""
        return self._journal is not None

    def close(self, last: Record | None = None) -> None:
        """Write a last record and close the journal; logging afterwards is refused."""
        if last is not None:
            self._append(last)
        self._closed = True
        if self._journal is not None:
            self._journal.close()

    def _append(self, record: Record) -> None:
        if self._closed:
            raise Conflict(
                f"run {short(self.id)} has ended and can't be logged to.", fix="log inside its `with start_run()` block"
            )
        with self._lock:
            if self._journal is None:
                self._journal = self._open_journal()
        self._journal.append(record)


def _key(key: str, noun: str) -> str:
    if not isinstance(key, str) or not key or len(key) > _MAX_KEY:
        raise InvalidInput(f"{key!r} is no name for a {noun}.", fix=f"use a text of 1 to {_MAX_KEY} characters")
    return key


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(
            f"the metric '{key}' has the value {value!r}, which is no number.",
            why=f"its type is {type(value).__name__}",
            fix="log a number; texts and structures go to log_params",
        ) from None


def _json(key: str, value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    try:
        plain = msgspec.to_builtins(value, str_keys=True)
    except (TypeError, msgspec.MsgspecError):
        raise InvalidInput(
            f"the parameter '{key}' is a {type(value).__name__}, which is not JSON.",
            fix="log a text, a number, or lists and dicts of them; anything else goes to log_artifact",
        ) from None
    if isinstance(plain, float) and not math.isfinite(plain):
        return str(plain)
    return plain
