"""What an import or export did, or would do, counted as it goes."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct, kw_only=True):
    """What is new, counted, and what was there already.

    Attributes:
        experiments: New experiments.
        runs: New runs.
        runs_changed: Runs that were there and have something new.
        runs_known: Runs that were there and have nothing new.
        points: New points of metrics.
        artifacts: New files of runs and logged models.
        artifact_bytes: Their size.
        logged_models: New logged models.
        models: New registered models.
        versions: New versions of registered models.
        aliases: Aliases that were set or moved.
    """

    experiments: int = 0
    runs: int = 0
    runs_changed: int = 0
    runs_known: int = 0
    points: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0
    logged_models: int = 0
    models: int = 0
    versions: int = 0
    aliases: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing new at all."""
        return not any(getattr(self, name) for name in self.__struct_fields__ if name != "runs_known")


class Note(msgspec.Struct, frozen=True):
    """Something that could not be brought as it was: what it is about, and what became of it."""

    about: str
    text: str


class Report(msgspec.Struct, kw_only=True):
    """What was done.

    Attributes:
        source: Where from.
        target: Where to.
        dry_run: True when nothing was written.
        counts: How much.
        notes: What was left out, or brought in another form, and why.
        more_notes: How many notes were not kept.
    """

    source: str
    target: str
    dry_run: bool
    counts: Counts
    notes: list[Note] = []
    more_notes: int = 0
