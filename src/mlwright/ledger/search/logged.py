"""What the runs of a page logged, read at once; and which names were ever logged, for hints at typing errors."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.filters import Comparison, Expression, Order, comparisons, name_of
from mlwright.errors import InvalidInput
from mlwright.ledger.curves import Summary
from mlwright.ledger.driver import select_in
from mlwright.ledger.schema import experiments, params, series, tags
from mlwright.ledger.schema.types import from_microseconds
from mlwright.ledger.search.run_fields import SHOWN

#: So many keys are looked for in the database; more are picked from everything.
_FEW_KEYS = 100
_MOST_KEYS = 5000
_TABLES = {"metric": series, "param": params, "tag": tags}


class Logged(msgspec.Struct, frozen=True):
    """What a run logged.

    Attributes:
        params: By key.
        metrics: By key.
        tags: By key.
    """

    params: dict[str, Any]
    metrics: dict[str, Summary]
    tags: dict[str, str]


class Wanted(msgspec.Struct, frozen=True):
    """Which keys to read; None for all.

    Attributes:
        params: Of params.
        metrics: Of metrics.
        tags: Of tags.
    """

    params: list[str] | None = None
    metrics: list[str] | None = None
    tags: list[str] | None = None


def logged_by(connection: sa.Connection, ids: list[str], wanted: Wanted | None = None) -> dict[str, Logged]:
    """Return what some runs logged, by run and in the order of the keys."""
    wanted = wanted or Wanted()
    found = {run_id: Logged({}, {}, {}) for run_id in ids}
    for run_id, key, value in _read(connection, "key, value FROM params WHERE", ids, wanted.params):
        found[run_id].params[key] = msgspec.json.decode(value)
    for run_id, key, value in _read(connection, "key, value FROM tags WHERE", ids, wanted.tags):
        found[run_id].tags[key] = value
    columns = "key, count, last, last_step, last_at, min, max FROM series WHERE shown = 1 AND"
    for run_id, key, count, last, last_step, last_at, low, high in _read(connection, columns, ids, wanted.metrics):
        value = math.nan if last is None else last
        found[run_id].metrics[key] = Summary(
            key=key,
            count=count,
            last=value,
            last_step=last_step,
            last_at=from_microseconds(last_at),
            min=low,
            max=high,
        )
    return found


def _read(connection: sa.Connection, text: str, ids: list[str], keys: list[str] | None) -> Iterator[Any]:
    if keys is not None and not keys:
        return
    named = keys if keys is not None and len(keys) <= _FEW_KEYS else []
    among = f" key IN ({', '.join('?' * len(named))}) AND" if named else ""
    query = f"SELECT run_id, {text}{among} run_id IN (*) ORDER BY run_id, key"
    some = None if keys is None or named else set(keys)
    for row in select_in(connection, query, named, ids):
        if some is None or row[1] in some:
            yield row


def known_keys(connection: sa.Connection, entity: str) -> list[str]:
    """Return every key of metrics, params or tags that a run has, sorted; of very many, the first.

    Args:
        connection: Where to look.
        entity: metric, param or tag.
    """
    table = _TABLES[entity]
    shown = table.c.shown == SHOWN if table is series else sa.true()
    # Steps from key to key along the index, because a DISTINCT would read all of it.
    first = sa.select(sa.func.min(table.c.key).label("key")).where(shown).cte("keys", recursive=True)
    later = sa.select(sa.func.min(table.c.key)).where(shown, table.c.key > first.c.key).scalar_subquery()
    keys = first.union_all(sa.select(later).where(first.c.key.is_not(None)))
    query = sa.select(keys.c.key).where(keys.c.key.is_not(None)).limit(_MOST_KEYS)
    return [str(key) for key in connection.execute(query).scalars()]


def experiment_ids(connection: sa.Connection) -> dict[str, str]:
    """Return the ids of all experiments by their names, sorted."""
    query = sa.select(experiments.c.name, experiments.c.id).order_by(experiments.c.name)
    return {str(name): str(id_) for name, id_ in connection.execute(query)}


def check_keys(connection: sa.Connection, where: Expression | None, order: list[Order]) -> None:
    """Refuse a search for a metric, param or tag that no run has, if one of a similar name is there.

    What nobody logged yet and resembles nothing can be searched for: the answer is that there is none.

    Raises:
        InvalidInput: A key looks mistyped; the error says what it might be.
    """
    said = () if where is None else comparisons(where)
    fields = [found.field for found in said if not _asks_for_absence(found)] + [one.field for one in order]
    for field in dict.fromkeys(fields):
        if field.entity not in _TABLES or _is_known(connection, field.entity, field.key):
            continue
        known = known_keys(connection, field.entity)
        close = difflib.get_close_matches(field.key, known, n=3, cutoff=0.6)
        close = close or [key for key in known if key.lower() == field.key.lower()]
        if close:
            raise InvalidInput(
                f"no run has the {field.entity} '{field.key}'.",
                why=f"similar ones: {', '.join(close)}",
                fix=f"did you mean '{name_of(msgspec.structs.replace(field, key=close[0]))}'?",
                field=name_of(field),
            )


def _asks_for_absence(found: Comparison) -> bool:
    return found.operator == "IS NULL"


def _is_known(connection: sa.Connection, entity: str, key: str) -> bool:
    table = _TABLES[entity]
    shown = table.c.shown == SHOWN if table is series else sa.true()
    query = sa.select(table.c.run_id).where(table.c.key == key, shown).limit(1)
    return connection.execute(query).scalar() is not None
