"""MLflow's own rules for names, lengths and the sizes of batches."""

from __future__ import annotations

import logging
import posixpath
import re
from functools import lru_cache
from typing import Any

from mlwright.errors import InvalidInput
from mlwright.server.mlflow.errors import invalid, too_long

MOST_METRICS = 1000
MOST_PARAMS = 100
MOST_TAGS = 100
MOST_ENTRIES = 1000
LONGEST_KEY = 250
LONGEST_PARAM = 6000
LONGEST_TAG = 8000
LONGEST_EXPERIMENT_NAME = 500
LONGEST_EXPERIMENT_TAG = 20_000
LONGEST_LOCATION = 2048
LONGEST_DATASET = {"name": 500, "digest": 36, "schema": 1_048_575, "source": 65_535, "profile": 16_777_215}
LONGEST_INPUT_TAG_KEY = 255
LONGEST_INPUT_TAG = 500
MOST_DATASETS = 1000
MOST_RESULTS = 50_000

_NAME = re.compile(r"[/\w.\- :]*")
_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")
_NUMBER = re.compile(r"\s*[+-]?\d(?:_?\d)*\s*")

_log = logging.getLogger("mlwright.server")


@lru_cache(maxsize=4096)
def fault_of_name(name: str) -> str | None:
    """Return why a name of a metric, param or tag can't be taken, None when it can.

    Example:
        >>> fault_of_name("val/loss"), fault_of_name("../loss") is None
        (None, False)
    """
    if _NAME.fullmatch(name) is None:
        return "it may have letters, digits, spaces and any of _ - . : / only."
    plain = posixpath.normpath(name)
    if plain != name or plain == "." or plain.startswith(("..", "/")):
        return f"it may be used as a path, and as a path it would mean '{plain}'."
    return None


def check_key(name: str, path: str, what: str = "key") -> None:
    """Refuse a name that a metric, param or tag can't have.

    Args:
        name: The name.
        path: Where it stands in the request.
        what: What it is, for the error of one that is too long.
    """
    fault = fault_of_name(name)
    if fault is not None:
        raise invalid(path, name, fault)
    if len(name) > LONGEST_KEY:
        raise too_long(what, LONGEST_KEY)


def cut(value: str, limit: int, what: str) -> str:
    """Return a text cut to the length that MLflow's server keeps of it."""
    if len(value) <= limit:
        return value
    _log.warning("%s of %d characters was cut to %d, as MLflow's server does", what, len(value), limit)
    return value[:limit]


def check_run_id(run_id: str) -> None:
    """Refuse a text that can't be a run's id."""
    if _RUN_ID.fullmatch(run_id) is None:
        raise invalid("run_id", run_id, "an id has letters, digits, _ and - only.")


def check_batch(metrics: int, params: int, tags: int) -> None:
    """Refuse a batch that is larger than MLflow's."""
    for what, count, limit in (
        ("metrics", metrics, MOST_METRICS),
        ("params", params, MOST_PARAMS),
        ("tags", tags, MOST_TAGS),
        ("metrics, params, and tags", metrics + params + tags, MOST_ENTRIES),
    ):
        if count > limit:
            raise InvalidInput(
                f"A batch can contain at most {limit} {what}; this one has {count}.", fix="send them in several batches"
            )


def experiment_number(text: str) -> int:
    """Return the number that an experiment's id stands for."""
    if _NUMBER.fullmatch(text) is None or len(text) > 30:
        raise InvalidInput(f"Invalid experiment ID '{text}'.", why="it must be a whole number")
    return int(text)


def check_experiment_name(name: str) -> None:
    """Refuse a name that an experiment can't have."""
    if not name.strip():
        raise InvalidInput(f"Invalid experiment name: '{name}'.", why="it is empty")
    if len(name) > LONGEST_EXPERIMENT_NAME:
        raise too_long("name", LONGEST_EXPERIMENT_NAME)


def check_location(location: str) -> None:
    """Refuse a place that artifacts of an experiment can't have."""
    what = "artifact_location"
    if location.startswith("runs:"):
        raise InvalidInput(f"Artifact location cannot be a runs:/ URI. Given: '{location}'.")
    if "#" in location or ";" in location:
        raise InvalidInput(f"'{what}' URL can't include fragments or params.")
    if ".." in re.split(r"[/\\?=&]", re.sub(r"(?i)%2e", ".", location)):
        raise invalid(what, location, "it can't lead upwards.")
    if len(location) > LONGEST_LOCATION:
        raise InvalidInput(
            "Invalid artifact path length.", why=f"'{what}' cannot be longer than {LONGEST_LOCATION} characters"
        )


def check_experiment_tag(key: str, value: str) -> None:
    """Refuse a tag that an experiment can't have."""
    check_key(key, "key")
    if len(value) > LONGEST_EXPERIMENT_TAG:
        raise too_long("value", LONGEST_EXPERIMENT_TAG)


def check_results(value: int, least: int = 1, name: str = "max_results") -> None:
    """Refuse a size of page that can't be served."""
    if not least <= value <= MOST_RESULTS:
        raise invalid(name, value, f"it must be between {least} and {MOST_RESULTS}.")


def check_dataset(given: dict[str, Any], path: str) -> None:
    """Refuse a dataset with a part that is missing or too long."""
    for name in ("name", "digest", "source_type", "source"):
        if not given.get(name):
            raise InvalidInput(f"Missing value for required parameter '{path}.{name}'.")
    for name, limit in LONGEST_DATASET.items():
        if len(given.get(name) or "") > limit:
            raise too_long(name, limit)
