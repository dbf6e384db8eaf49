"""The fields of runs as SQL: which rows fit a comparison, which runs an index finds, and what to sort by."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.filters import Comparison, Field, Order
from mlwright.ledger.schema import (
    aliases,
    datasets,
    experiments,
    logged_models,
    model_versions,
    params,
    run_datasets,
    run_models,
    runs,
    series,
    tags,
)
from mlwright.ledger.search.conditions import Context, Sql, Text, bytewise, on_moment, on_number, on_text, plain
from mlwright.ledger.search.paging import Key

#: Parts of a metric that an index sorts.
INDEXED_PARTS = ("last", "min", "max")
#: Written out, because the condition of a partial index has to be seen when a statement is prepared.
SHOWN: Sql = sa.literal_column("1")
_COLUMNS = {
    "run_id": "id",
    "actor": "actor",
    "kind": "kind",
    "pipeline": "pipeline",
    "parent": "parent_id",
    "forked_from": "forked_from",
    "note": "note",
    "code": "code_digest",
    "environment": "environment_digest",
    "name": "name",
    "status": "status",
}
#: The statuses in the order of MLflow's words: FAILED, FINISHED, KILLED, RUNNING, SCHEDULED.
_BY_MLFLOWS_WORD = ("failed", "succeeded", "cancelled", "running", "scheduled")
_MOMENTS = {"started": "started_at", "ended": "ended_at"}
_PARTS = {"last": "last", "min": "min", "max": "max", "count": "count", "step": "last_step"}


class Sorting(msgspec.Struct, frozen=True):
    """What one term of a sort order needs.

    Attributes:
        keys: In order.
        joined: A table to join from the left, and on what.
    """

    keys: list[Key]
    joined: tuple[sa.FromClause, Sql] | None = None


def fits(found: Comparison, context: Context) -> Sql:
    """Return whether the row of `runs` at hand fits a comparison."""
    field = found.field
    if field.entity == "attribute":
        return _attribute(found, context)
    if found.operator == "IS NULL":
        return sa.not_(fits(msgspec.structs.replace(found, operator="IS NOT NULL"), context))
    if field.entity == "model":
        return sa.or_(*(_here(query) for query in _models(found, context)))
    return _here(run_ids(found, context, by_value=False))


def run_ids(found: Comparison, context: Context, *, by_value: bool = True) -> sa.Select[Any]:
    """Return the ids of the runs that fit a comparison of what was logged.

    Args:
        found: The comparison; not IS NULL.
        context: Database and moment.
        by_value: Whether an index on the value may find them; otherwise the run is known.
    """
    field = found.field
    any_value = found.operator == "IS NOT NULL"
    if field.entity == "metric":
        column: Sql = sa.type_coerce(series.c[_PARTS[field.part]], sa.Double)
        column = column if by_value else plain(column)
        fit = sa.true() if any_value else on_number(column, found, nan=field.part in INDEXED_PARTS)
        return sa.select(series.c.run_id).where(series.c.key == field.key, series.c.shown == SHOWN, fit)
    if field.entity == "param":
        fit = sa.true() if any_value else _on_param(found, context)
        return sa.select(params.c.run_id).where(params.c.key == field.key, fit)
    if field.entity == "tag":
        fit = sa.true() if any_value else on_text(Text(tags.c.text, tags.c.value), found, context)
        return sa.select(tags.c.run_id).where(tags.c.key == field.key, fit)
    of_dataset: Sql = run_datasets.c.context if field.key == "context" else datasets.c[field.key]
    there = of_dataset != ""
    fit = there if any_value else there & on_text(Text(of_dataset, of_dataset), found, context)
    joined = run_datasets.join(datasets, datasets.c.id == run_datasets.c.dataset_id)
    return sa.select(run_datasets.c.run_id).select_from(joined).where(fit)


def sorting(order: Order, context: Context) -> Sorting:
    """Return what to sort by for one term: what has no value comes last either way, NaN before it."""
    field, down = order.field, order.descending
    if field.entity == "metric":
        table = series.alias()
        on = (table.c.run_id == runs.c.id) & (table.c.key == field.key) & (table.c.shown == SHOWN)
        value = sa.type_coerce(table.c[_PARTS[field.part]], sa.Double)
        group = sa.case((value.is_not(None), 0), (table.c.id.is_not(None), 1), else_=2)
        return Sorting([Key(group, type=int), Key(sa.func.coalesce(value, 0.0), down, float)], (table, on))
    if field.entity in ("param", "tag"):
        table = (params if field.entity == "param" else tags).alias()
        on = (table.c.run_id == runs.c.id) & (table.c.key == field.key)
        text = Key(bytewise(sa.func.coalesce(table.c.text, ""), context), down)
        if field.entity == "tag" or order.as_text:
            return Sorting([_absence(table.c.text), text], (table, on))
        number = sa.func.coalesce(table.c.number, 0.0)
        group = sa.case((table.c.number.is_not(None), 0), (table.c.text.is_not(None), 1), else_=2)
        return Sorting([Key(group, type=int), Key(number, down, float), text], (table, on))
    if field.key == "started":
        return Sorting([Key(sa.type_coerce(runs.c.started_at, sa.BigInteger), down, int)])
    if field.key in _MOMENTS:
        return Sorting(_nullable(sa.type_coerce(runs.c[_MOMENTS[field.key]], sa.BigInteger), 0, down))
    if field.key == "duration":
        return Sorting(_nullable(_duration(), 0.0, down))
    column = text_attribute(field)
    if field.key == "status" and order.as_text:
        place = sa.case({word: place for place, word in enumerate(_BY_MLFLOWS_WORD)}, value=column, else_=-1)
        return Sorting([Key(place, down, int)])
    if field.key in ("run_id", "name", "status"):
        return Sorting([Key(bytewise(column, context), down)])
    return Sorting([_absence(column), Key(bytewise(sa.func.coalesce(column, ""), context), down)])


def text_attribute(field: Field) -> Sql:
    """Return the text of a fixed field."""
    if field.key in _COLUMNS:
        return runs.c[_COLUMNS[field.key]]
    if field.key == "user":
        person = runs.c.actor.startswith("user:")
        return sa.case((person, sa.func.substr(runs.c.actor, len("user:") + 1)), else_=runs.c.actor)
    of_run = experiments.c.id == runs.c.experiment_id
    if field.key == "experiment":
        value: Sql = experiments.c.name
    elif field.key == "experiment_id":
        value = sa.cast(experiments.c.number, sa.Text)
    else:
        there = sa.func.rtrim(experiments.c.location, "/")
        place = sa.case(
            (experiments.c.location == "", "mlflow-artifacts:/" + sa.cast(experiments.c.number, sa.Text)), else_=there
        )
        value = place + "/" + runs.c.id + "/artifacts"
    return sa.select(value).where(of_run).correlate(runs).scalar_subquery()


def _nullable(column: Sql, absent: float, descending: bool) -> list[Key]:
    return [_absence(column), Key(sa.func.coalesce(column, absent), descending, type(absent))]


def _absence(column: Sql) -> Key:
    return Key(sa.case((column.is_(None), 1), else_=0), type=int)


def _duration() -> Sql:
    """Return how many seconds a run took: as measured, or between its two moments where a client gave them."""
    us = sa.type_coerce(runs.c.ended_at, sa.BigInteger) - sa.type_coerce(runs.c.started_at, sa.BigInteger)
    return sa.func.coalesce(runs.c.duration_s, sa.cast(us, sa.Double) / 1e6)


def _attribute(found: Comparison, context: Context) -> Sql:
    field = found.field
    if field.key in _MOMENTS:
        column: Sql = runs.c[_MOMENTS[field.key]]
    else:
        column = _duration() if field.key == "duration" else text_attribute(field)
    if found.operator in ("IS NULL", "IS NOT NULL"):
        return column.is_(None) if found.operator == "IS NULL" else column.is_not(None)
    if field.key in _MOMENTS:
        return on_moment(column, found, context)
    if field.key == "duration":
        return on_number(column, found)
    return on_text(Text(column, column), found, context)


def _on_param(found: Comparison, context: Context) -> Sql:
    """Compare a param: with numbers by its number, with texts by its text; a list may have both."""
    if found.operator in ("IN", "NOT IN"):
        texts = tuple(word for value in found.values if not isinstance(value, float) for word in _words(value))
        numbers = tuple(value for value in found.values if isinstance(value, float))
        fit = on_text(_param_text(context), Comparison(found.field, "IN", texts), context) if texts else sa.false()
        fit = sa.or_(fit, on_number(params.c.number, Comparison(found.field, "IN", numbers)) if numbers else sa.false())
        return fit if found.operator == "IN" else sa.not_(fit)
    value = found.values[0]
    if isinstance(value, bool):
        listed = Comparison(found.field, "IN" if found.operator == "=" else "NOT IN", _words(value))
        return on_text(_param_text(context), listed, context)
    if isinstance(value, float):
        return on_number(params.c.number, found, nan=found.operator == "!=" or found.operator.startswith("NOT "))
    return on_text(_param_text(context), found, context)


def _words(value: Any) -> tuple[str, ...]:
    """Return how a value may be spelt: a truth as JSON has it, and as Python prints it."""
    return (str(value).lower(), str(value)) if isinstance(value, bool) else (str(value),)


def _param_text(context: Context) -> Text:
    decoded: Sql = sa.func.json_extract(params.c.value, "$")
    if not context.sqlite:
        decoded = sa.cast(params.c.value, sa.JSON).op("#>>")(sa.text("'{}'"))
    short = sa.func.length(params.c.text) < 250
    return Text(params.c.text, sa.case((short, params.c.text), else_=decoded))


def _models(found: Comparison, context: Context) -> list[sa.Select[Any]]:
    key = found.field.key
    there = found.operator == "IS NOT NULL"

    def fit(column: Sql) -> Sql:
        return column != "" if there else on_text(Text(column, column), _as_texts(found), context)

    versions = sa.select(model_versions.c.run_id).where(model_versions.c.run_id.is_not(None))
    if key == "name":
        return [versions.where(fit(model_versions.c.model)), *_logged(fit(logged_models.c.name))]
    if key == "id":
        return _logged(fit(logged_models.c.id))
    if key == "alias":
        holds = (aliases.c.model == model_versions.c.model) & (aliases.c.version == model_versions.c.version)
        current = model_versions.join(aliases, holds & aliases.c.to_at.is_(None))
        return [versions.select_from(current).where(fit(aliases.c.alias))]
    return [
        versions.where(fit(model_versions.c.stage if key == "stage" else sa.cast(model_versions.c.version, sa.Text)))
    ]


def _as_texts(found: Comparison) -> Comparison:
    """Return a comparison with numbers as one with texts: `model.version = 3`."""
    texts = tuple(f"{value:g}" if isinstance(value, float) else value for value in found.values)
    return msgspec.structs.replace(found, values=texts)


def _logged(fit: Sql) -> list[sa.Select[Any]]:
    made = sa.select(logged_models.c.run_id).where(logged_models.c.deleted_at.is_(None), fit)
    linked = run_models.join(logged_models, logged_models.c.id == run_models.c.model_id)
    return [made, sa.select(run_models.c.run_id).select_from(linked).where(logged_models.c.deleted_at.is_(None), fit)]


def _here(query: sa.Select[Any]) -> Sql:
    of_run = query.selected_columns[0]
    return query.where(of_run == runs.c.id).correlate(runs).exists()
