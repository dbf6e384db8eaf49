"""What is sent to a webhook: headers and body, signed.

CloudEvents (cloudevents.io, JSON format) is our own form. The headers are

    Mlwright-Delivery    id of the delivery; the same at each attempt
    Mlwright-Event       type of the event, for example environment.assigned
    Mlwright-Timestamp   seconds since 1970, when this attempt was made
    Mlwright-Signature   v1=<hex HMAC-SHA256 of "<timestamp>.<body>" with the webhook's secret>

A receiver compares the signature in constant time, refuses a timestamp that is minutes old, and remembers the
delivery's id or the event's, because a delivery may come twice. The dialect `mlflow` sends what MLflow's own server
would: its events, its body, its headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import msgspec

from mlwright.core.events import Event
from mlwright.ledger import Connection
from mlwright.ledger import registry as rows
from mlwright.ledger.registry_changes import tags_of

MLFLOW = "mlflow"
_SOURCE = "/mlwright"
_MLFLOW_NAMES = {
    "model.created": ("registered_model", "created"),
    "model-version.registered": ("model_version", "created"),
    "alias.set": ("model_version_alias", "created"),
    "alias.removed": ("model_version_alias", "deleted"),
}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted.

    Attributes:
        body: The bytes.
        headers: The headers, without the signature.
        signed: The text that the signature covers.
    """

    body: bytes
    headers: dict[str, str]
    signed: bytes
    dialect: str

    def with_signature(self, secret: str | None) -> dict[str, str]:
        """Return the headers with the signature; without it when there is no secret."""
        if secret is None:
            return self.headers
        digest = hmac.new(secret.encode(), self.signed, hashlib.sha256)
        if self.dialect == MLFLOW:
            return {**self.headers, "X-MLflow-Signature": f"v1,{base64.b64encode(digest.digest()).decode()}"}
        return {**self.headers, "Mlwright-Signature": f"v1={digest.hexdigest()}"}


def message(event: Event, *, delivery_id: str, timestamp: int, mlflow: dict[str, Any] | None = None) -> Message:
    """Return what is posted for an event; `mlflow` is its body in MLflow's form (see `mlflow_body`)."""
    if mlflow is not None:
        body = msgspec.json.encode(mlflow)
        headers = {
            "Content-Type": "application/json",
            "X-MLflow-Delivery-Id": delivery_id,
            "X-MLflow-Timestamp": str(timestamp),
        }
        signed = f"{delivery_id}.{timestamp}.".encode() + body
        return Message(body=body, headers=headers, signed=signed, dialect=MLFLOW)
    body = msgspec.json.encode(event.as_cloudevent(_SOURCE))
    headers = {
        "Content-Type": "application/cloudevents+json",
        "Mlwright-Delivery": delivery_id,
        "Mlwright-Event": event.type,
        "Mlwright-Timestamp": str(timestamp),
    }
    return Message(body=body, headers=headers, signed=f"{timestamp}.".encode() + body, dialect="")


def mlflow_name(event: Event) -> str | None:
    """Return what MLflow calls an event, for example `model_version.created`; None when it knows nothing like it."""
    pair = _mlflow_pair(event)
    return None if pair is None else ".".join(pair)


def mlflow_body(connection: Connection, event: Event) -> dict[str, Any]:
    """Return an event as MLflow's server would tell it."""
    entity, action = _mlflow_pair(event) or ("registered_model", "created")
    data = event.data
    name, version = data.get("model", ""), data.get("version", 0)
    told: dict[str, Any] = {"name": name}
    if entity == "model_version_alias":
        told["alias"] = data["alias"]
        told |= {"version": str(version)} if action == "created" else {}
    elif entity == "model_version_tag":
        told |= {"version": str(version), "key": data["key"]}
        told |= {"value": data["new"]} if action == "set" else {}
    elif entity == "model_version":
        row = rows.find_version(connection, name, version)
        # A client may name a run of another tracker: then it is in the lineage only.
        run_id = (row.run_id or row.lineage.get("run_id")) if row else None
        told |= {"version": str(version), "source": row.source if row else "", "run_id": run_id}
        told |= {"tags": tags_of(connection, name, version), "description": row.description if row else None}
    else:
        known = rows.list_models(connection, name)
        told |= {"tags": tags_of(connection, name), "description": known[0].description if known else None}
    return {"entity": entity, "action": action, "timestamp": event.time.isoformat(), "data": told}


def _mlflow_pair(event: Event) -> tuple[str, str] | None:
    if event.type == "model-version.changed" and event.data.get("what") == "tag":
        return "model_version_tag", "deleted" if event.data.get("new") is None else "set"
    return _MLFLOW_NAMES.get(event.type)
