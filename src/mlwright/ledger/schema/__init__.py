"""What the ledger stores.

Read the files in this order: events, runs, registry, delivery, inference, monitoring, system.

History is kept, not overwritten: what changes over time (an alias, traffic, an alert) is rows with `from_at` and
`to_at`, where `to_at` is empty for what holds now. A row's `at` is the system's clock; `recorded_at` the machine's.
"""

from mlwright.ledger.schema.delivery import deployments, rollout_looks, rollouts, traffic
from mlwright.ledger.schema.events import cursors, events, leases, meta
from mlwright.ledger.schema.inference import labels, prediction_batches, predictions
from mlwright.ledger.schema.monitoring import alerts, monitor_results, monitors
from mlwright.ledger.schema.registry import aliases, gate_results, model_versions, models
from mlwright.ledger.schema.runs import (
    artifacts,
    cache_entries,
    experiments,
    journals,
    metrics,
    params,
    run_artifacts,
    runs,
    step_outputs,
    step_runs,
    tags,
)
from mlwright.ledger.schema.system import firings, schedules, systems, triggers
from mlwright.ledger.schema.types import metadata

#: Revision that this code reads and writes; the newest file of `migrations/versions`.
REVISION = "0001"

__all__ = [
    "REVISION",
    "alerts",
    "aliases",
    "artifacts",
    "cache_entries",
    "cursors",
    "deployments",
    "events",
    "experiments",
    "firings",
    "gate_results",
    "journals",
    "labels",
    "leases",
    "meta",
    "metadata",
    "metrics",
    "model_versions",
    "models",
    "monitor_results",
    "monitors",
    "params",
    "prediction_batches",
    "predictions",
    "rollout_looks",
    "rollouts",
    "run_artifacts",
    "runs",
    "schedules",
    "step_outputs",
    "step_runs",
    "systems",
    "tags",
    "traffic",
    "triggers",
]
