"""What an estimator's parameters become: JSON, and none of it long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mlwright.errors import InvalidInput
from mlwright.tracking.checking import MOST_NAME, plain_of

MOST_PARAMS = 300
#: Longer values are cut: they are data, and not what somebody set.
LONGEST = 500


def params(found: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return parameters as they can be logged.

    Args:
        found: Parameters of any type.
        prefix: What their names begin with.

    Example:
        >>> params({"depth": 3, "scorer": len})
        {'depth': 3, 'scorer': 'len'}
    """
    names = list(found)[:MOST_PARAMS]
    return {_name(prefix + str(name)): value(name, found[name]) for name in names}


def value(name: str, given: Any) -> Any:
    """Return a parameter as JSON, cut when it is long."""
    if not callable(given) and not hasattr(given, "get_params"):
        size = getattr(given, "size", 0)
        if isinstance(size, int) and size > LONGEST:
            return f"{type(given).__name__} of shape {getattr(given, 'shape', '?')}"
        try:
            plain = plain_of(str(name), given)
            if len(msgspec.json.encode(plain)) <= LONGEST:
                return plain
        except InvalidInput:
            pass
    return _cut(_text(given))


def _text(given: Any) -> str:
    if isinstance(given, type) or callable(given):
        return str(getattr(given, "__qualname__", None) or type(given).__qualname__)
    if hasattr(given, "get_params"):
        return type(given).__qualname__
    return repr(given)


def _cut(text: str) -> str:
    text = text.replace("\x00", "").encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _name(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:MOST_NAME]
