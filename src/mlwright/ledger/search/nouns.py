"""Searching experiments, models, their versions and logged models, with the language that runs are searched with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from mlwright.core.clock import wall_now
from mlwright.core.filters import Comparison, Expression, Field, Order
from mlwright.core.filters.orders import order_text
from mlwright.ledger.schema import (
    aliases,
    experiment_tags,
    experiments,
    logged_model_metrics,
    logged_models,
    model_tags,
    model_versions,
    models,
)
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

#: A tag of MLflow's that counts as 'false' where it is absent.
_IS_PROMPT = "mlflow.prompt.is_prompt"


class Noun(msgspec.Struct, frozen=True):
    """What can be searched.

    Attributes:
        name: In the plural.
        table: Where it is.
        key: Columns that tell one from another.
        columns: Fixed fields by name; a function where a field is more than a column.
        ties: What decides when the order doesn't.
    """

    name: str
    table: sa.Table
    key: tuple[str, ...]
    columns: dict[str, Sql]
    ties: list[Order]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to find, and in which order.

    Attributes:
        where: What they fit; None for all.
        order: Most important first.
        limit: How many at most.
        after: Cursor of the page before.
        view: Those that aren't in the bin, those that are, or both.
        experiments: Of logged models: ids of their experiments; None for all.
        datasets: Of logged models: name and digest (empty for any) of datasets that their metrics are of.
        now: What `now()` means; the machine's clock by default.
    """

    where: Expression | None = None
    order: list[Order] = []
    limit: int = 50
    after: str | None = None
    view: Literal["active", "deleted", "all"] = "active"
    experiments: list[str] | None = None
    datasets: list[tuple[str, str]] = []
    now: datetime | None = None


class KeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of what a search finds.

    Attributes:
        keys: The keys of its noun, in order: an id, a name, or a name and a version.
        cursor: Give it back as `after` for those that follow; None at the end.
    """

    keys: list[tuple[Any, ...]]
    cursor: str | None


def _by(key: str, *, descending: bool = False) -> Order:
    return Order(Field("attribute", key), descending)


EXPERIMENTS = Noun(
    "experiments",
    experiments,
    ("id",),
    {
        "name": experiments.c.name,
        "id": experiments.c.id,
        "experiment_id": experiments.c.number,
        "note": experiments.c.note,
        "created": experiments.c.created_at,
        "changed": experiments.c.changed_at,
    },
    [_by("experiment_id", descending=True)],
)
MODELS = Noun(
    "models",
    models,
    ("name",),
    {
        "name": models.c.name,
        "description": models.c.description,
        "created": models.c.created_at,
        "changed": models.c.changed_at,
    },
    [_by("name")],
)
VERSIONS = Noun(
    "model versions",
    model_versions,
    ("model", "version"),
    {
        "name": model_versions.c.model,
        "version": model_versions.c.version,
        "run_id": model_versions.c.run_id,
        "source": model_versions.c.source,
        "status": model_versions.c.status,
        "stage": model_versions.c.stage,
        "flavour": model_versions.c.flavour,
        "description": model_versions.c.description,
        "digest": model_versions.c.digest,
        "user": model_versions.c.actor,
        "created": model_versions.c.created_at,
        "changed": model_versions.c.changed_at,
    },
    [_by("name"), _by("version", descending=True)],
)
LOGGED_MODELS = Noun(
    "logged models",
    logged_models,
    ("id",),
    {
        "name": logged_models.c.name,
        "model_id": logged_models.c.id,
        "model_type": logged_models.c.model_type,
        "status": logged_models.c.status,
        "source_run_id": logged_models.c.run_id,
        "experiment_id": logged_models.c.experiment_id,
        "created": logged_models.c.created_at,
        "changed": logged_models.c.changed_at,
    },
    [_by("created", descending=True), _by("model_id")],
)


def search(connection: sa.Connection, noun: Noun, query: Query) -> KeyPage:
    """Return the keys of one page of what fits a search.

    Raises:
        InvalidInput: The cursor is of another search.
    """
    context = context_of(connection, query.now or wall_now())
    order = _orders(noun, query.order)
    keys = [key for term in order for key in _keys(noun, term, query, context)]
    named = [noun.table.c[name] for name in noun.key]
    rows = sa.select(*named, *(key.expression for key in keys)).where(*_scope(noun, query))
    if query.where is not None:
        rows = rows.where(compiled(query.where, _compare(noun, query, context)))
    search_ = fingerprint(noun.name, query.where, [order_text(one) for one in order], query.view, query.experiments)
    if query.after is not None:
        rows = rows.where(after(keys, read_cursor(query.after, search_, [key.type for key in keys])))
    found = connection.execute(ordered(rows, keys).limit(query.limit + 1)).all()
    page = found[: query.limit]
    cursor = write_cursor(search_, page[-1][len(named) :]) if len(found) > query.limit and page else None
    return KeyPage(keys=[tuple(row[: len(named)]) for row in page], cursor=cursor)


def _orders(noun: Noun, order: list[Order]) -> list[Order]:
    said = {one.field for one in order}
    return [*order, *(tie for tie in noun.ties if tie.field not in said)]


def _scope(noun: Noun, query: Query) -> list[Sql]:
    found: list[Sql] = []
    if "deleted_at" in noun.table.c and query.view != "all":
        deleted = noun.table.c.deleted_at
        found.append(deleted.is_(None) if query.view == "active" else deleted.is_not(None))
    if noun is LOGGED_MODELS:
        if query.experiments is not None:
            found.append(logged_models.c.experiment_id.in_(query.experiments))
        if query.datasets:
            found.append(_metrics(query).exists())
    return found


def _keys(noun: Noun, term: Order, query: Query, context: Context) -> list[Key]:
    """Return what to sort by for one term: what has no value comes last either way."""
    value, kind = _sortable(noun, term.field, query, context)
    absent: dict[type, Any] = {int: 0, float: 0.0, str: ""}
    missing = Key(sa.case((value.is_(None), 1), else_=0), type=int)
    return [missing, Key(sa.func.coalesce(value, absent[kind]), term.descending, kind)]


def _sortable(noun: Noun, field: Field, query: Query, context: Context) -> tuple[Sql, type]:
    if field.entity == "metric":
        newest = (logged_model_metrics.c.at.desc(), logged_model_metrics.c.step.desc(), logged_model_metrics.c.run_id)
        value = sa.type_coerce(logged_model_metrics.c.value, sa.Double)
        found = _metrics(query, value).where(logged_model_metrics.c.key == field.key).order_by(*newest).limit(1)
        return found.scalar_subquery(), float
    if field.entity in ("tag", "param"):
        found = _logged(noun, field, context)
        return bytewise(found.scalar_subquery(), context), str
    column = noun.columns[field.key]
    if field.key in ("created", "changed"):
        return sa.type_coerce(column, sa.BigInteger), int
    return (column, int) if isinstance(column.type, sa.Integer) else (bytewise(column, context), str)


def _compare(noun: Noun, query: Query, context: Context) -> Callable[[Comparison], Sql]:
    """Return what makes SQL of a comparison."""

    def compare(found: Comparison) -> Sql:
        field = found.field
        if field.entity == "attribute":
            return _attribute(noun, found, context)
        there = found.operator in ("IS NULL", "IS NOT NULL")
        if field.entity == "metric":
            value = sa.type_coerce(logged_model_metrics.c.value, sa.Double)
            rows = _metrics(query).where(logged_model_metrics.c.key == field.key)
            fits = rows if there else rows.where(on_number(value, found, nan=True))
        else:
            rows = _logged(noun, field, context)
            column: Sql = rows.selected_columns[0]
            fits = rows if there else rows.where(on_text(Text(column, column), _as_texts(found), context))
        said = fits.exists()
        if found.operator == "IS NULL":
            return sa.not_(said)
        if field.key == _IS_PROMPT and found.operator in ("=", "!="):
            counts = (found.values[0] == "false") == (found.operator == "=")
            return sa.or_(said, sa.not_(rows.exists()) & (sa.true() if counts else sa.false()))
        return said

    return compare


def _attribute(noun: Noun, found: Comparison, context: Context) -> Sql:
    key = found.field.key
    if key == "alias":
        return _alias(noun, found, context)
    column = noun.columns[key]
    if found.operator in ("IS NULL", "IS NOT NULL"):
        return column.is_(None) if found.operator == "IS NULL" else column.is_not(None)
    if key in ("created", "changed"):
        return on_moment(column, found, context)
    if isinstance(column.type, sa.Integer) and all(isinstance(value, float) for value in found.values):
        return on_number(column, found)
    text = sa.cast(column, sa.Text) if isinstance(column.type, sa.Integer) else column
    if key == "user":
        text = sa.case((column.startswith("user:"), sa.func.substr(column, len("user:") + 1)), else_=column)
    return on_text(Text(text, text), found, context)


def _alias(noun: Noun, found: Comparison, context: Context) -> Sql:
    same = aliases.c.model == noun.table.c["name" if noun is MODELS else "model"]
    same = same if noun is MODELS else same & (aliases.c.version == noun.table.c.version)
    there = sa.select(aliases.c.alias).where(same, aliases.c.to_at.is_(None)).correlate(noun.table)
    if found.operator == "IS NULL":
        return sa.not_(there.exists())
    fits = on_text(Text(aliases.c.alias, aliases.c.alias), found, context)
    return (there if found.operator == "IS NOT NULL" else there.where(fits)).exists()


def _logged(noun: Noun, field: Field, context: Context) -> sa.Select[Any]:
    """Return the value of a tag or param of the row at hand; one row, or none."""
    if noun is EXPERIMENTS:
        tags = sa.select(experiment_tags.c.value).where(experiment_tags.c.experiment_id == experiments.c.id)
        return tags.where(experiment_tags.c.key == field.key).correlate(experiments)
    if noun is LOGGED_MODELS:
        values = logged_models.c.tags if field.entity == "tag" else logged_models.c.params
        each = sa.func.json_each if context.sqlite else sa.func.json_each_text
        pairs = each(sa.type_coerce(values, sa.Text) if context.sqlite else sa.cast(values, sa.JSON))
        listed = pairs.table_valued("key", "value", name="listed")
        value = sa.cast(listed.c.value, sa.Text)
        return sa.select(value).select_from(listed).where(listed.c.key == field.key).correlate(logged_models)
    owner = noun.table.c["name" if noun is MODELS else "model"]
    version = 0 if noun is MODELS else noun.table.c.version
    of_row = (model_tags.c.model == owner) & (model_tags.c.version == version)
    return sa.select(model_tags.c.value).where(of_row, model_tags.c.key == field.key).correlate(noun.table)


def _metrics(query: Query, value: Sql | None = None) -> sa.Select[Any]:
    """Return the metrics of the logged model at hand, of the datasets that are asked for."""
    shown = logged_model_metrics.c.id if value is None else value
    rows = sa.select(shown).where(logged_model_metrics.c.model_id == logged_models.c.id).correlate(logged_models)
    if not query.datasets:
        return rows
    wanted = [
        (logged_model_metrics.c.dataset_name == name)
        & ((logged_model_metrics.c.dataset_digest == digest) if digest else sa.true())
        for name, digest in query.datasets
    ]
    return rows.where(sa.or_(*wanted))


def _as_texts(found: Comparison) -> Comparison:
    texts = tuple(f"{value:g}" if isinstance(value, float) else value for value in found.values)
    return msgspec.structs.replace(found, values=texts)
