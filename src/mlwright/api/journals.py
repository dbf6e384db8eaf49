"""Endpoints that take what scripts on other machines log: their journals, and the artifacts that those name."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from mlwright.api.endpoint import Endpoint, Input, Whole
from mlwright.errors import IntegrityError, InvalidInput

if TYPE_CHECKING:
    from mlwright.project import Project

_MOST_BYTES = 32 * 1024 * 1024
_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z]{26}$")]
_Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_Name = Annotated[str, msgspec.Meta(max_length=1000)]


class ScriptRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run that a journal begins or goes on with.

    Attributes:
        name: What people call it.
        experiment: The experiment that it belongs to.
        actor: Who started it.
        source: Where the code is from.
        parent_id: The run that it is part of.
        note: What people should know of it.
        resumed: True when the run was there before and goes on.
    """

    name: _Name
    experiment: _Name
    actor: _Name
    source: dict[str, Any] = {}
    parent_id: _Id | None = None
    note: str = ""
    resumed: bool = False


class JournalHead(msgspec.Struct, frozen=True, kw_only=True):
    """The first record of a journal.

    Attributes:
        journal_id: Its id.
        run_id: The run that it belongs to.
        at: When it was begun.
        run: The run.
        kind: Always `open`.
        owner: The process that writes it.
        step: Always empty.
        attempt: Always 1.
    """

    journal_id: _Id
    run_id: _Id
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    run: ScriptRun
    kind: Literal["open"] = "open"
    owner: str = ""
    step: Annotated[str, msgspec.Meta(max_length=0)] = ""
    attempt: Literal[1] = 1


class LostRun(msgspec.Struct, frozen=True, kw_only=True):
    """That a journal's process died before it closed the run.

    Attributes:
        at: When that was found.
        duration_s: How long it is known to have lived.
        status: How the run ended.
        error: What is known of the cause.
        kind: Always `close`.
    """

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    duration_s: Annotated[float, msgspec.Meta(ge=0, le=1e12)]
    status: Annotated[str, msgspec.Meta(pattern="^(failed|cancelled)$")] = "failed"
    error: dict[str, Any] | None = None
    kind: Literal["close"] = "close"


class AppendJournal(Input, frozen=True, kw_only=True):
    """A part of a journal.

    Attributes:
        opened: The journal's first record.
        offset: Where the part stands in the journal.
        frames: Whole frames, in Base64; none asks how far the journal is known.
        lost: Set when its process died before it closed the run.
    """

    opened: JournalHead
    offset: Whole = 0
    frames: Annotated[bytes, msgspec.Meta(extra_json_schema={"pattern": _BASE64})] = b""
    lost: LostRun | None = None


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal is known now.

    Attributes:
        position: Everything before this offset is in the ledger; the next part begins here.
        closed: True when the part held the journal's last record.
    """

    position: int
    closed: bool


class FindResumable(Input, frozen=True, kw_only=True):
    """Which run to go on with.

    Attributes:
        run: Its id; empty to look for the name.
        name: Its name: the newest of this name is meant.
        experiment: The experiment to look in.
    """

    run: str = ""
    name: str = ""
    experiment: str = ""


class ResumableRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that can be gone on with.

    Attributes:
        run_id: Its id.
        name: What people call it.
        experiment: Its experiment.
        status: How it stands.
        steps: For each metric, the place that its next value takes.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    steps: dict[str, int]


class FindMissing(Input, frozen=True, kw_only=True):
    """Which artifacts are asked for.

    Attributes:
        digests: Their digests.
    """

    digests: Annotated[list[_Digest], msgspec.Meta(max_length=100_000)]


class MissingBlobs(msgspec.Struct, frozen=True, kw_only=True):
    """Which artifacts the store doesn't have.

    Attributes:
        missing: Their digests.
    """

    missing: list[str]


def append_journal(project: Project, given: AppendJournal) -> Appended:
    """Write the records of a part that are new; sent again, it changes nothing."""
    from mlwright.ledger import tracked
    from mlwright.tracking import arrivals, shipping
    from mlwright.tracking.journal import Received
    from mlwright.tracking.records import Closed, Opened

    if len(given.frames) > _MOST_BYTES:
        raise InvalidInput(f"the part is larger than {_MOST_BYTES} bytes.", fix="send it in several parts")
    opened = msgspec.convert(msgspec.to_builtins(given.opened), Opened)
    part = Received(given.frames, given.offset)
    with project.ledger.write(given.opened.run.actor or project.actor) as tx:
        known = tracked.read_journal(tx.connection, opened.journal_id)
        position = known.position if known else 0
        closed = False
        fits = given.offset <= position if known else bool(given.frames)
        while fits and not closed and position < given.offset + len(given.frames):
            try:
                batch = shipping.ship_batch(tx, part, opened, since=given.offset)
            except IntegrityError as error:
                raise InvalidInput("the part holds a record that can't be read.", why=error.why) from error
            fits = batch.count > 0
            position, closed = batch.end, batch.closed
        if given.lost is not None and known is not None:
            arrivals.end_run(tx, opened.run_id, msgspec.convert(msgspec.to_builtins(given.lost), Closed))
    return Appended(position=position, closed=closed)


def find_resumable(project: Project, given: FindResumable) -> ResumableRun:
    """Return the run to go on with, and where each of its metrics stopped."""
    from mlwright.errors import NotFound
    from mlwright.ledger import resuming

    with project.ledger.read() as connection:
        found = resuming.find_resumable(connection, run_id=given.run, name=given.name, experiment=given.experiment)
    if found is None:
        raise NotFound(f"there is no run '{given.run or given.name}' to go on with.", fix="mlwright runs")
    return msgspec.convert(found, ResumableRun, from_attributes=True)


def find_missing(project: Project, given: FindMissing) -> MissingBlobs:
    """Return which artifacts the store doesn't have."""
    return MissingBlobs(missing=[digest for digest in given.digests if not project.store.has(digest)])


ENDPOINTS = (
    Endpoint(
        name="journals.append",
        method="POST",
        path="/journals/append",
        summary="Take a part of a script's journal, exactly once.",
        input=AppendJournal,
        output=Appended,
        function=append_journal,
        scope="write",
        audit="journals.appended",
    ),
    Endpoint(
        name="journals.resumable",
        method="GET",
        path="/journals/resumable",
        summary="Find the run to go on with, and where each of its metrics stopped.",
        input=FindResumable,
        output=ResumableRun,
        function=find_resumable,
    ),
    Endpoint(
        name="blobs.missing",
        method="POST",
        path="/blobs/missing",
        summary="Tell which artifacts the store doesn't have.",
        input=FindMissing,
        output=MissingBlobs,
        function=find_missing,
    ),
)
