"""What a journal holds: one small struct for each kind of record, written as MessagePack."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger needs to know to create the run of a plain script.

    Attributes:
        name: What people call it.
        experiment: The experiment that it belongs to; created when it doesn't exist.
        actor: Who started it.
        source: Where the code is from.
        parent_id: The run that it is part of.
        note: What people should know of it.
        resumed: True when the run was there before and goes on.
    """

    name: str
    experiment: str
    actor: str
    source: dict[str, Any] = {}
    parent_id: str | None = None
    note: str = ""
    resumed: bool = False


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="open"):
    """The first record of every journal.

    Attributes:
        journal_id: The journal's id; with a record's place it names the record for ever.
        run_id: The run that everything in this journal belongs to.
        step: The step, empty for a plain script.
        attempt: The attempt at the step.
        owner: The process that writes it, as `ledger.leases` names processes; empty when an engine watches it.
        at: When, by the system's clock.
        run: Set for a plain script's journal: the run that it begins.
    """

    journal_id: str
    run_id: str
    at: datetime
    step: str = ""
    attempt: int = 1
    owner: str = ""
    run: NewRun | None = None


class Points(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="metrics"):
    """One call of `log_metrics`: a value for each key, all at one moment."""

    values: dict[str, tuple[int, float]]
    at: datetime


class Params(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="params"):
    """One call of `log_params`."""

    values: dict[str, Any]


class Tags(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="tags"):
    """One call of `set_tags`."""

    values: dict[str, str]


class Artifact(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="artifact"):
    """One call of `log_artifact`; the bytes are in the store already."""

    name: str
    digest: str
    codec: str
    type: str
    size_bytes: int
    at: datetime


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="note"):
    """One call of `set_note`."""

    text: str


class Captured(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="captured"):
    """What was found out about the code and the Python environment of a run."""

    source: dict[str, Any]
    environment_digest: str | None = None


class Used(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="dataset"):
    """One call of `log_dataset`; see `mlwright.ledger.datasets.Dataset` for the fields that it shares."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    context: str = ""
    tags: dict[str, str] = {}


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="close"):
    """The last record of a plain script's journal: how the run ended."""

    status: str
    at: datetime
    duration_s: float
    error: dict[str, Any] | None = None


Record = Opened | Points | Params | Tags | Artifact | Noted | Captured | Used | Closed
