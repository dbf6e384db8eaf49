"""Reports: what a system's loop did, and what it was worth against one version kept all the time.

`collecting.py` puts a report together from the ledger (`history.py` tells what happened, `measuring.py` computes every
number that comes from rows, `words.py` says them in sentences); `values.py` is its shape. `terminal.py` and `page.py`
show it (`plots.py` draws). What is shown comes from the report alone: one that was stored can be shown again.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "LoopReport": "mlwright.reports.values",
    "collect": "mlwright.reports.collecting",
    "render_html": "mlwright.reports.page",
    "render_terminal": "mlwright.reports.terminal",
}

__all__ = ["LoopReport", "collect", "render_html", "render_terminal"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mlwright.reports' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from mlwright.reports.collecting import collect as collect
    from mlwright.reports.page import render_html as render_html
    from mlwright.reports.terminal import render_terminal as render_terminal
    from mlwright.reports.values import LoopReport as LoopReport
