"""Values that mean the same in every MLflow store: statuses, moments, numbers, and names of files."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime, timedelta

from mlwright.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST_MS = 253_402_300_799_999
#: MLflow's numbers of statuses, in its folders.
_NUMBERED = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_STATUSES = {
    "SCHEDULED": "scheduled",
    "RUNNING": "running",
    "FINISHED": "succeeded",
    "FAILED": "failed",
    "KILLED": "cancelled",
}
_THEIRS = {ours: theirs for theirs, ours in _STATUSES.items()}
_LOGGED = {
    "LOGGED_MODEL_STATUS_UNSPECIFIED": "unspecified",
    "LOGGED_MODEL_PENDING": "pending",
    "LOGGED_MODEL_READY": "ready",
    "LOGGED_MODEL_UPLOAD_FAILED": "upload-failed",
}


def status_of(given: object) -> str:
    """Return our word for a run's status, which MLflow tells as a word or a number.

    Raises:
        InvalidInput: MLflow has no such status.
    """
    word = _NUMBERED.get(given, "") if isinstance(given, int) else str(given)
    if word not in _STATUSES:
        raise InvalidInput(f"a run has the status {given!r}, which MLflow doesn't have.", why="the source is damaged")
    return _STATUSES[word]


def status_out(status: str) -> str:
    """Return MLflow's word for a run's status."""
    return _THEIRS[status]


def logged_status_of(given: object) -> str:
    """Return our word for a logged model's status, which MLflow tells as a word or a number."""
    if isinstance(given, int):
        return dict(enumerate(_LOGGED.values())).get(given, "unspecified")
    return _LOGGED.get(str(given), "unspecified")


def version_status_of(given: object) -> str:
    """Return our word for the status of a registered version: ready, pending or failed."""
    words = {"READY": "ready", "PENDING_REGISTRATION": "pending", "": "ready"}
    return words.get(str(given or ""), "failed")


def moment_of(ms: int) -> datetime:
    """Return the moment of some milliseconds since 1970; what no calendar has is cut to its ends."""
    return _EPOCH + timedelta(milliseconds=min(max(ms, 0), _LAST_MS))


def ms_of(moment: datetime) -> int:
    """Return a moment as milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def unclipped(value: float) -> float:
    """Return the value that was logged where MLflow's database, which has no infinity, shows its largest number.

    Example:
        >>> unclipped(1.7976931348623157e308), unclipped(0.5)
        (inf, 0.5)
    """
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def checked_path(path: str) -> str:
    """Return a file's path that a source told, which must stay within its place.

    Raises:
        InvalidInput: It would lead out of it.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path or "\\" in path:
        raise InvalidInput(
            f"the source names a file '{path}', which could lead out of its folder.", why="the source was tampered with"
        )
    return path
