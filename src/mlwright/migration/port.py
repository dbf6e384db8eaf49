"""The port through which facts come from another tracker: each kind of source is read by an adapter.

A source is only read. Its times are milliseconds since 1970, its texts are what the other tracker's users wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal, Protocol

import msgspec

from mlwright.ledger.datasets import Dataset

#: Step, milliseconds since 1970 and value of a point.
PointFound = tuple[int, int, float]


class ExperimentFound(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment of a source."""

    id: str
    name: str
    tags: dict[str, str] = {}
    created_ms: int = 0
    changed_ms: int = 0
    is_deleted: bool = False


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """What a source tells of a metric without its points.

    Attributes:
        key: The metric.
        step: Largest step.
        at_ms: Its time.
        value: Its value.
        count: How many points, where the source can tell.
    """

    key: str
    step: int
    at_ms: int
    value: float
    count: int | None = None


class DatasetUse(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset that a run used; the context is among the tags."""

    dataset: Dataset
    tags: dict[str, str] = {}


class ModelLink(msgspec.Struct, frozen=True, kw_only=True):
    """A logged model that a run took or made."""

    model_id: str
    role: Literal["input", "output"]
    step: int = 0


class RunFound(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a source.

    Attributes:
        id: The source's id.
        experiment_id: The source's id of its experiment.
        name: What people call it.
        status: scheduled, running, succeeded, failed or cancelled.
        started_ms: When it began.
        ended_ms: When it ended; None when it didn't, or nobody knows.
        user: Whose it is.
        is_deleted: True when it is in the source's bin.
        artifact_uri: Where its artifacts are.
        params: Its params.
        tags: Its tags.
        latest: Its metrics.
        datasets: What it used.
        models: The logged models that it took and made.
    """

    id: str
    experiment_id: str
    name: str
    status: str
    started_ms: int
    ended_ms: int | None
    user: str
    is_deleted: bool
    artifact_uri: str
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    latest: list[Latest] = []
    datasets: list[DatasetUse] = []
    models: list[ModelLink] = []


class ModelPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a metric of a logged model."""

    key: str
    value: float
    step: int
    at_ms: int
    run_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class LoggedFound(msgspec.Struct, frozen=True, kw_only=True):
    """A logged model of a source; its status is one of `ledger.logged_models.Status`."""

    id: str
    experiment_id: str
    name: str
    status: str
    artifact_uri: str
    created_ms: int
    changed_ms: int
    status_message: str = ""
    model_type: str = ""
    run_id: str = ""
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[ModelPoint] = []
    is_deleted: bool = False


class VersionFound(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a registered model of a source; `files_uri` is where its files are, if the source tells."""

    version: int
    created_ms: int
    source: str
    files_uri: str = ""
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""
    description: str = ""
    user: str = ""
    stage: str = "None"
    status: str = "ready"
    tags: dict[str, str] = {}


class ModelFound(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model of a source."""

    name: str
    created_ms: int
    description: str = ""
    tags: dict[str, str] = {}
    aliases: dict[str, int] = {}
    versions: list[VersionFound] = []


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Whose files are meant, and where the source says that they are."""

    kind: Literal["run", "model", "version"]
    owner: str
    uri: str


class FileFound(msgspec.Struct, frozen=True):
    """A file of a source: its path within its place, and its size where the source tells it."""

    path: str
    size_bytes: int | None


class Source(Protocol):
    """Reads one store of another tracker. What it reads is never changed.

    Every method raises `NotFound` for what isn't there, `InvalidInput` for what is damaged, `PermissionDenied` where
    reading is refused, and `ServerUnavailable` when the store is out of reach.

    Attributes:
        location: Where the source is, without secrets.
    """

    location: str

    def experiments(self) -> list[ExperimentFound]:
        """Return all experiments, deleted ones too."""

    def runs(self, experiment_ids: list[str]) -> Iterator[RunFound]:
        """Go through the runs of experiments, deleted ones too, each after the run that it is part of."""

    def points(self, run: RunFound, key: str) -> Iterator[list[PointFound]]:
        """Go through all points of a metric, in batches."""

    def logged_models(self, experiment_ids: list[str]) -> Iterator[LoggedFound]:
        """Go through the logged models of experiments."""

    def models(self) -> Iterator[ModelFound]:
        """Go through the registered models."""

    def files(self, place: Place) -> list[FileFound]:
        """Return all files at a place."""

    def fetch(self, place: Place, path: str, file: BinaryIO) -> None:
        """Write a file at a place into an open file; called by several threads at once."""

    def close(self) -> None:
        """Give back what the source holds open."""
