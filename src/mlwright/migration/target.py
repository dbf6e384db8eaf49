"""The port through which facts go to another tracker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from mlwright.migration.port import DatasetUse, FileFound, ModelFound, PointFound, RunFound


class NewRunThere(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a target shall make."""

    experiment_id: str
    name: str
    started_ms: int
    user: str
    tags: dict[str, str]


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """What a run at a target gets; points by metric."""

    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    datasets: list[DatasetUse] = []


class NewVersionThere(msgspec.Struct, frozen=True, kw_only=True):
    """A version that a target shall make of files that a run has there."""

    model: str
    run_id: str
    source: str
    description: str
    tags: dict[str, str]


class Target(Protocol):
    """Writes to another tracker: only what is asked for, and it deletes nothing.

    Every method raises `InvalidInput` for what the target doesn't take, `PermissionDenied` where it refuses, and
    `ServerUnavailable` when it is out of reach.
    """

    def describe(self) -> str:
        """Return where the target is, without secrets."""

    def experiments(self) -> dict[str, tuple[str, bool]]:
        """Return all experiments by name: their ids, and whether they are deleted."""

    def create_experiment(self, name: str, tags: dict[str, str]) -> str:
        """Make an experiment and return its id."""

    def runs(self, experiment_id: str) -> Iterator[RunFound]:
        """Go through all runs of an experiment, deleted ones too."""

    def create_run(self, new: NewRunThere) -> RunFound:
        """Make a run that is running."""

    def log(self, run_id: str, logged: Logged) -> None:
        """Give a run params, tags and datasets."""

    def log_points(self, run_id: str, key: str, points: list[PointFound]) -> None:
        """Append points to a metric of a run."""

    def points(self, run: RunFound, key: str) -> Iterator[list[PointFound]]:
        """Go through all points of a metric of a run."""

    def end_run(self, run_id: str, status: str, ended_ms: int | None) -> None:
        """Set how a run stands."""

    def files(self, run: RunFound) -> list[FileFound]:
        """Return the files of a run."""

    def upload(self, run: RunFound, path: str, file: Path) -> None:
        """Give a run a file; one of this name is replaced."""

    def models(self) -> Iterator[ModelFound]:
        """Go through the registered models."""

    def create_model(self, name: str, description: str, tags: dict[str, str]) -> None:
        """Make a registered model."""

    def create_version(self, new: NewVersionThere) -> int:
        """Make a version and return its number."""

    def set_stage(self, model: str, version: int, stage: str) -> None:
        """Move a version to a stage."""

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Let an alias point at a version."""

    def close(self) -> None:
        """Give back what the target holds open."""
