"""A run that can be logged to. Logging appends to a local journal and returns; it never waits for the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright.core.clock import Clock, SystemClock
from mlwright.core.ids import short
from mlwright.errors import Conflict
from mlwright.tracking import forking
from mlwright.tracking.checking import MOST_STEP, name_of, number_of, plain_of, step_of, text_of
from mlwright.tracking.journal import Journal
from mlwright.tracking.records import Artifact, Noted, Params, Points, Record, Tags

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore
    from mlwright.project import Project
    from mlwright.tracking.datasets import Described
    from mlwright.tracking.output import Output


#: Where MLflow's clients keep what they write about a run.
NOTE_TAG = "mlflow.note.content"


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
        outer: The run that it was begun in.
        output: What keeps its prints; None when nothing does.
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
        self.outer: Run | None = None
        self.output: Output | None = None
        self.project_source: Callable[[], Project] | None = None
        self.uncacheable = ""
        self.clock: Clock = clock or SystemClock()
        self._open_journal = open_journal
        self._open_store = open_store
        self._journal: Journal | None = None
        self._closed = False
        self._next_step: dict[str, int] = {}
        self._lock = threading.Lock()
        forking.watch(self)

    def __repr__(self) -> str:
        step = f", step={self.step!r}" if self.step else ""
        return f"Run({short(self.id)!r}{step})"

    def log_params(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Log parameters of any JSON type; a key that was logged before takes the new value.

        Raises:
            InvalidInput: A value isn't JSON, or a key is empty or too long.
        """
        found = {**(values or {}), **more}
        self._append(Params(values={name_of(key, "parameter"): plain_of(key, value) for key, value in found.items()}))

    def log_metrics(
        self, values: Mapping[str, float] | None = None, /, *, step: int | None = None, **more: float
    ) -> None:
        """Log one value of each metric; NaN and infinities are kept.

        Args:
            values: Metric to value.
            step: Place on the metric's axis; by default one more than its last (the first is 0).
            more: Further metrics.

        Raises:
            InvalidInput: A value is no number, or a key is empty or too long.
        """
        found = {**(values or {}), **more} if more else values or {}
        known = self._next_step
        points = {key if key in known else name_of(key, "metric"): number_of(key, found[key]) for key in found}
        at = None if step is None else step_of(step)
        with self._lock:
            placed = {key: (known.get(key, 0) if at is None else at, value) for key, value in points.items()}
            # What was logged at the very last step stays there.
            known.update({key: place + (place < MOST_STEP) for key, (place, _) in placed.items()})
        self._append(Points(values=placed, at=self.clock.now()))

    def set_tags(self, values: Mapping[str, str] | None = None, /, **more: str) -> None:
        """Set tags; one that was set before takes the new value. The tag in which MLflow keeps the note is the note."""
        found = {**(values or {}), **more}
        note = found.pop(NOTE_TAG, None)
        if note is not None:
            self.set_note(note)
            if not found:
                return
        self._append(Tags(values={name_of(key, "tag"): text_of(key, value) for key, value in found.items()}))

    def set_note(self, text: str) -> None:
        """Set what people should know of the run; it takes the place of the note before."""
        self._append(Noted(text=text_of("note", text, "note")))

    def log_artifact(self, name: str, value: Any, *, codec: str | None = None, allow_pickle: bool = False) -> str:
        """Keep a value, a file or a folder (as `pathlib.Path`) under a name of this run.

        Args:
            name: Name within the run, a path; logged again, it stands for the new content.
            value: What to keep.
            codec: How to write it; chosen by type when not given.
            allow_pickle: Consent to pickle a value of a type that nothing else knows.

        Returns:
            The digest of what was kept.

        Raises:
            TypeMismatch: No codec knows the value's type.
        """
        from mlwright.artifacts import codecs

        name_of(name, "artifact")
        self._refuse_if_ended()
        saved = codecs.save(self._open_store(), value, codec=codec, allow_pickle=allow_pickle)
        self._append(
            Artifact(
                name=name,
                digest=saved.digest,
                codec=saved.codec,
                type=saved.type,
                size_bytes=saved.size_bytes,
                at=self.clock.now(),
            )
        )
        return saved.digest

    def log_text(self, name: str, text: str) -> str:
        """Keep a text, as it is, under a name like `notes.txt`; return its digest."""
        return self.log_artifact(name, text_of(name, text, "artifact"), codec="text")

    def log_dict(self, name: str, value: Any) -> str:
        """Keep lists and dicts as JSON text under a name like `config.json`; return its digest."""
        from mlwright.tracking import contents

        return self.log_artifact(name, contents.json_text(name, value), codec="text")

    def log_table(self, name: str, rows: Any) -> str:
        """Keep a table under a name; return its digest.

        Args:
            name: Name within the run.
            rows: A list of dicts or a dict of lists, kept as JSON (`columns` and `data`); or a table of pyarrow, pandas
                or polars, kept as an Arrow file.
        """
        from mlwright.tracking import contents

        value, codec = contents.table(name, rows)
        return self.log_artifact(name, value, codec=codec)

    def log_figure(self, name: str, figure: Any) -> str:
        """Keep a figure of matplotlib or plotly; return the digest of its first file.

        Args:
            name: With a suffix (`.png`, `.svg`, `.pdf`, `.html`, `.json`) that file only; without, what suits the
                figure: `.png` and `.svg`, or `.html` and `.json`.
            figure: The figure.
        """
        from mlwright.tracking import contents

        digests = [self.log_artifact(*file) for file in contents.figure(name, figure)]
        return digests[0]

    def log_image(self, name: str, image: Any) -> str:
        """Keep an image as PNG; return its digest.

        Args:
            name: Name within the run; `.png` is added when it has no suffix.
            image: An image of PIL, or an array of height x width, or height x width x (1, 3 or 4): bytes from 0 to 255,
                or fractions from 0 to 1.
        """
        from mlwright.tracking import contents

        return self.log_artifact(*contents.image(name, image))

    def log_dataset(self, data: Any, *, name: str = "", context: str = "") -> Described:
        """Note which data the run used: digest of its content, columns and row count. The data itself isn't kept.

        Args:
            data: A file or folder (as `pathlib.Path` or text), a table of pyarrow, pandas or polars, a NumPy
                array, or a dict of arrays.
            name: What people call it; the file's name, or the digest's beginning, when not given.
            context: What it is used for: training, validation, test, ...
        """
        from mlwright.tracking import datasets

        found = datasets.describe(data, name=name)
        self._append(found.as_record(text_of("context", context, "dataset")))
        return found

    def log_confusion_matrix(
        self, y_true: Any, y_pred: Any, *, labels: Sequence[Any] | None = None, name: str = "confusion"
    ) -> dict[str, float]:
        """Keep which class was taken for which: numbers (`.json`), drawing (`.svg`), and accuracy and F1 as metrics.

        Args:
            y_true: The class of each row.
            y_pred: The class that was predicted.
            labels: The classes in the order to show them; all that occur, sorted, by default.
            name: Name of the two files; a folder in it (`valid/confusion`) begins the metrics' names too.

        Returns:
            The metrics that were logged.
        """
        from mlwright.tracking import evaluation

        return evaluation.log(self, name, evaluation.confusion(y_true, y_pred, labels))

    def log_roc(self, y_true: Any, y_score: Any, *, positive: Any = None, name: str = "roc") -> dict[str, float]:
        """Keep the ROC curve: numbers, drawing, and the area under it as metric `auc`.

        Args:
            y_true: The class of each row: two classes, or as many as the scores have columns.
            y_score: A score for each row, higher for the positive class; or one column for each class, in sorted order.
            positive: The positive one of two classes; the larger one by default.
            name: Name of the two files; a folder in it begins the metric's name too.

        Returns:
            The metrics that were logged.
        """
        from mlwright.tracking import evaluation

        return evaluation.log(self, name, evaluation.roc(y_true, y_score, positive))

    def log_precision_recall(
        self, y_true: Any, y_score: Any, *, positive: Any = None, name: str = "precision_recall"
    ) -> dict[str, float]:
        """Keep precision over recall: numbers, drawing, metric `average_precision`; arguments as `log_roc` has them."""
        from mlwright.tracking import evaluation

        return evaluation.log(self, name, evaluation.precision_recall(y_true, y_score, positive))

    def log_calibration(
        self, y_true: Any, y_prob: Any, *, positive: Any = None, bins: int = 10, name: str = "calibration"
    ) -> dict[str, float]:
        """Keep how often what was given a probability came true: numbers, drawing, metrics `brier` and `ece`.

        Args:
            y_true: The class of each row, one of two.
            y_prob: Probability of the positive class, from 0 to 1.
            positive: The positive class; the larger one by default.
            bins: Into how many equal parts the probabilities are divided.
            name: Name of the two files; a folder in it begins the metrics' names too.

        Returns:
            The metrics that were logged.
        """
        from mlwright.tracking import evaluation

        return evaluation.log(self, name, evaluation.calibration(y_true, y_prob, positive, bins))

    @property
    def has_journal(self) -> bool:
        """True once something was logged."""
        return self._journal is not None

    @property
    def has_ended(self) -> bool:
        """True once nothing can be logged any more."""
        return self._closed

    def close(self, last: Record | None = None) -> None:
        """Write a last record and close the journal; logging afterwards is refused."""
        if last is not None:
            self._append(last)
        self._closed = True
        if self._journal is not None:
            self._journal.close()

    def renew_after_fork(self) -> None:
        """Forget who held the lock in the parent process."""
        self._lock = threading.Lock()

    def keep(self, record: Record) -> None:
        """Append a record that has no function of its own."""
        self._append(record)

    def keep_file(self, name: str, path: Path) -> None:
        """Keep the bytes of a file under a name, as they are."""
        blob = self._open_store().put(path)
        self._append(
            Artifact(
                name=name, digest=blob.digest, codec="text", type="str", size_bytes=blob.size_bytes, at=self.clock.now()
            )
        )

    def _append(self, record: Record) -> None:
        journal = self._journal
        if self._closed or journal is None:
            self._refuse_if_ended()
            with self._lock:
                if self._journal is None:
                    self._journal = self._open_journal()
                journal = self._journal
        journal.append(record)

    def _refuse_if_ended(self) -> None:
        if self._closed:
            raise Conflict(
                f"run {short(self.id)} has ended and can't be logged to.",
                fix="log inside its `with start_run()` block, or go on with it: start_run(resume=its id)",
            )
