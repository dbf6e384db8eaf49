"""How values and errors travel: as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from mlwright.core.faults import Fault, families, revive
from mlwright.errors import InvalidInput, MlwrightError

__all__ = ["Fault", "encode", "families", "fault_of", "internal_error", "revive", "too_deep"]


def encode(value: Any) -> bytes:
    """Return a value as JSON; what JSON doesn't know is written as text."""
    return msgspec.json.encode(value, enc_hook=str)


def fault_of(error: MlwrightError) -> bytes:
    """Return an error as the body of an answer."""
    return encode(error.as_dict())


def too_deep() -> InvalidInput:
    """Return what a caller is told whose values are nested deeper than can be worked on."""
    return InvalidInput("what was sent is nested too deeply.", fix="send lists and objects of at most 200 levels")


def internal_error() -> MlwrightError:
    """Return what a caller is told of a fault in mlwright itself: no detail, those are in the server's log."""
    return MlwrightError(
        "mlwright failed to answer.",
        why="an unexpected error, written to the server's log with its traceback",
        fix="look into the server's log, and report it",
    )
