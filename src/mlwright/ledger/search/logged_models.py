"""Logged models as a noun of searches."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mlwright.core.filters import Field
from mlwright.ledger.schema import experiments, logged_model_metrics, logged_models
from mlwright.ledger.search.conditions import Context, Sql
from mlwright.ledger.search.nouns import Dataset, Noun, by


def _logged(field: Field, context: Context) -> sa.Select[Any]:
    values = logged_models.c.tags if field.entity == "tag" else logged_models.c.params
    each = sa.func.json_each if context.sqlite else sa.func.json_each_text
    pairs = each(sa.type_coerce(values, sa.Text) if context.sqlite else sa.cast(values, sa.JSON))
    listed = pairs.table_valued("key", "value", name="listed")
    value = sa.cast(listed.c.value, sa.Text)
    return sa.select(value).select_from(listed).where(listed.c.key == field.key).correlate(logged_models)


def _measured(field: Field, datasets: list[Dataset]) -> sa.Select[Any]:
    """Return the values of a metric (of all metrics without a key), the newest first."""
    table = logged_model_metrics
    rows = sa.select(sa.type_coerce(table.c.value, sa.Double)).where(table.c.model_id == logged_models.c.id)
    if field.key:
        rows = rows.where(table.c.key == field.key)
    if datasets:
        named = [
            (table.c.dataset_name == name) & ((table.c.dataset_digest == digest) if digest else sa.true())
            for name, digest in datasets
        ]
        rows = rows.where(sa.or_(*named))
    return rows.order_by(table.c.at.desc(), table.c.step.desc(), table.c.id).correlate(logged_models)


def _experiment_id(context: Context) -> Sql:
    """Return what MLflow's clients call a model's experiment by."""
    number = sa.select(sa.cast(experiments.c.number, sa.Text)).where(experiments.c.id == logged_models.c.experiment_id)
    return number.correlate(logged_models).scalar_subquery()


def _model_type(context: Context) -> Sql:
    return sa.func.nullif(logged_models.c.model_type, "")


LOGGED_MODELS = Noun(
    name="logged models",
    table=logged_models,
    key=("id",),
    columns={
        "name": logged_models.c.name,
        "model_id": logged_models.c.id,
        "status": logged_models.c.status,
        "source_run_id": logged_models.c.run_id,
        "created": logged_models.c.created_at,
        "changed": logged_models.c.changed_at,
    },
    computed={"experiment_id": _experiment_id, "model_type": _model_type},
    ties=[by("created", descending=True), by("model_id")],
    logged=_logged,
    measured=_measured,
)
