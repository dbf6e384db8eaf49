"""Whatever is asked about models, the server answers."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow_api import PREFIX, Speaker

PATHS = [
    *(f"registered-models/{verb}" for verb in ("create", "rename", "set-tag", "alias", "get-latest-versions")),
    *(f"model-versions/{verb}" for verb in ("create", "set-tag", "transition-stage")),
    *("logged-models", "logged-models/search", "logged-models/m-1/params", "webhooks", "webhooks/x/test"),
]
FIELDS = st.sampled_from(
    (
        *("name", "new_name", "version", "alias", "source", "run_id", "model_id", "tags", "key", "value", "stage"),
        *("params", "experiment_id", "experiment_ids", "filter", "order_by", "max_results", "page_token", "events"),
        *("url", "status", "field_name", "datasets", "dataset_name", "archive_existing_versions", "stages"),
    )
)
WORDS = st.sampled_from(
    ["iris", "1", "models:/iris/1", "models:/iris@x", "runs:/x/y", "Production", "name", "metrics.a"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
BODIES = st.dictionaries(
    FIELDS,
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3)),
    max_size=5,
)


@settings(max_examples=200)
@given(st.sampled_from(PATHS), st.sampled_from(["POST", "GET", "PATCH", "DELETE"]), BODIES)
def test_no_request_about_models_breaks_the_server(api: Speaker, path: str, method: str, body: Any) -> None:
    reply = api.send(method, f"{PREFIX}/{path}", json.dumps(body).encode(), kind="application/json")
    assert reply.status < 500 or reply.error == "NOT_IMPLEMENTED", (path, body, reply)
