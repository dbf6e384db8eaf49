"""How a fault travels to MLflow's clients: its error code, its HTTP status, and one message."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from mlwright.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    LedgerUnavailable,
    MissingExtra,
    MlwrightError,
    NotFound,
    Overloaded,
    Permanent,
    PermissionDenied,
    StepTimeout,
    Transient,
    Unsupported,
)

#: HTTP status of each of MLflow's error codes that is ever sent.
STATUS = {
    "INTERNAL_ERROR": 500,
    "INVALID_STATE": 500,
    "NOT_IMPLEMENTED": 501,
    "FEATURE_DISABLED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "RESOURCE_CONFLICT": 409,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "PERMISSION_DENIED": 403,
    "BAD_REQUEST": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "INVALID_PARAMETER_VALUE": 400,
}

#: The first family that an error belongs to decides.
_FAMILIES: tuple[tuple[type[MlwrightError], str], ...] = (
    (AlreadyExists, "RESOURCE_ALREADY_EXISTS"),
    (Conflict, "RESOURCE_CONFLICT"),
    (NotFound, "RESOURCE_DOES_NOT_EXIST"),
    (PermissionDenied, "PERMISSION_DENIED"),
    (Unsupported, "NOT_IMPLEMENTED"),
    (MissingExtra, "NOT_IMPLEMENTED"),
    (Overloaded, "REQUEST_LIMIT_EXCEEDED"),
    (StepTimeout, "DEADLINE_EXCEEDED"),
    (LedgerUnavailable, "TEMPORARILY_UNAVAILABLE"),
    (Transient, "TEMPORARILY_UNAVAILABLE"),
)
_SHOWN = 200


class Fault(msgspec.Struct, frozen=True):
    """The body of an error's answer."""

    error_code: str
    message: str


def code_of(error: MlwrightError) -> str:
    """Return MLflow's code of an error: the one that its context names, else that of its family."""
    named = error.context.get("error_code")
    if named in STATUS:
        return str(named)
    for family, code in _FAMILIES:
        if isinstance(error, family):
            return code
    if isinstance(error, Permanent) and error.http_status < 500:
        return "INVALID_PARAMETER_VALUE"
    return "INTERNAL_ERROR"


def answer_of(error: MlwrightError) -> tuple[int, bytes]:
    """Return the HTTP status and the body that tell of an error."""
    code = code_of(error)
    said = [error.what, error.why and f"Why: {error.why}", error.fix and f"Fix: {error.fix}"]
    message = error.context.get("whole_message") or " ".join(text for text in said if text)
    return error.context.get("http_status", STATUS[code]), msgspec.json.encode(Fault(code, message))


def invalid(name: str, value: Any, why: str | None = None) -> InvalidInput:
    """Return the error of a parameter whose value can't be taken."""
    try:
        shown = json.dumps(value, default=str)
    except (TypeError, ValueError):
        shown = repr(value)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    return InvalidInput(f"Invalid value {shown} for parameter '{name}' supplied" + (f": {why}" if why else "."))


def missing(name: str) -> InvalidInput:
    """Return the error of a parameter that has to be there."""
    return InvalidInput(f"Missing value for required parameter '{name}'.")


def no_run(run_id: str) -> NotFound:
    """Return the error of a run that isn't there; some clients look for these words."""
    return NotFound(f"Run with id={run_id} not found.", fix="mlwright runs")


def no_experiment(experiment_id: str, why: str | None = None) -> NotFound:
    """Return the error of an experiment that isn't there; some clients look for these words."""
    return NotFound(f"No Experiment with id={experiment_id} exists.", why=why)


def too_long(name: str, limit: int) -> InvalidInput:
    """Return the error of a text that is longer than it may be."""
    return InvalidInput(f"'{name}' exceeds the maximum length of {limit} characters.")
