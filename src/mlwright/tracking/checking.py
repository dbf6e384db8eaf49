"""What may be logged: names, numbers, steps, and values that are JSON. Anything else is refused with its name."""

from __future__ import annotations

import math
import operator
from typing import Any

import msgspec

from mlwright.errors import InvalidInput

MOST_NAME = 250
_LEAST_STEP, MOST_STEP = -(2**63), 2**63 - 1


def name_of(key: Any, noun: str) -> str:
    """Return a name if it may be one.

    Raises:
        InvalidInput: It is no text, is empty, too long, or can't be kept.
    """
    if not isinstance(key, str) or not key or len(key) > MOST_NAME or not key.isprintable():
        raise InvalidInput(
            f"{_shown(key)} is no name for a {noun}.",
            fix=f"use a text of 1 to {MOST_NAME} characters, none of them a line break or a control character",
        )
    return key


def number_of(key: str, value: Any) -> float:
    """Return a metric's value as a number; NaN and infinities are numbers.

    Raises:
        InvalidInput: It is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise InvalidInput(
            f"the metric '{key}' has the value {_shown(value)}, which is no number.",
            why=f"its type is {type(value).__name__}",
            fix="log a number; texts and structures go to log_params",
        ) from None


def step_of(value: Any) -> int:
    """Return a place on a metric's axis.

    Raises:
        InvalidInput: It is no whole number of 64 bits.
    """
    try:
        step = operator.index(value)
    except TypeError:
        step = int(value) if isinstance(value, float) and value.is_integer() else MOST_STEP + 1
    if not _LEAST_STEP <= step <= MOST_STEP:
        raise InvalidInput(f"the step {_shown(value)} is no whole number of 64 bits.", fix="count steps: 0, 1, 2, ...")
    return step


def text_of(key: str, value: Any, noun: str = "tag") -> str:
    """Return a value as text that every database keeps.

    Raises:
        InvalidInput: It holds the character NUL or half of a surrogate pair.
    """
    text = value if isinstance(value, str) else str(value)
    if not _can_be_kept(text):
        raise _unkept(key, noun)
    return text


def plain_of(key: str, value: Any) -> Any:
    """Return a parameter as plain JSON values: NaN and infinities, and whole numbers beyond 64 bits, as text.

    Raises:
        InvalidInput: It is something else.
    """
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    elif hasattr(value, "tolist") and hasattr(value, "dtype"):
        value = value.tolist()
    try:
        return _plain(msgspec.to_builtins(value, str_keys=True))
    except _Unkept:
        raise _unkept(key, "parameter") from None
    except (TypeError, msgspec.MsgspecError, RecursionError):
        raise InvalidInput(
            f"the parameter '{key}' is a {type(value).__name__}, which is not JSON.",
            fix="log a text, a number, or lists and dicts of them; anything else goes to log_artifact",
        ) from None


class _Unkept(ValueError):
    """A text that databases refuse."""


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        if not _can_be_kept(value):
            raise _Unkept
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if _LEAST_STEP <= value <= MOST_STEP else str(value)
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value]


def _can_be_kept(text: str) -> bool:
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _unkept(key: str, noun: str) -> InvalidInput:
    return InvalidInput(
        f"the {noun} '{key}' has a text that can't be kept.",
        why="it holds the character NUL, or half of a surrogate pair",
        fix="keep bytes as an artifact: log_artifact",
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
