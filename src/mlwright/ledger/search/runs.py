"""Searching runs: by anything that they logged, in any order, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
import sqlalchemy as sa

from mlwright.core.clock import wall_now
from mlwright.core.filters import And, Expression, Field, Order
from mlwright.core.filters.orders import order_text
from mlwright.ledger.runs import RunRow, run_columns
from mlwright.ledger.schema import experiments, runs
from mlwright.ledger.search import planning
from mlwright.ledger.search.conditions import Context, Sql, compiled, context_of
from mlwright.ledger.search.cursors import fingerprint, read_cursor, write_cursor
from mlwright.ledger.search.run_fields import fits, sorting

View = Literal["active", "deleted", "all"]
#: Databases take so many bound values in one statement.
BATCH = 900
_TIES = (Order(Field("attribute", "started"), True), Order(Field("attribute", "run_id")))


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs to find, and in which order.

    Attributes:
        where: What they fit; None for all.
        experiments: Ids of their experiments; None for all.
        view: Those that aren't in the bin, those that are, or both.
        order: Most important first; ties go by the moment of the start, newest first, then by id.
        limit: How many at most.
        after: Cursor of the page before.
        now: What `now()` means; the machine's clock by default.
    """

    where: Expression | None = None
    experiments: list[str] | None = None
    view: View = "active"
    order: list[Order] = []
    limit: int = 50
    after: str | None = None
    now: datetime | None = None


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the runs that a search finds.

    Attributes:
        runs: In order.
        cursor: Give it back as `after` for those that follow; None at the end.
    """

    runs: list[RunRow]
    cursor: str | None


def search_runs(connection: sa.Connection, query: RunQuery) -> RunPage:
    """Return one page of the runs that fit a search.

    Raises:
        InvalidInput: The cursor is of another search.
    """
    ids, cursor = search_run_ids(connection, query)
    found = runs_of(connection, ids)
    return RunPage(runs=[found[run_id] for run_id in ids], cursor=cursor)


def search_run_ids(connection: sa.Connection, query: RunQuery) -> tuple[list[str], str | None]:
    """Return the ids of one page of runs, and the cursor of what follows.

    Raises:
        InvalidInput: The cursor is of another search.
    """
    context = context_of(connection, query.now or wall_now())
    plan = _plan(query, context)
    search = fingerprint(query.where, [order_text(order) for order in query.order], query.experiments, query.view)
    if query.after is not None:
        values = read_cursor(query.after, search, [key.type for key in plan.keys])
        plan = msgspec.structs.replace(plan, after=values)
    rows = planning.first_rows(connection, plan, query.limit + 1)
    page = rows[: query.limit]
    cursor = write_cursor(search, page[-1][1:]) if len(rows) > query.limit and page else None
    return [row[0] for row in page], cursor


def runs_of(connection: sa.Connection, ids: list[str]) -> dict[str, RunRow]:
    """Return runs by their ids; those that don't exist are left out."""
    found = {}
    joined = runs.join(experiments, runs.c.experiment_id == experiments.c.id)
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        for row in connection.execute(sa.select(*run_columns()).select_from(joined).where(runs.c.id.in_(some))):
            # The columns are in the order of the fields.
            found[row.id] = RunRow(**dict(zip(RunRow.__struct_fields__, row, strict=True)))
    return found


def _plan(query: RunQuery, context: Context) -> planning.Plan:
    parts = query.where.parts if isinstance(query.where, And) else () if query.where is None else (query.where,)
    order = _orders(query.order)
    return planning.Plan(
        parts=[planning.Part(part, compiled(part, lambda found: fits(found, context))) for part in parts],
        scope=_scope(query),
        experiments=query.experiments,
        order=order,
        terms=[sorting(term, context) for term in order],
        context=context,
    )


def _orders(order: list[Order]) -> list[Order]:
    """Return an order with what decides ties; an id decides them all."""
    found: list[Order] = []
    for one in (*order, *_TIES):
        if all(one.field != other.field for other in found):
            found.append(one)
        if one.field == Field("attribute", "run_id"):
            break
    return found


def _scope(query: RunQuery) -> list[Sql]:
    found: list[Sql] = []
    if query.view != "all":
        deleted = runs.c.deleted_at
        found.append(deleted.is_(None) if query.view == "active" else deleted.is_not(None))
    return found
