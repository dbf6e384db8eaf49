"""Webhooks as plain HTTP: made, listed, changed, tried, removed."""

from __future__ import annotations

import json

from mlflow_api import ON_BOTH, Speaker, drop, patch


@ON_BOTH
def test_webhooks_are_made_listed_changed_and_removed(api: Speaker) -> None:
    given = {
        "name": "ci",
        "url": "http://127.0.0.1:9/hook",
        "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}, {"entity": "MODEL_VERSION_TAG", "action": "SET"}],
        "secret": "s3cret",
    }
    made = api.ok("webhooks", given)["webhook"]
    assert (made["name"], made["status"], made["events"]) == ("ci", "ACTIVE", given["events"])
    assert "s3cret" not in json.dumps(made)
    path = f"webhooks/{made['webhook_id']}"
    assert api.get(path).json()["webhook"] == made
    assert [row["name"] for row in api.get("webhooks").json()["webhooks"]] == ["ci"]
    changed = patch(api, path, {"status": "DISABLED", "description": "d"}).json()["webhook"]
    assert (changed["status"], changed["description"], changed["name"]) == ("DISABLED", "d", "ci")
    tried = api.ok(f"{path}/test", {})["result"]
    assert tried["success"] is False
    assert tried["error_message"]
    assert drop(api, path, {}).json() == {}
    assert api.get(path).error == "RESOURCE_DOES_NOT_EXIST"
    for wrong in (
        {**given, "name": "-bad"},
        {**given, "url": "ftp://x.test"},
        {**given, "events": []},
        {**given, "events": [{"entity": "MODEL_VERSION", "action": "EXCEEDED"}]},
    ):
        assert api.post("webhooks", wrong).error == "INVALID_PARAMETER_VALUE", wrong
    later = {**given, "events": [{"entity": "PROMPT", "action": "CREATED"}]}
    assert api.post("webhooks", later).error == "NOT_IMPLEMENTED"
