"""Which way to the first rows of a search: databases can't know, because they don't know who is asked for.

A search is conditions, an order and a limit. There are three ways to answer one:

- *From a condition*: when few runs fit one that an index finds, look at just these.
- *Along the order*: when many runs fit everything, walk the index of the order and stop when the page is full.
- *Meeting*: when many fit each condition and few fit all, let each index give its runs, and look at those in common.

Counting tells the first from the others, and counting stops at a bound. A sample of the order's beginning tells the
second from the third.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from mlwright.core.filters import Comparison, Expression, Field, Or, Order
from mlwright.ledger.schema import params, runs, series, tags
from mlwright.ledger.search.conditions import Context, Sql, on_number, plain
from mlwright.ledger.search.paging import Key, after, ordered
from mlwright.ledger.search.run_fields import INDEXED_PARTS, SHOWN, Sorting, run_ids, text_attribute

#: As many runs are looked at one by one without further thought.
FEW = 2000
#: How much of an order's beginning tells how far one has to walk.
SAMPLE = 300
#: How far to walk at most, as far as the sample tells.
FAR = 2000

_BY_INDEX = ("=", ">", ">=", "<", "<=", "IN", "BETWEEN")
_INDEXED_ATTRIBUTES = ("run_id", "parent", "status")

Rows = list[tuple[Any, ...]]


class Part(msgspec.Struct, frozen=True):
    """One of the conditions that all have to hold.

    Attributes:
        said: As the filter has it.
        sql: For the row of `runs` at hand.
    """

    said: Expression
    sql: Sql


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A search, compiled.

    Attributes:
        parts: What has to hold.
        scope: Conditions on the bin.
        experiments: Ids of the experiments; None for all.
        order: What to sort by, an id at its end.
        terms: The same as SQL.
        context: Database and moment.
        after: Values of the keys in the last row of the page before.
    """

    parts: list[Part]
    scope: list[Sql]
    experiments: list[str] | None
    order: list[Order]
    terms: list[Sorting]
    context: Context
    after: list[Any] | None = None

    @property
    def keys(self) -> list[Key]:
        """The keys of all terms, in order."""
        return [key for term in self.terms for key in term.keys]

    def conditions(self, *, driven: bool) -> list[Sql]:
        """Return all that has to hold.

        Args:
            driven: Whether the runs are looked at one by one; otherwise the index on experiments may find them.
        """
        found = [*self.scope, *(part.sql for part in self.parts)]
        if self.experiments is not None:
            experiment = runs.c.experiment_id
            hidden = driven and self.context.sqlite
            found.append((plain(experiment) if hidden else experiment).in_(self.experiments))
        return found

    def without(self, parts: list[Part]) -> Plan:
        """Return this plan without conditions that hold anyway."""
        return msgspec.structs.replace(self, parts=[part for part in self.parts if part not in parts])


class Source(msgspec.Struct, frozen=True):
    """An index that has the runs in the order of the first term.

    Attributes:
        table: Where it is; `runs` itself, or what runs logged.
        fit: Which of its rows.
        run_id: Whose each is.
        value: What it is sorted by.
        held: Conditions of the search that all of its rows fulfil.
        whole: Whether every run that fits the search is in it.
    """

    table: sa.FromClause
    fit: list[Sql]
    run_id: Sql
    value: Sql
    held: list[Part] = []
    whole: bool = False


#: A condition and the queries that give the runs that fit it.
_Driver = tuple[Part, list[sa.Select[Any]]]


class _Nested(sa.Join):
    """A join whose left side is read first, whatever the database thinks."""

    inherit_cache = True


@compiles(_Nested, "sqlite")
def _nested_for_sqlite(join: _Nested, compiler: Any, **options: Any) -> str:
    options["asfrom"] = True
    options.pop("from_linter", None)
    left, right = compiler.process(join.left, **options), compiler.process(join.right, **options)
    options["asfrom"] = False
    return f"{left} CROSS JOIN {right} ON {compiler.process(join.onclause, **options)}"


def first_rows(connection: sa.Connection, plan: Plan, limit: int) -> Rows:
    """Return the first rows of a search: the id and the values of the keys.

    Args:
        connection: Where to look.
        plan: The search.
        limit: How many at most.
    """
    indexed = [(part, queries) for part in plan.parts if (queries := _indexed(part.said, plan.context))]
    counts = [_count(connection, queries) for _, queries in indexed]
    fewest = counts.index(min(counts)) if counts else None
    if fewest is not None and counts[fewest] <= FEW:
        return _from(connection, plan, indexed[fewest], limit)
    source = _source(plan)
    if source is not None:
        found = _along(connection, plan, source, limit)
        if found is not None:
            return found
    if not plan.context.sqlite:
        # PostgreSQL joins by hashing, so it finds its own way when neither is short.
        return _rows(connection, runs, plan, limit)
    if len(indexed) > 1:
        return _meeting(connection, plan, indexed, source, limit)
    return _from(connection, plan, indexed[0], limit) if indexed else _rows(connection, runs, plan, limit)


def _indexed(said: Expression, context: Context) -> list[sa.Select[Any]]:
    """Return queries that together give the runs that fit a condition, from indexes; none if no index finds them."""
    if isinstance(said, Or):
        found = [_indexed(part, context) for part in said.parts]
        return [query for queries in found for query in queries] if all(found) else []
    if not isinstance(said, Comparison) or said.operator not in _BY_INDEX:
        return []
    field = said.field
    if field.entity == "metric":
        return [run_ids(said, context)] if field.part in INDEXED_PARTS else []
    if field.entity in ("param", "tag"):
        return [run_ids(said, context)]
    if field.entity == "dataset":
        return [run_ids(said, context).distinct()]
    if field.entity == "attribute" and field.key in _INDEXED_ATTRIBUTES and said.operator in ("=", "IN"):
        return [sa.select(runs.c.id.label("run_id")).where(text_attribute(field).in_(said.values))]
    return []


def _count(connection: sa.Connection, queries: list[sa.Select[Any]]) -> int:
    """Return how many rows queries have; counting stops after `FEW`."""
    total = 0
    for query in queries:
        some = query.limit(FEW + 1 - total).subquery()
        total += int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
        if total > FEW:
            break
    return total


def _given(queries: list[sa.Select[Any]]) -> sa.Subquery:
    """Return the runs that queries give, each once."""
    if len(queries) == 1:
        return queries[0].subquery("given")
    return sa.select(sa.union(*queries).subquery().c.run_id).subquery("given")


def _rows(connection: sa.Connection, base: sa.FromClause, plan: Plan, limit: int) -> Rows:
    """Look at every run of a table, keep those that fit, and sort them."""
    query = _select(base, plan.terms, plan.keys).where(*plan.conditions(driven=base is not runs))
    if plan.after is not None:
        query = query.where(after(plan.keys, plan.after))
    return [tuple(row) for row in connection.execute(ordered(query, plan.keys).limit(limit))]


def _select(base: sa.FromClause, terms: list[Sorting], keys: list[Key]) -> sa.Select[Any]:
    for term in terms:
        base = base if term.joined is None else base.outerjoin(*term.joined)
    return sa.select(runs.c.id, *(key.expression for key in keys)).select_from(base)


def _from(connection: sa.Connection, plan: Plan, driver: _Driver, limit: int) -> Rows:
    """Look at the runs that one index gives."""
    part, queries = driver
    given = _given(queries)
    return _rows(connection, _Nested(given, runs, runs.c.id == given.c.run_id), plan.without([part]), limit)


def _meeting(connection: sa.Connection, plan: Plan, indexed: list[_Driver], source: Source | None, limit: int) -> Rows:
    """Look at the runs that all indexes give: at all of them, or at the first in the order when they are many."""
    met: set[bytes] | None = None
    asked: list[Part] = []
    for part, queries in indexed:
        if met is not None and len(met) <= 2 * FEW:
            break
        found = _ids(connection, queries)
        met = set(found) if met is None else met.intersection(found)
        asked.append(part)
    if not met:
        return []
    rest = plan.without(asked)
    if source is not None and len(met) > FEW:
        rows = _first_of(connection, rest, source, met, limit)
        if rows is not None:
            return rows
    return _among(connection, rest, [run_id.decode() for run_id in met], limit)


def _ids(connection: sa.Connection, queries: list[sa.Select[Any]]) -> list[bytes]:
    """Return the ids of the runs that queries give: as one text, which is far cheaper to read than as many rows."""
    listed = sa.cast(sa.func.group_concat(_given(queries).c.run_id, "\n"), sa.LargeBinary)
    found: bytes | None = connection.execute(sa.select(listed)).scalar_one()
    return [] if found is None else found.split(b"\n")


def _among(connection: sa.Connection, plan: Plan, ids: list[str], limit: int) -> Rows:
    """Look at runs of which the ids are known."""
    listed = sa.func.json_each(msgspec.json.encode(ids).decode()).table_valued("value", name="met")
    return _rows(connection, _Nested(listed, runs, runs.c.id == listed.c.value), plan, limit)


def _first_of(connection: sa.Connection, plan: Plan, source: Source, met: set[bytes], limit: int) -> Rows | None:
    """Walk along the index of the order through runs that may fit, until enough do; None when that isn't all."""
    walk = _begun(plan, source)
    if walk is None:
        return None
    fit, _ = walk
    direction = source.value.desc() if plan.order[0].descending else source.value
    query = sa.select(source.run_id, source.value).select_from(source.table).where(*fit).order_by(direction)
    candidates: list[str] = []
    wanted, last = limit, None
    with connection.execute(query) as walked:
        for run_id, value in walked:
            if run_id.encode() not in met:
                continue
            # Runs of the same value are sorted by what comes after it, so all of them are needed.
            if len(candidates) >= wanted and value != last:
                rows = _among(connection, plan, candidates, limit)
                if len(rows) == limit:
                    return rows
                wanted *= 4
            candidates.append(run_id)
            last = value
    return _among(connection, plan, candidates, limit) if source.whole else None


def _source(plan: Plan) -> Source | None:
    """Return the index of the first term of the order, if there is one."""
    order = plan.order[0]
    field = order.field
    if field.entity == "metric" and field.part in INDEXED_PARTS:
        table = series.alias("walked")
        value = sa.type_coerce(table.c[field.part], sa.Double)
        held = [part for part in plan.parts if _bounds(part.said, field)]
        bounds = [on_number(value, part.said) for part in held if isinstance(part.said, Comparison)]
        fit = [table.c.key == field.key, table.c.shown == SHOWN, value.is_not(None), *bounds]
        return Source(table, fit, table.c.run_id, value, held, whole=bool(held))
    if not plan.context.sqlite:
        # Its indexes on texts are in the order of its locale, and its planner knows those of runs.
        return None
    if field.entity == "tag" or (field.entity == "param" and order.as_text):
        logged = (tags if field.entity == "tag" else params).alias("walked")
        return Source(logged, [logged.c.key == field.key], logged.c.run_id, logged.c.text)
    if field == Field("attribute", "run_id"):
        return Source(runs, [], runs.c.id, runs.c.id, whole=True)
    if field == Field("attribute", "started") and plan.experiments is not None and len(plan.experiments) == 1:
        return Source(runs, [], runs.c.id, sa.type_coerce(runs.c.started_at, sa.BigInteger), whole=True)
    return None


def _bounds(said: Expression, field: Field) -> bool:
    """Tell whether a condition bounds the metric that the order walks along."""
    return isinstance(said, Comparison) and said.field == field and said.operator in _BY_INDEX


def _begun(plan: Plan, source: Source) -> tuple[list[Sql], int] | None:
    """Return which part of an index is left to walk, and how many keys stand before its value; None: nothing.

    What stands before the value in the first term's keys tells that there is one, and is 0 along the index.
    """
    zeros = len(plan.terms[0].keys) - 1
    fit = list(source.fit)
    if plan.after is not None:
        if any(plan.after[:zeros]):
            return None
        edge = plan.after[zeros]
        fit.append(source.value <= edge if plan.order[0].descending else source.value >= edge)
    return fit, zeros


def _along(connection: sa.Connection, plan: Plan, source: Source, limit: int) -> Rows | None:
    """Walk along the index of the order; None when that would be far, or doesn't fill the page."""
    first, order = plan.terms[0], plan.order[0]
    walk = _begun(plan, source)
    if walk is None:
        return None
    fit, zeros = walk
    plan = plan.without(source.held)
    if plan.parts and not _is_near(connection, plan, source, fit, limit):
        return None
    keys = [Key(source.value, order.descending, first.keys[-1].type), *plan.keys[zeros + 1 :]]
    base = runs if source.table is runs else _Nested(source.table, runs, runs.c.id == source.run_id)
    query = _select(base, plan.terms[1:], keys).where(*fit, *plan.conditions(driven=base is not runs))
    if plan.after is not None:
        query = query.where(after(keys, plan.after[zeros:]))
    rows = connection.execute(ordered(query, keys).limit(limit)).all()
    if len(rows) < limit and not source.whole:
        return None
    return [(row[0], *(0,) * zeros, *row[1:]) for row in rows]


def _is_near(connection: sa.Connection, plan: Plan, source: Source, fit: list[Sql], limit: int) -> bool:
    """Tell whether the page will be full soon, by the share of the order's beginning that fits."""
    direction = source.value.desc() if plan.order[0].descending else source.value
    scope = plan.without(plan.parts).conditions(driven=False) if source.table is runs else []
    some = sa.select(source.run_id.label("run_id")).select_from(source.table).where(*fit, *scope)
    begin = some.order_by(direction).limit(SAMPLE).subquery("begin")
    base = _Nested(begin, runs, runs.c.id == begin.c.run_id)
    query = sa.select(sa.func.count()).select_from(base).where(*plan.conditions(driven=True))
    fitting = int(connection.execute(query).scalar_one())
    return fitting > 0 and limit * SAMPLE / fitting <= FAR
