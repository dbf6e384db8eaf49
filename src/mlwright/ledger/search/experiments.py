"""Experiments as a noun of searches."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mlwright.core.filters import Field
from mlwright.ledger.schema import experiment_tags, experiments
from mlwright.ledger.search.conditions import Context
from mlwright.ledger.search.nouns import Noun, by


def _tag(field: Field, context: Context) -> sa.Select[Any]:
    tags = sa.select(experiment_tags.c.value).where(experiment_tags.c.experiment_id == experiments.c.id)
    return tags.where(experiment_tags.c.key == field.key).correlate(experiments)


EXPERIMENTS = Noun(
    name="experiments",
    table=experiments,
    key=("id",),
    columns={
        "name": experiments.c.name,
        "id": experiments.c.id,
        "experiment_id": experiments.c.number,
        "note": experiments.c.note,
        "created": experiments.c.created_at,
        "changed": experiments.c.changed_at,
    },
    ties=[by("experiment_id", descending=True)],
    logged=_tag,
)
