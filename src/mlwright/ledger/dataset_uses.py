"""Which datasets the runs of experiments used, and for what."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from mlwright.ledger.schema import datasets, experiments, run_datasets, runs


class DatasetUse(msgspec.Struct, frozen=True, kw_only=True):
    """That runs of an experiment used a dataset for something.

    Attributes:
        experiment_number: The experiment.
        name: The dataset's name.
        digest: Digest of its content.
        context: What for; empty when that wasn't said.
    """

    experiment_number: int
    name: str
    digest: str
    context: str


def uses_in(connection: sa.Connection, experiment_ids: list[str], *, limit: int) -> list[DatasetUse]:
    """Return the datasets that the runs of some experiments used, each once for each thing it was used for."""
    joined = (
        run_datasets.join(runs, run_datasets.c.run_id == runs.c.id)
        .join(experiments, runs.c.experiment_id == experiments.c.id)
        .join(datasets, run_datasets.c.dataset_id == datasets.c.id)
    )
    columns = (
        experiments.c.number.label("experiment_number"),
        datasets.c.name,
        datasets.c.digest,
        run_datasets.c.context,
    )
    query = sa.select(*columns).select_from(joined).where(experiments.c.id.in_(experiment_ids)).distinct()
    ordered = query.order_by(*columns).limit(limit)
    return [DatasetUse(**row._asdict()) for row in connection.execute(ordered)]
