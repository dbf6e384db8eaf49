"""Delivery: deployments, how their traffic is shared out, and rollouts that are promoted or taken back on evidence.

`values.py` is what users declare, `rollouts.py` moves traffic, `judge.py` decides (`evidence.py` reads the log for it,
`sequential.py` holds the statistics), `traffic.py` writes shares down and carries them out through `port.py`. Only
looking at a rollout needs NumPy.
"""

from mlwright.delivery.lineage import Served, downstream
from mlwright.delivery.port import Traffic
from mlwright.delivery.rollouts import abort, look, look_all, rollback, start
from mlwright.delivery.traffic import converge, declare, reconcile, withdraw
from mlwright.delivery.values import Deployment, Rollout, Step

__all__ = [
    "Deployment",
    "Rollout",
    "Served",
    "Step",
    "Traffic",
    "abort",
    "converge",
    "declare",
    "downstream",
    "look",
    "look_all",
    "reconcile",
    "rollback",
    "start",
    "withdraw",
]
