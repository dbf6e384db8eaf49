"""The server: one process for the HTTP API, the gateway, the controllers and the page.

`main.py` starts and stops it. `dispatch.py` gives each request to serving (`/v2`) or to the control plane
(`control.py`, made from the endpoint table). `turning.py` keeps the controllers turning, by themselves or as a replay's
clock is moved.
"""
