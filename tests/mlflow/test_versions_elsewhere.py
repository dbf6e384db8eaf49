"""Versions whose files are kept elsewhere, as MLflow's clients see them and as webhooks tell of them."""

from __future__ import annotations

import pytest
from mlflow_api import ON_BOTH, Speaker

from mlwright.ledger import outbox
from mlwright.project import Project
from mlwright.registry.webhook_bodies import mlflow_body


@pytest.fixture
def model(api: Speaker) -> str:
    """A model with a version that is in a bucket, made by a run of another tracker."""
    for name in ("far", "copy", "further"):
        api.ok("registered-models/create", {"name": name})
    given = {"name": "far", "source": "s3://bucket/m", "run_id": "1234567890abcdef", "description": "d"}
    api.ok("model-versions/create", {**given, "tags": [{"key": "k", "value": "v"}]})
    return "far"


@ON_BOTH
def test_a_copy_of_a_copy_is_downloaded_from_where_the_first_one_is(api: Speaker, model: str) -> None:
    for name, source in (("copy", f"models:/{model}/1"), ("further", "models:/copy/1")):
        made = api.ok("model-versions/create", {"name": name, "source": source})["model_version"]
        assert made["source"] == source
        reply = api.get("model-versions/get-download-uri", name=name, version="1")
        assert reply.json() == {"artifact_uri": "s3://bucket/m"}


def test_a_webhook_tells_of_the_run_of_another_tracker(api: Speaker, served_project: Project, model: str) -> None:
    with served_project.ledger.read() as connection:
        (event,) = [
            event
            for event in outbox.read_events(connection, types=["model-version.registered"])
            if event.data["model"] == model
        ]
        body = mlflow_body(connection, event)
    assert body["data"] == {
        "name": model,
        "version": "1",
        "source": "s3://bucket/m",
        "run_id": "1234567890abcdef",
        "tags": {"k": "v"},
        "description": "d",
    }
