"""The shape of an event: a fact that others may act on. CloudEvents 1.0 attributes (cloudevents.io), our own types.

Types are `<noun>.<past participle>`, for example `run.succeeded`, `model-version.registered`, `gate.refused`,
`rollout.promoted`, `alert.opened`. The ledger gives each event a `seq`, its place in the one order of all events.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        seq: Place in the ledger's order; grows, may have gaps.
        id: Unique id.
        type: What happened, for example `run.succeeded`.
        subject: What it happened to, for example `run/01k...`, `model/churn/3`, `deployment/churn`.
        time: When, by the system's clock (event time during a replay).
        recorded_at: When the ledger wrote it, by the machine's clock.
        actor: Who did it: `user:alice`, `trigger:retrain`, `controller:rollout`.
        data: The facts, JSON-able.
    """

    seq: int
    id: str
    type: str
    subject: str
    time: datetime
    recorded_at: datetime
    actor: str
    data: dict[str, Any]

    def as_cloudevent(self, source: str) -> dict[str, Any]:
        """Return the event as a CloudEvents 1.0 JSON object.

        Args:
            source: URI-reference of the ledger that it comes from.
        """
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": f"mlwright.{self.type}.v1",
            "subject": self.subject,
            "time": self.time.isoformat(),
            "datacontenttype": "application/json",
            "sequence": str(self.seq),
            "mlwrightactor": self.actor,
            "data": self.data,
        }
