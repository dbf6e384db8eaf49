from __future__ import annotations

import json
from datetime import UTC, datetime

from mlwright.core.events import Event


def test_an_event_is_a_cloudevent_with_the_required_attributes() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    event = Event(
        seq=7,
        id="i",
        type="run.failed",
        subject="run/1",
        time=moment,
        recorded_at=moment,
        actor="user:ada",
        data={"x": 1},
    )
    found = json.loads(json.dumps(event.as_cloudevent("/ledgers/a")))
    assert found == {
        "specversion": "1.0",
        "id": "i",
        "source": "/ledgers/a",
        "type": "mlwright.run.failed.v1",
        "subject": "run/1",
        "time": "2026-03-01T00:00:00+00:00",
        "datacontenttype": "application/json",
        "sequence": "7",
        "mlwrightactor": "user:ada",
        "data": {"x": 1},
    }
    # CloudEvents allows only lower-case letters and digits in attribute names.
    assert all(name.isalnum() and name == name.lower() for name in found)
