"""Datasets that runs used: each content once under its name, and which run used it for what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.ledger.conflicts import insert_or_keep, insert_or_update
from mlwright.ledger.schema import datasets, run_datasets
from mlwright.ledger.store import Transaction


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset, named by its content.

    Attributes:
        name: What people call it.
        digest: Digest of its content; a client's own notation is kept.
        source_type: Kind of the place that it is from, for example `local` or `code`.
        source: The place, in that kind's notation.
        schema: Columns and their types, as JSON.
        profile: Row count and the like, as JSON.
    """

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""


class UsedDataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as a run used it.

    Attributes:
        id: Its id in the ledger.
        dataset: The dataset.
        context: What for: training, validation, test, ...
        tags: Further notes of this use.
        created_at: When the ledger first heard of the dataset.
    """

    id: str
    dataset: Dataset
    context: str
    tags: dict[str, str]
    created_at: datetime


def put_dataset(tx: Transaction, dataset: Dataset) -> str:
    """Note that a dataset exists and return its id; one of this name and digest that is there already is kept."""
    row = {"id": new_id(), **msgspec.structs.asdict(dataset), "created_at": tx.now}
    insert_or_keep(tx, datasets, [row])
    same = (datasets.c.name == dataset.name, datasets.c.digest == dataset.digest)
    return str(tx.execute(sa.select(datasets.c.id).where(*same)).scalar_one())


def use_dataset(
    tx: Transaction, run_id: str, dataset_id: str, *, context: str = "", tags: dict[str, str] | None = None
) -> None:
    """Note that a run used a dataset; used again, the context is that of the last time."""
    row = {"run_id": run_id, "dataset_id": dataset_id, "context": context, "tags": tags or {}}
    insert_or_update(tx, run_datasets, [row])


def datasets_of(connection: sa.Connection, run_id: str) -> list[UsedDataset]:
    """Return the datasets that a run used, by name."""
    return datasets_of_many(connection, [run_id])[run_id]


def datasets_of_many(connection: sa.Connection, run_ids: list[str]) -> dict[str, list[UsedDataset]]:
    """Return the datasets that some runs used, by run and name."""
    found: dict[str, list[UsedDataset]] = {run_id: [] for run_id in run_ids}
    query = (
        sa.select(datasets, run_datasets.c.run_id, run_datasets.c.context, run_datasets.c.tags)
        .join(run_datasets, run_datasets.c.dataset_id == datasets.c.id)
        .where(run_datasets.c.run_id.in_(run_ids))
        .order_by(datasets.c.name, datasets.c.id)
    )
    for row in connection.execute(query):
        found[row.run_id].append(_used(row))
    return found


def runs_using(connection: sa.Connection, digest: str) -> list[str]:
    """Return the ids of the runs that used a content, newest first."""
    query = (
        sa.select(run_datasets.c.run_id)
        .join(datasets, run_datasets.c.dataset_id == datasets.c.id)
        .where(datasets.c.digest == digest)
        .distinct()
        .order_by(run_datasets.c.run_id.desc())
    )
    return list(connection.execute(query).scalars())


def _used(row: Any) -> UsedDataset:
    values = row._asdict()
    dataset = Dataset(**{name: values[name] for name in Dataset.__struct_fields__})
    return UsedDataset(id=row.id, dataset=dataset, context=row.context, tags=row.tags or {}, created_at=row.created_at)
