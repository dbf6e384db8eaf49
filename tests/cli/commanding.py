"""What a command left behind, and the type of the fixture that runs one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    talk: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ended]
