"""Searching what isn't runs, with the language that runs are searched with; each noun is a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from mlwright.core.clock import wall_now
from mlwright.core.filters import Comparison, Expression, Field, Order
from mlwright.core.filters.orders import order_text
from mlwright.ledger.search.conditions import (
    Context,
    Sql,
    Text,
    bytewise,
    compiled,
    context_of,
    on_moment,
    on_number,
    on_text,
)
from mlwright.ledger.search.cursors import fingerprint, read_cursor, write_cursor
from mlwright.ledger.search.paging import Key, after, ordered

#: Name and digest (empty for any) of a dataset that metrics of logged models are of.
Dataset = tuple[str, str]


class Noun(msgspec.Struct, frozen=True, kw_only=True):
    """What can be searched.

    Attributes:
        name: In the plural.
        table: Where it is.
        key: Columns that tell one from another.
        columns: Fixed fields by name.
        computed: Fixed fields that are more than a column.
        ties: What decides when the order doesn't.
        logged: Gives the query of a tag or param of the row at hand: one row, or none.
        absent: What counts as the value of a tag that isn't there.
        aliases: Gives the query of the aliases of the row at hand.
        measured: Gives the query of an expression over the metrics of the row at hand, of some datasets.
    """

    name: str
    table: sa.Table
    key: tuple[str, ...]
    columns: dict[str, Sql]
    ties: list[Order]
    logged: Callable[[Field, Context], sa.Select[Any]]
    computed: dict[str, Callable[[Context], Sql]] = {}
    absent: dict[str, str] = {}
    aliases: Callable[[], sa.Select[Any]] | None = None
    measured: Callable[[Field, list[Dataset]], sa.Select[Any]] | None = None

    def column(self, key: str, context: Context) -> Sql:
        """Return a fixed field."""
        return self.computed[key](context) if key in self.computed else self.columns[key]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to find, and in which order.

    Attributes:
        where: What they fit; None for all.
        order: Most important first.
        limit: How many at most.
        after: Cursor of the page before.
        view: Those that aren't in the bin, those that are, or both.
        experiments: Of logged models: ids of their experiments; None for all.
        datasets: Of logged models: what their metrics are of, for the filter.
        order_datasets: The same for the terms of the order, one after the other.
        now: What `now()` means; the machine's clock by default.
    """

    where: Expression | None = None
    order: list[Order] = []
    limit: int = 50
    after: str | None = None
    view: Literal["active", "deleted", "all"] = "active"
    experiments: list[str] | None = None
    datasets: list[Dataset] = []
    order_datasets: list[list[Dataset]] = []
    now: datetime | None = None


class KeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of what a search finds.

    Attributes:
        keys: The keys of its noun, in order: an id, a name, or a name and a version.
        cursor: Give it back as `after` for those that follow; None at the end.
    """

    keys: list[tuple[Any, ...]]
    cursor: str | None


def by(key: str, *, descending: bool = False) -> Order:
    """Return the order by a fixed field."""
    return Order(Field("attribute", key), descending)


def search(connection: sa.Connection, noun: Noun, query: Query) -> KeyPage:
    """Return the keys of one page of what fits a search.

    Raises:
        InvalidInput: The cursor is of another search.
    """
    context = context_of(connection, query.now or wall_now())
    order = _orders(noun, query.order)
    keys = [key for place, term in enumerate(order) for key in _keys(noun, term, _datasets(query, place), context)]
    named = [noun.table.c[name] for name in noun.key]
    rows = sa.select(*named, *(key.expression for key in keys)).where(*_scope(noun, query))
    if query.where is not None:
        rows = rows.where(compiled(query.where, lambda found: _fits(noun, query, found, context)))
    said = [[order_text(one) for one in order], query.view, query.experiments, query.datasets, query.order_datasets]
    search_ = fingerprint(noun.name, query.where, *said)
    if query.after is not None:
        rows = rows.where(after(keys, read_cursor(query.after, search_, [key.type for key in keys])))
    found = connection.execute(ordered(rows, keys).limit(query.limit + 1)).all()
    page = found[: query.limit]
    cursor = write_cursor(search_, page[-1][len(named) :]) if len(found) > query.limit and page else None
    return KeyPage(keys=[tuple(row[: len(named)]) for row in page], cursor=cursor)


def _orders(noun: Noun, order: list[Order]) -> list[Order]:
    said = {one.field for one in order}
    return [*order, *(tie for tie in noun.ties if tie.field not in said)]


def _datasets(query: Query, place: int) -> list[Dataset]:
    return query.order_datasets[place] if place < len(query.order_datasets) else query.datasets


def _scope(noun: Noun, query: Query) -> list[Sql]:
    found: list[Sql] = []
    if "deleted_at" in noun.table.c and query.view != "all":
        deleted = noun.table.c.deleted_at
        found.append(deleted.is_(None) if query.view == "active" else deleted.is_not(None))
    if noun.measured is not None:
        if query.experiments is not None:
            found.append(noun.table.c.experiment_id.in_(query.experiments))
        if query.datasets:
            found.append(noun.measured(Field("metric", ""), query.datasets).order_by(None).exists())
    return found


def _keys(noun: Noun, term: Order, datasets: list[Dataset], context: Context) -> list[Key]:
    """Return what to sort by for one term: what has no value comes last either way."""
    value, kind = _sortable(noun, term.field, datasets, context)
    column = noun.columns.get(term.field.key) if term.field.entity == "attribute" else None
    if isinstance(column, sa.Column) and not column.nullable:
        # As it is, so that an index may have it in order.
        return [Key(value, term.descending, kind)]
    absent: dict[type, Any] = {int: 0, float: 0.0, str: ""}
    missing = Key(sa.case((value.is_(None), 1), else_=0), type=int)
    return [missing, Key(sa.func.coalesce(value, absent[kind]), term.descending, kind)]


def _sortable(noun: Noun, field: Field, datasets: list[Dataset], context: Context) -> tuple[Sql, type]:
    if field.entity == "metric" and noun.measured is not None:
        return noun.measured(field, datasets).limit(1).scalar_subquery(), float
    if field.entity in ("tag", "param"):
        return bytewise(noun.logged(field, context).scalar_subquery(), context), str
    column = noun.column(field.key, context)
    if field.key in ("created", "changed"):
        return sa.type_coerce(column, sa.BigInteger), int
    return (column, int) if isinstance(column.type, sa.Integer) else (bytewise(column, context), str)


def _fits(noun: Noun, query: Query, found: Comparison, context: Context) -> Sql:
    """Return whether the row at hand fits a comparison."""
    field = found.field
    if field.entity == "attribute":
        return _attribute(noun, found, context)
    if field.entity == "metric" and noun.measured is not None:
        rows = noun.measured(field, query.datasets).order_by(None)
    else:
        rows = noun.logged(field, context)
    if found.operator in ("IS NULL", "IS NOT NULL"):
        return sa.not_(rows.exists()) if found.operator == "IS NULL" else rows.exists()
    column: Sql = rows.selected_columns[0]
    if field.entity == "metric":
        return rows.where(on_number(column, found, nan=True)).exists()
    if field.key in noun.absent:
        column = sa.func.coalesce(rows.scalar_subquery(), noun.absent[field.key])
        return on_text(Text(column, column), as_texts(found), context)
    return rows.where(on_text(Text(column, column), as_texts(found), context)).exists()


def _attribute(noun: Noun, found: Comparison, context: Context) -> Sql:
    key = found.field.key
    if key == "alias" and noun.aliases is not None:
        return _alias(noun.aliases(), found, context)
    column = noun.column(key, context)
    if found.operator in ("IS NULL", "IS NOT NULL"):
        return column.is_(None) if found.operator == "IS NULL" else column.is_not(None)
    if key in ("created", "changed"):
        return on_moment(column, found, context)
    if isinstance(column.type, sa.Integer) and all(isinstance(value, float) for value in found.values):
        return on_number(column, found)
    text = sa.cast(column, sa.Text) if isinstance(column.type, sa.Integer) else column
    return on_text(Text(text, text), found, context)


def _alias(there: sa.Select[Any], found: Comparison, context: Context) -> Sql:
    if found.operator in ("IS NULL", "IS NOT NULL"):
        return sa.not_(there.exists()) if found.operator == "IS NULL" else there.exists()
    column: Sql = there.selected_columns[0]
    return there.where(on_text(Text(column, column), found, context)).exists()


def as_texts(found: Comparison) -> Comparison:
    """Return a comparison with numbers as one with texts."""
    texts = tuple(f"{value:g}" if isinstance(value, float) else value for value in found.values)
    return msgspec.structs.replace(found, values=texts)
