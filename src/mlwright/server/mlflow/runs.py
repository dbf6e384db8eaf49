"""Routes of runs: beginning, ending, renaming, deleting and reading them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.ids import new_id
from mlwright.errors import InvalidInput, NotFound
from mlwright.ledger import Connection, Transaction, run_log, runs
from mlwright.ledger.run_log import RunState
from mlwright.ledger.runs import NewRun, RunRow
from mlwright.server.mlflow import checks, experiments, names
from mlwright.server.mlflow.errors import no_run
from mlwright.server.mlflow.route import AnyRoute, Change, Route
from mlwright.server.mlflow.shapes import (
    NOTE,
    PARENT,
    RUN_NAME,
    Logged,
    RunInfo,
    RunOut,
    Tag,
    info_out,
    logged_by,
    run_out,
    status_in,
)
from mlwright.server.mlflow.values import FIRST_MS, NOTHING, Answer, Int64, Nothing, Required, ms_in

if TYPE_CHECKING:
    from mlwright.project import Project

_OUR_ID = re.compile(r"[0-9a-z]{26}")
#: Columns that hold what MLflow keeps in tags, and what they hold without the tag.
_MIRRORS: dict[str, tuple[str, str | None]] = {NOTE: ("note", ""), PARENT: ("parent_id", None)}
_ENDED = frozenset({"succeeded", "failed", "cancelled"})


class CreateRun(msgspec.Struct, frozen=True):
    """A run to be begun."""

    experiment_id: str | None = None
    user_id: str | None = None
    run_name: str | None = None
    start_time: Int64 | None = None
    tags: list[Tag] | None = None


class UpdateRun(msgspec.Struct, frozen=True):
    """What is new of a run."""

    run_id: Required
    status: str | int | None = None
    end_time: Int64 | None = None
    run_name: str | None = None


class WithRun(msgspec.Struct, frozen=True):
    """A run that is meant."""

    run_id: Required


class OneRun(Answer, frozen=True, kw_only=True):
    """A run."""

    run: RunOut


class OneInfo(Answer, frozen=True, kw_only=True):
    """What a run is."""

    run_info: RunInfo


def active(tx: Transaction, run_id: str) -> RunState:
    """Return the state of a run that is to be written.

    Raises:
        NotFound: There is none.
        InvalidInput: It is deleted.
    """
    state = there(tx, run_id)
    refuse_deleted(run_id, is_deleted=state.is_deleted)
    return state


def there(tx: Transaction, run_id: str) -> RunState:
    """Return the state of a run, deleted or not.

    Raises:
        NotFound: There is none.
    """
    try:
        return run_log.state_of(tx.connection, run_id)
    except NotFound as error:
        raise no_run(run_id) from error


def row_of(connection: Connection, run_id: str) -> RunRow:
    """Return a run, deleted or not.

    Raises:
        NotFound: There is none.
    """
    try:
        return runs.get_run(connection, run_id)
    except NotFound as error:
        raise no_run(run_id) from error


def refuse_deleted(run_id: str, *, is_deleted: bool) -> None:
    """Refuse to write a run that is in the bin."""
    if is_deleted:
        raise InvalidInput(
            f"The run {run_id} must be in the 'active' state.", why="it is deleted", fix="restore it before writing it"
        )


def create(tx: Transaction, given: CreateRun) -> OneRun:
    """Begin a run."""
    experiment = experiments.find_active(tx.connection, given.experiment_id or "0")
    tags = checked_tags(given.tags or [])
    named = tags.get(RUN_NAME)
    if given.run_name and named and given.run_name != named:
        raise InvalidInput(
            f"Both 'run_name' argument and '{RUN_NAME}' tag are specified, but with different values "
            f"(run_name='{given.run_name}', {RUN_NAME}='{named}').",
            fix="give one of them, or both alike",
        )
    name = given.run_name or named or names.run_name()
    tags[RUN_NAME] = name
    new = NewRun(
        id=new_id(),
        experiment=experiment.name,
        name=name,
        kind="script",
        started_at=ms_in(given.start_time, "start_time", least=FIRST_MS) if given.start_time else None,
        note=tags.get(NOTE, ""),
        parent_id=_parent(tags),
        actor=f"user:{given.user_id}" if given.user_id else "",
    )
    runs.insert_run(tx, new, experiment.id)
    run_log.set_tags(tx, new.id, tags)
    tx.emit("run.started", f"run/{new.id}", name=name, kind=new.kind, experiment=experiment.name)
    row = runs.new_row(tx, new, number=experiment.number, location=experiment.location)
    return OneRun(run=run_out(row, Logged(tags={new.id: tags})))


def update(tx: Transaction, given: UpdateRun) -> OneInfo:
    """Change a run's status, end or name."""
    row = row_of(tx.connection, given.run_id)
    refuse_deleted(row.id, is_deleted=row.deleted_at is not None)
    values: dict[str, Any] = {}
    if given.status is not None:
        values["status"] = status_in(given.status)
        values["ended_at"] = (row.ended_at or tx.now) if values["status"] in _ENDED else None
    if given.end_time:
        values["ended_at"] = ms_in(given.end_time, "end_time", least=FIRST_MS)
    if values.get("ended_at") is not None:
        values["duration_s"] = max(0.0, (values["ended_at"] - row.started_at).total_seconds())
    if given.run_name:
        values["name"] = checks.cut(given.run_name, checks.LONGEST_TAG, RUN_NAME)
        run_log.set_tags(tx, row.id, {RUN_NAME: values["name"]})
    if values:
        runs.update_run(tx, row.id, **values)
    status = values.get("status", row.status)
    if status != row.status and status in _ENDED:
        tx.emit(f"run.{status}", f"run/{row.id}", name=values.get("name", row.name), kind=row.kind)
    return OneInfo(run_info=info_out(msgspec.structs.replace(row, **values)))


def delete(tx: Transaction, given: WithRun) -> Nothing:
    """Put a run into the bin."""
    there(tx, given.run_id)
    runs.delete_run(tx, given.run_id)
    return NOTHING


def restore(tx: Transaction, given: WithRun) -> Nothing:
    """Take a run out of the bin."""
    there(tx, given.run_id)
    runs.restore_run(tx, given.run_id)
    return NOTHING


def get(project: Project, given: WithRun) -> OneRun:
    """Return a run with what it logged."""
    with project.ledger.read() as connection:
        row = row_of(connection, given.run_id)
        return OneRun(run=run_out(row, logged_by(connection, [row.id])))


def checked_tags(tags: list[Tag], path: str = "tags") -> dict[str, str]:
    """Return tags by key; a key that is given twice has its last value.

    Raises:
        InvalidInput: A key can't be taken.
    """
    found: dict[str, str] = {}
    for index, tag in enumerate(tags):
        checks.check_key(tag.key, f"{path}[{index}].key")
        found[tag.key] = checks.cut(tag.value or "", checks.LONGEST_TAG, f"the tag '{tag.key}'")
    return found


def set_params(tx: Transaction, run_id: str, params: dict[str, str]) -> None:
    """Give a run params.

    Raises:
        InvalidInput: The run has one of them with another text.
    """
    try:
        run_log.set_params(tx, run_id, params)
    except InvalidInput as error:
        what = "Changing param values is not allowed."
        raise InvalidInput(what, why=f"{error.what} {error.why}", fix=error.fix) from error


def set_tags(tx: Transaction, run_id: str, tags: dict[str, str]) -> None:
    """Give a run tags, and the columns that mirror some of them their values."""
    mirrored: dict[str, Any] = {}
    if RUN_NAME in tags:
        if tags[RUN_NAME]:
            mirrored["name"] = tags[RUN_NAME]
        else:
            # An empty name changes nothing, as with MLflow.
            tags = {key: value for key, value in tags.items() if key != RUN_NAME}
    if NOTE in tags:
        mirrored["note"] = tags[NOTE]
    if PARENT in tags:
        mirrored["parent_id"] = _parent(tags)
    if mirrored:
        runs.update_run(tx, run_id, **mirrored)
    run_log.set_tags(tx, run_id, tags)


def delete_tag(tx: Transaction, run_id: str, key: str) -> None:
    """Take a tag off a run, and empty the column that mirrors it; a run keeps its name when it loses the name's tag.

    Raises:
        NotFound: The run has no such tag.
    """
    if key == RUN_NAME:
        if run_log.tag_of(tx.connection, run_id, key) == "":
            raise NotFound(f"No tag with name: {key} in run with id {run_id}.")
        # An empty text stands for the tag that is gone: nobody can set one.
        run_log.set_tags(tx, run_id, {RUN_NAME: ""})
        return
    column, empty = _MIRRORS.get(key, ("", None))
    try:
        run_log.delete_tag(tx, run_id, key)
    except NotFound as error:
        if not column or not getattr(row_of(tx.connection, run_id), column):
            raise NotFound(f"No tag with name: {key} in run with id {run_id}.", fix=error.fix) from error
    if column:
        runs.update_run(tx, run_id, **{column: empty})


def _parent(tags: dict[str, str]) -> str | None:
    """Return the run that another one is part of; what can't be one of ours stays a tag only."""
    parent = tags.get(PARENT, "")
    return parent if _OUR_ID.fullmatch(parent) else None


ROUTES: tuple[AnyRoute, ...] = (
    Change("POST", "/mlflow/runs/create", CreateRun, create),
    Change("POST", "/mlflow/runs/update", UpdateRun, update),
    Change("POST", "/mlflow/runs/delete", WithRun, delete),
    Change("POST", "/mlflow/runs/restore", WithRun, restore),
    Route("GET", "/mlflow/runs/get", WithRun, get),
)
