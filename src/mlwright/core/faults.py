"""How errors travel: as plain data one way, raised again as the same class the other way."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from mlwright import errors
from mlwright.errors import MlwrightError


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it travels.

    Attributes:
        code: Family of the error, for example `not-found`.
        what: One sentence naming the thing that failed.
        why: The cause.
        fix: What to do next.
        context: Further facts.
    """

    code: str
    what: str
    why: str | None = None
    fix: str | None = None
    context: dict[str, Any] = {}


@cache
def families() -> dict[str, type[MlwrightError]]:
    """Return the class of each error code."""
    found: dict[str, type[MlwrightError]] = {}
    for value in vars(errors).values():
        # A class that inherits its code from its parent has no code of its own.
        if isinstance(value, type) and issubclass(value, MlwrightError) and "code" in vars(value):
            found[value.code] = value
    return found


def revive(body: bytes) -> MlwrightError | None:
    """Return the error that a body holds, None when it holds none."""
    try:
        fault = msgspec.json.decode(body, type=Fault)
    except msgspec.DecodeError:
        return None
    context = {name: value for name, value in fault.context.items() if name not in Fault.__struct_fields__}
    return families().get(fault.code, MlwrightError)(fault.what, why=fault.why, fix=fault.fix, **context)
