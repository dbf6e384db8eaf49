"""The one table of use cases, and the two ways to call it.

`endpoint.py` says what an endpoint is. One module per noun (`runs.py`, `models.py`, ...) holds the values that travel
and the functions behind them, and lists its `ENDPOINTS`; `table.py` puts the lists together. The server mounts the
table, `LocalClient` calls it in this process, `RemoteClient` calls it over HTTP: the three can't drift apart.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "ENDPOINTS": "mlwright.api.table",
    "Client": "mlwright.api.client",
    "Endpoint": "mlwright.api.endpoint",
    "LocalClient": "mlwright.api.client",
    "Page": "mlwright.api.endpoint",
    "RemoteClient": "mlwright.api.client",
}

__all__ = ["ENDPOINTS", "Client", "Endpoint", "LocalClient", "Page", "RemoteClient"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mlwright.api' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from mlwright.api.client import Client as Client
    from mlwright.api.client import LocalClient as LocalClient
    from mlwright.api.client import RemoteClient as RemoteClient
    from mlwright.api.endpoint import Endpoint as Endpoint
    from mlwright.api.endpoint import Page as Page
    from mlwright.api.table import ENDPOINTS as ENDPOINTS
