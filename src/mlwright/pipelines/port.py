"""What runs a step: the port that executors plug into, and what passes through it.

A `Task` is all that a worker needs, as JSON: wherever it runs (a local process, a container, another machine), the
worker starts through the same entry point (`mlwright exec <task file>`), reads its inputs by digest, writes its
outputs by digest, and leaves a `Report`. It commits nothing: the engine does, under its fence, so a late worker
changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from mlwright.errors import Unsupported
from mlwright.pipelines.faults import Failure
from mlwright.pipelines.spec import Entry, Output

TASK_FILE = "task.json"
REPORT_FILE = "report.json"
LOG_FILE = "log.txt"
JOURNAL_FILE = "journal"


class Cap(StrEnum):
    """What an executor may be unable to do."""

    ISOLATION = "isolation"
    TIMEOUT = "timeout"
    STOP = "stop"
    PARALLEL = "parallel"


class Stored(msgspec.Struct, frozen=True, kw_only=True, tag="stored"):
    """An input in the artifact store."""

    digest: str
    codec: str


class Plain(msgspec.Struct, frozen=True, kw_only=True, tag="plain"):
    """An input written in the task."""

    value: Any


class Many(msgspec.Struct, frozen=True, kw_only=True, tag="many"):
    """A list of inputs."""

    items: list[Input]


class Named(msgspec.Struct, frozen=True, kw_only=True, tag="named"):
    """A dict of inputs."""

    items: dict[str, Input]


Input = Stored | Plain | Many | Named


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one step.

    Attributes:
        run_id: The run.
        run_name: What people call it.
        step: The step's key.
        attempt: 1 for the first.
        step_run_id: Id of this attempt.
        entry: Where the function is.
        roots: Folders to import it from.
        inputs: Argument to value.
        outputs: What it gives.
        shape: How the outputs are one Python value.
        folder: Where the worker writes its report, log and journal; its own.
        settings: Of the project, as text: root, home, ledger, artifacts, actor, durability.
        event_time: Where the clock of a replay stands; None outside of one.
        env: Environment variables of the step.
        timeout_s: When it is to be stopped.
        allow_pickle: Consent to pickle.
        format_version: Of this format.
    """

    run_id: str
    step: str
    step_run_id: str
    entry: Entry
    folder: str
    settings: dict[str, str]
    run_name: str = ""
    attempt: int = 1
    roots: tuple[str, ...] = ()
    inputs: dict[str, Input] = {}
    outputs: tuple[Output, ...] = (Output(),)
    shape: Literal["single", "tuple", "named"] = "single"
    event_time: datetime | None = None
    env: dict[str, str] = {}
    timeout_s: float | None = None
    allow_pickle: bool = False
    format_version: int = 1


class StoredValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a step gave, in the artifact store.

    Attributes:
        name: Name of the output.
        digest: The artifact.
        codec: How it was written.
        type: What it was.
        size_bytes: How big it is.
        kind: `blob`, or `tree` when it names other artifacts.
    """

    name: str
    digest: str
    codec: str
    type: str
    size_bytes: int
    kind: str = "blob"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker leaves behind.

    Attributes:
        outputs: What it gave; empty when it failed.
        failure: Why it failed; None when it succeeded.
        uncacheable: Why the result must not be cached; empty when it may be.
    """

    outputs: tuple[StoredValue, ...] = ()
    failure: Failure | None = None
    uncacheable: str = ""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that has ended.

    Attributes:
        handle: What `start` returned for it.
        report: What the worker left; a worker that was killed has a failure of type `WorkerLost`.
        cpu_s: Processor time that it and its children used.
        peak_memory_bytes: The most memory that it used at once; None when that isn't known.
    """

    handle: str
    report: Report
    cpu_s: float | None = None
    peak_memory_bytes: int | None = None


class Executor(Protocol):
    """Runs tasks. Used by one engine, from one thread.

    Attributes:
        lacks: What it can't do, each with the reason.
    """

    lacks: ClassVar[dict[Cap, str]]

    def capacity(self) -> int:
        """Return how many tasks may run at once."""

    def start(self, task: Task) -> str:
        """Begin a task and return a handle for it.

        Raises:
            Unsupported: The task needs what this executor lacks.
        """

    def wait(self, timeout_s: float) -> list[Ended]:
        """Return the tasks that have ended since the last call, waiting up to `timeout_s` for the first.

        Each task is returned once, whatever happened to it.
        """

    def stop(self, handle: str) -> None:
        """End a task and everything that it started; it is not returned by `wait` any more.

        Raises:
            Unsupported: This executor can't.
        """

    def close(self) -> None:
        """Stop whatever runs and give back every resource; nothing is left behind."""


def refuse(executor: Executor, cap: Cap, what: str) -> None:
    """Raise `Unsupported` with the executor's reason when it lacks something."""
    reason = executor.lacks.get(cap)
    if reason is not None:
        raise Unsupported(f"{what}.", why=reason, fix="choose another executor: MLWRIGHT_EXECUTOR=process")


def read_report(folder: Path) -> Report | None:
    """Return what a worker left in its folder, None when it died before it could."""
    try:
        return msgspec.json.decode((folder / REPORT_FILE).read_bytes(), type=Report)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write_report(folder: Path, report: Report) -> None:
    """Leave a report, whole or not at all."""
    temporary = folder / f"{REPORT_FILE}.new"
    temporary.write_bytes(msgspec.json.encode(report))
    temporary.rename(folder / REPORT_FILE)
