"""Taking a run back to a step, and undoing that: what leaves the curves is kept as an artifact of the run."""

from __future__ import annotations

import math
from datetime import datetime

import msgspec

from mlwright.core.ids import new_id, short
from mlwright.errors import Conflict, IntegrityError, NotFound
from mlwright.ledger import Connection, artifacts, curves, forks, runs, tracked
from mlwright.ledger.runs import RunRow
from mlwright.ledger.store import Transaction
from mlwright.project import Project

FOLDER = "rewinds/"
FORMAT = 1


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Points of one metric that left its curve, as columns.

    Attributes:
        key: The metric.
        steps: Place of each point.
        at_us: Its moment, in microseconds since 1970.
        values: Its value; as text where JSON has no number for it (nan, inf, -inf).
    """

    key: str
    steps: list[int]
    at_us: list[int]
    values: list[float | str]


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What one rewinding took out of a run, as its artifact has it.

    Attributes:
        format: Version of this shape.
        run_id: The run.
        to_step: The last step that stayed.
        at: When that was done.
        actor: Who did it.
        curves: The points.
    """

    format: int
    run_id: str
    to_step: int
    at: datetime
    actor: str
    curves: list[Curve]


class Rewound(msgspec.Struct, frozen=True, kw_only=True):
    """What a rewinding, or undoing one, came to.

    Attributes:
        run_id: The run.
        to_step: The step that it was, or had been, taken back to.
        points: How many points left the curves, or came back.
        artifact: Where those that left are kept; empty when they came back.
    """

    run_id: str
    to_step: int
    points: int
    artifact: str = ""


def rewind(project: Project, run: str, *, to_step: int, actor: str, reason: str = "") -> Rewound:
    """Take the points behind a step out of a run's curves, so that it can go on from there.

    Args:
        project: Where the run is.
        run: Its id, a part of it, or `@latest`.
        to_step: The last step that stays.
        actor: Who does it.
        reason: Why, for the history.

    Returns:
        How many points left; none when the run has no point behind the step.

    Raises:
        NotFound: There is no such run.
        Conflict: The run is being written to, or is a pipeline's.
    """
    with project.ledger.read() as connection:
        row = _rewindable(runs.find_run(connection, run))
        removed = _collect(row, _curves_behind(connection, row.id, to_step), to_step, actor, project.clock.now())
    count = _count(removed)
    if count == 0:
        return Rewound(run_id=row.id, to_step=to_step, points=0)
    name = f"{FOLDER}{new_id()}.json"
    blob = project.store.put(msgspec.json.encode(removed))
    with project.ledger.write(actor) as tx:
        now = _rewindable(runs.get_run(tx.connection, row.id))
        if _size(tx, now.id, to_step) != count:
            raise Conflict(f"run {short(now.id)} was written to meanwhile.", fix="rewind it again")
        curves.truncate(tx, now.id, to_step)
        artifacts.record(tx, blob.digest, "blob", blob.size_bytes)
        kept = tracked.RunArtifact(
            name=name, digest=blob.digest, codec="json", size_bytes=blob.size_bytes, step="", created_at=tx.now
        )
        tracked.put_artifacts(tx, now.id, [kept])
        told = {"to_step": to_step, "points": count, "artifact": name, "digest": blob.digest, "reason": reason}
        tx.emit("run.rewound", f"run/{now.id}", **told)
    return Rewound(run_id=row.id, to_step=to_step, points=count, artifact=name)


def unrewind(project: Project, run: str, *, actor: str, reason: str = "") -> Rewound:
    """Undo a run's newest rewinding: the points that left its curves come back.

    Raises:
        NotFound: There is no such run, or it wasn't rewound.
        Conflict: The run has gone on since, so that its curves would have two continuations.
    """
    with project.ledger.read() as connection:
        row = runs.find_run(connection, run)
        kept = [found for found in tracked.artifacts_of(connection, row.id) if found.name.startswith(FOLDER)]
    if not kept:
        raise NotFound(f"run {short(row.id)} was not rewound.", fix=f"see mlwright runs show {short(row.id)}")
    # Names end in ids, which sort by time.
    newest = kept[-1]
    removed = _read(project, newest.digest)
    with project.ledger.write(actor) as tx:
        behind = forks.keys_behind(tx.connection, row.id, removed.to_step)
        if behind:
            raise Conflict(
                f"run {short(row.id)} has gone on since it was rewound to step {removed.to_step}.",
                why=f"'{behind[0]}' has points behind that step",
                fix=f"keep them as a fork (mlwright runs fork {short(row.id)}), and rewind to {removed.to_step} again",
            )
        rows = [
            (curve.key, step, float(value), at)
            for curve in removed.curves
            for step, at, value in zip(curve.steps, curve.at_us, curve.values, strict=True)
        ]
        curves.add_rows(tx, row.id, rows)
        forks.drop_artifact(tx, row.id, newest.name)
        told = {"to_step": removed.to_step, "points": len(rows), "digest": newest.digest, "reason": reason}
        tx.emit("run.unrewound", f"run/{row.id}", **told)
    return Rewound(run_id=row.id, to_step=removed.to_step, points=len(rows))


def _rewindable(row: RunRow) -> RunRow:
    if row.kind == "pipeline":
        raise Conflict(
            f"run {short(row.id)} is a pipeline's and can't be rewound.",
            why="what its steps logged was committed with their outputs",
            fix=f"fork it instead: mlwright runs fork {short(row.id)} --at-step N",
        )
    if row.status == "running":
        raise Conflict(
            f"run {short(row.id)} is running and can't be rewound.",
            fix="end it first; or fork it, which leaves it alone",
        )
    return row


def _curves_behind(connection: Connection, run_id: str, step: int) -> list[Curve]:
    found = []
    for key in forks.keys_behind(connection, run_id, step):
        rows = [row for row in curves.rows_of(connection, run_id, key) if row[0] > step]
        values = [value if math.isfinite(value) else str(value) for _, _, value in rows]
        steps, moments = [row[0] for row in rows], [row[1] for row in rows]
        found.append(Curve(key=key, steps=steps, at_us=moments, values=values))
    return found


def _collect(row: RunRow, found: list[Curve], to_step: int, actor: str, at: datetime) -> Removed:
    return Removed(format=FORMAT, run_id=row.id, to_step=to_step, at=at, actor=actor, curves=found)


def _count(removed: Removed) -> int:
    return sum(len(curve.steps) for curve in removed.curves)


def _size(tx: Transaction, run_id: str, step: int) -> int:
    return sum(len(curve.steps) for curve in _curves_behind(tx.connection, run_id, step))


def _read(project: Project, digest: str) -> Removed:
    try:
        return msgspec.json.decode(project.store.read(digest), type=Removed)
    except msgspec.MsgspecError as error:
        raise IntegrityError("what a rewinding took out of the run can't be read.", why=str(error)) from error
