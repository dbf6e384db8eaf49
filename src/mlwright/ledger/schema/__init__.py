"""What the ledger stores.

Read the files in this order: events, runs, tracked, registry, mlflow, delivery, inference, monitoring, system.

History is kept, not overwritten: what changes over time (an alias, traffic, an alert) is rows with `from_at` and
`to_at`, where `to_at` is empty for what holds now. A row's `at` is the system's clock; `recorded_at` the machine's.
"""

from mlwright.ledger.schema.delivery import deployments, rollout_looks, rollouts, traffic
from mlwright.ledger.schema.events import cursors, events, leases, meta
from mlwright.ledger.schema.inference import labels, prediction_batches, predictions
from mlwright.ledger.schema.mlflow import logged_model_metrics, logged_models, proxied_files, run_models, uploads
from mlwright.ledger.schema.monitoring import alerts, monitor_results, monitors
from mlwright.ledger.schema.registry import (
    aliases,
    approval_votes,
    approvals,
    assignments,
    gate_results,
    model_tags,
    model_versions,
    models,
    registry_changes,
    webhook_deliveries,
    webhooks,
)
from mlwright.ledger.schema.runs import (
    artifacts,
    cache_entries,
    experiment_tags,
    experiments,
    runs,
    step_outputs,
    step_runs,
)
from mlwright.ledger.schema.system import firings, schedules, systems, triggers
from mlwright.ledger.schema.tracked import (
    chunks,
    datasets,
    journals,
    params,
    points,
    run_artifacts,
    run_datasets,
    series,
    sheets,
    tags,
)
from mlwright.ledger.schema.types import metadata

#: Revision that this code reads and writes; the newest file of `migrations/versions`.
REVISION = "0001"

__all__ = [
    "REVISION",
    "alerts",
    "aliases",
    "approval_votes",
    "approvals",
    "artifacts",
    "assignments",
    "cache_entries",
    "chunks",
    "cursors",
    "datasets",
    "deployments",
    "events",
    "experiment_tags",
    "experiments",
    "firings",
    "gate_results",
    "journals",
    "labels",
    "leases",
    "logged_model_metrics",
    "logged_models",
    "meta",
    "metadata",
    "model_tags",
    "model_versions",
    "models",
    "monitor_results",
    "monitors",
    "params",
    "points",
    "prediction_batches",
    "predictions",
    "proxied_files",
    "registry_changes",
    "rollout_looks",
    "rollouts",
    "run_artifacts",
    "run_datasets",
    "run_models",
    "runs",
    "schedules",
    "series",
    "sheets",
    "step_outputs",
    "step_runs",
    "systems",
    "tags",
    "traffic",
    "triggers",
    "uploads",
    "webhook_deliveries",
    "webhooks",
]
