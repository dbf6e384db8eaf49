"""The one table of use cases, and the two ways to call it.

`endpoint.py` says what an endpoint is. One module per noun (`runs.py`, `models.py`, ...) holds the values that travel
and the functions behind them, and lists its `ENDPOINTS`; `table.py` puts the lists together. The server mounts the
table, `LocalClient` calls it in this process, `RemoteClient` calls it over HTTP: the three can't drift apart.
"""
