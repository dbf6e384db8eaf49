"""Routes that log: metrics, params and tags, one by one and in batches, and models of old clients."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from mlwright.errors import InvalidInput
from mlwright.ledger import Transaction, curves, logged_models, run_log
from mlwright.ledger.logged_models import ModelMetric
from mlwright.server.mlflow import checks, runs
from mlwright.server.mlflow.errors import invalid
from mlwright.server.mlflow.route import AnyRoute, Change
from mlwright.server.mlflow.shapes import LOGGED_MODELS, Metric, Tag
from mlwright.server.mlflow.values import LAST_MS, NOTHING, Int64, Nothing, Required, ms_in

_OF_MODEL = ("artifact_path", "flavors", "utc_time_created", "run_id")
_ALSO_OF_MODEL = ("model_uuid", "mlflow_version")


class LogMetric(msgspec.Struct, frozen=True):
    """One point of a metric."""

    run_id: Required
    key: Required
    value: float
    timestamp: Int64
    step: Int64 | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class LogParam(msgspec.Struct, frozen=True):
    """One param."""

    run_id: Required
    key: Required
    value: str | None = None


class SetTag(msgspec.Struct, frozen=True):
    """One tag."""

    run_id: Required
    key: Required
    value: str | None = None


class DeleteTag(msgspec.Struct, frozen=True):
    """A tag that a run shall lose."""

    run_id: Required
    key: Required


class LogBatch(msgspec.Struct, frozen=True):
    """Metrics, params and tags of a run."""

    run_id: Required
    metrics: list[Metric] | None = None
    params: list[Tag] | None = None
    tags: list[Tag] | None = None


class LogModel(msgspec.Struct, frozen=True):
    """A model as clients of old described it."""

    run_id: Required
    model_json: Required


def log_metric(tx: Transaction, given: LogMetric) -> Nothing:
    """Log one point."""
    checks.check_key(given.key, "name", "Metric name")
    at_ms = _checked_time(given.timestamp, "timestamp")
    runs.active(tx, given.run_id)
    curves.add_rows(tx, given.run_id, [(given.key, given.step or 0, given.value, at_ms * 1000)])
    if given.model_id:
        logged_models.add_metrics(tx, [_of_model(given, given.run_id)])
    return NOTHING


def log_param(tx: Transaction, given: LogParam) -> Nothing:
    """Log one param."""
    checks.check_key(given.key, "key", "Param key")
    runs.active(tx, given.run_id)
    runs.set_params(tx, given.run_id, {given.key: _param(given)})
    return NOTHING


def set_tag(tx: Transaction, given: SetTag) -> Nothing:
    """Set one tag."""
    checks.check_key(given.key, "key")
    value = checks.cut(given.value or "", checks.LONGEST_TAG, f"the tag '{given.key}'")
    runs.active(tx, given.run_id)
    runs.set_tags(tx, given.run_id, {given.key: value})
    return NOTHING


def delete_tag(tx: Transaction, given: DeleteTag) -> Nothing:
    """Take one tag off a run."""
    runs.active(tx, given.run_id)
    runs.delete_tag(tx, given.run_id, given.key)
    return NOTHING


def log_batch(tx: Transaction, given: LogBatch) -> Nothing:
    """Log metrics, params and tags: all of them, or none."""
    checks.check_run_id(given.run_id)
    metrics, params, tags = given.metrics or [], given.params or [], given.tags or []
    rows = _rows(metrics)
    texts = _params(params)
    checked_tags = runs.checked_tags(tags)
    checks.check_batch(len(metrics), len(params), len(tags))
    runs.active(tx, given.run_id)
    if texts:
        runs.set_params(tx, given.run_id, texts)
    if rows:
        curves.add_rows(tx, given.run_id, rows)
        of_models = [_of_model(metric, given.run_id) for metric in metrics if metric.model_id]
        if of_models:
            logged_models.add_metrics(tx, of_models)
    if checked_tags:
        runs.set_tags(tx, given.run_id, checked_tags)
    return NOTHING


def log_model(tx: Transaction, given: LogModel) -> Nothing:
    """Note that a run made a model, in the tag where clients of old look for it."""
    try:
        model = msgspec.json.decode(given.model_json)
    except msgspec.DecodeError as error:
        raise InvalidInput("Malformed model info.", why="model_json is no JSON") from error
    if not isinstance(model, dict):
        raise invalid("model_json", given.model_json, "it is no JSON object.")
    missing = [name for name in _OF_MODEL if name not in model]
    if missing:
        raise InvalidInput(f"Model json is missing mandatory fields: {', '.join(missing)}.")
    runs.active(tx, given.run_id)
    known = run_log.tag_of(tx.connection, given.run_id, LOGGED_MODELS)
    kept = {name: model[name] for name in (*_OF_MODEL, *_ALSO_OF_MODEL) if name in model}
    value = msgspec.json.encode([*_list(known), kept]).decode()
    run_log.set_tags(tx, given.run_id, {LOGGED_MODELS: value})
    return NOTHING


def _rows(metrics: list[Metric]) -> list[tuple[str, int, float, int]]:
    """Return points as the ledger takes them; one that a batch has twice is taken once."""
    rows = [(point.key, point.step or 0, point.value, point.timestamp * 1000) for point in metrics]
    for key in {point.key for point in metrics}:
        if checks.fault_of_name(key) is not None or len(key) > checks.LONGEST_KEY:
            index = next(index for index, point in enumerate(metrics) if point.key == key)
            checks.check_key(key, f"metrics[{index}].name", "Metric name")
    if rows and not 0 <= min(row[3] for row in rows) <= max(row[3] for row in rows) <= LAST_MS * 1000:
        for index, point in enumerate(metrics):
            _checked_time(point.timestamp, f"metrics[{index}].timestamp")
    return list(dict.fromkeys(rows))


def _params(params: list[Tag]) -> dict[str, str]:
    found: dict[str, str] = {}
    twice = []
    for index, param in enumerate(params):
        checks.check_key(param.key, f"params[{index}].key", "Param key")
        if param.key in found:
            twice.append(param.key)
        found[param.key] = _param(param)
    if twice:
        raise InvalidInput(
            f"Duplicate parameter keys have been submitted: {twice}.", fix="send each param of a batch once"
        )
    return found


def _param(given: LogParam | Tag) -> str:
    return checks.cut(given.value or "", checks.LONGEST_PARAM, f"the param '{given.key}'")


def _checked_time(timestamp: int, path: str) -> int:
    if not 0 <= timestamp <= LAST_MS:
        ms_in(timestamp, path)
    return timestamp


def _of_model(given: Metric | LogMetric, run_id: str) -> ModelMetric:
    at: datetime = ms_in(given.timestamp, "timestamp")
    return ModelMetric(
        model_id=given.model_id or "",
        key=given.key,
        value=given.value,
        step=given.step or 0,
        at=at,
        run_id=run_id,
        dataset_name=given.dataset_name or "",
        dataset_digest=given.dataset_digest or "",
    )


def _list(text: str | None) -> list[Any]:
    """Return the list that a tag holds; what a client wrote into it by hand may be none."""
    try:
        found = msgspec.json.decode(text or "[]")
    except msgspec.DecodeError:
        return []
    return found if isinstance(found, list) else []


ROUTES: tuple[AnyRoute, ...] = (
    Change("POST", "/mlflow/runs/log-metric", LogMetric, log_metric),
    Change("POST", "/mlflow/runs/log-parameter", LogParam, log_param),
    Change("POST", "/mlflow/runs/set-tag", SetTag, set_tag),
    Change("POST", "/mlflow/runs/delete-tag", DeleteTag, delete_tag),
    Change("POST", "/mlflow/runs/log-batch", LogBatch, log_batch),
    Change("POST", "/mlflow/runs/log-model", LogModel, log_model),
)
