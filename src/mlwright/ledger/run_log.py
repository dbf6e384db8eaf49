"""What clients write to runs one by one, at a rate where every statement counts: tags, and params that never change."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from mlwright.errors import InvalidInput, NotFound, did_you_mean
from mlwright.ledger.driver import execute, execute_many, select_in
from mlwright.ledger.store import Transaction
from mlwright.ledger.tracked import COMPARED, as_number, as_text

_PUT_TAG = (
    "INSERT INTO tags (run_id, key, value, text) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value, text = excluded.text"
)
_PUT_PARAM = "INSERT INTO params (run_id, key, value, text, number) VALUES (?, ?, ?, ?, ?)"


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer has to know of a run.

    Attributes:
        experiment_id: Its experiment.
        is_deleted: True when it is in the bin.
    """

    experiment_id: str
    is_deleted: bool


def state_of(connection: sa.Connection, run_id: str) -> RunState:
    """Return what a writer has to know of a run.

    Raises:
        NotFound: There is none of this id.
    """
    query = "SELECT experiment_id, deleted_at FROM runs WHERE id = ?"
    row = execute(connection, query, [run_id]).one_or_none()
    if row is None:
        raise NotFound(f"run '{run_id}' does not exist.")
    return RunState(experiment_id=row[0], is_deleted=row[1] is not None)


def set_params(tx: Transaction, run_id: str, values: dict[str, str]) -> None:
    """Give a run params; one that it has with the same text is left alone.

    Args:
        tx: The caller's transaction.
        run_id: Whose params.
        values: Texts by key.

    Raises:
        InvalidInput: The run has one of them with another text.
    """
    query = "SELECT key, value FROM params WHERE run_id = ? AND key IN (*)"
    known = {
        key: as_text(msgspec.json.decode(value)) for key, value in select_in(tx.connection, query, [run_id], [*values])
    }
    for key, text in values.items():
        if key in known and known[key] != text:
            raise InvalidInput(
                f"Changing the param '{key}' of run '{run_id}' is not allowed.",
                why=f"it was logged as '{_shown(known[key])}' and would become '{_shown(text)}'",
                fix="log it under another name, or in another run",
            )
    rows = [
        (run_id, key, msgspec.json.encode(text).decode(), text[:COMPARED], as_number(text))
        for key, text in values.items()
        if key not in known
    ]
    execute_many(tx.connection, _PUT_PARAM, rows)


def set_tags(tx: Transaction, run_id: str, values: dict[str, str]) -> None:
    """Give a run tags; a key that it has takes the new value."""
    rows = [(run_id, key, value, value[:COMPARED]) for key, value in values.items()]
    execute_many(tx.connection, _PUT_TAG, rows)


def delete_tag(tx: Transaction, run_id: str, key: str) -> None:
    """Take a tag off a run.

    Raises:
        NotFound: It has none of this key.
    """
    gone = execute(tx.connection, "DELETE FROM tags WHERE run_id = ? AND key = ?", [run_id, key])
    if gone.rowcount == 0:
        known = execute(tx.connection, "SELECT key FROM tags WHERE run_id = ?", [run_id]).rows
        raise NotFound(
            f"run '{run_id}' has no tag '{key}'.", fix=did_you_mean(key, [name for (name,) in known]) or None
        )


def tag_of(connection: sa.Connection, run_id: str, key: str) -> str | None:
    """Return the value of a run's tag, None when it has none of this key."""
    found = execute(connection, "SELECT value FROM tags WHERE run_id = ? AND key = ?", [run_id, key]).scalar()
    return None if found is None else str(found)


def params_of_many(connection: sa.Connection, run_ids: list[str]) -> dict[str, dict[str, str]]:
    """Return the params of some runs as texts, by run and key."""
    found: dict[str, dict[str, str]] = {run_id: {} for run_id in run_ids}
    query = "SELECT run_id, key, value FROM params WHERE run_id IN (*) ORDER BY run_id, key"
    for run_id, key, value in select_in(connection, query, (), run_ids):
        found[run_id][key] = as_text(msgspec.json.decode(value))
    return found


def tags_of_many(connection: sa.Connection, run_ids: list[str]) -> dict[str, dict[str, str]]:
    """Return the tags of some runs, by run and key."""
    found: dict[str, dict[str, str]] = {run_id: {} for run_id in run_ids}
    query = "SELECT run_id, key, value FROM tags WHERE run_id IN (*) ORDER BY run_id, key"
    for run_id, key, value in select_in(connection, query, (), run_ids):
        found[run_id][key] = value
    return found


def _shown(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}..."
