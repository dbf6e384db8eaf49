"""MLflow's API of the registry: models and versions are searched in pages."""

from __future__ import annotations

from typing import Any

from mlflow_api import ON_BOTH, Speaker
from registered import version


@ON_BOTH
def test_models_are_searched_in_pages(api: Speaker) -> None:
    for name in ("apple", "Banana", "cherry_1", "cherry%2"):
        api.ok("registered-models/create", {"name": name, "tags": [{"key": "fruit", "value": name.lower()}]})

    def search(filter_: str = "", **more: Any) -> list[str]:
        reply = api.get("registered-models/search", filter=filter_, **more)
        assert reply.status == 200, reply
        return [found["name"] for found in reply.json().get("registered_models", [])]

    assert search() == ["Banana", "apple", "cherry%2", "cherry_1"]
    assert search("name = 'apple'") == ["apple"]
    assert search("name != 'apple'", order_by=["name DESC"]) == ["cherry_1", "cherry%2", "Banana"]
    assert search("name LIKE 'cherry%'") == ["cherry%2", "cherry_1"]
    assert search("name ILIKE 'ban%'") == ["Banana"]
    assert search("name LIKE 'ban%'") == []
    assert search("name IN ('apple', 'none')") == ["apple"]
    assert search("tags.fruit = 'banana'") == ["Banana"]
    assert search("tag.`fruit` ILIKE 'APP%' AND name != 'Banana'") == ["apple"]
    assert search("tag.`mlflow.prompt.is_prompt` != 'true'") == ["Banana", "apple", "cherry%2", "cherry_1"]
    assert search("tag.`mlflow.prompt.is_prompt` = 'true'") == []
    assert search("", order_by=["last_updated_timestamp DESC"])[0] == "cherry%2"
    first = api.get("registered-models/search", max_results=3).json()
    rest = api.get("registered-models/search", max_results=3, page_token=first["next_page_token"]).json()
    assert (len(first["registered_models"]), len(rest["registered_models"])) == (3, 1)
    assert "next_page_token" not in rest
    for wrong in (
        {"filter": "name > 'a'"},
        {"filter": "colour = 'red'"},
        {"filter": "name = apple"},
        {"filter": "name = 'a' OR name = 'b'"},
        {"order_by": ["colour"]},
        {"order_by": ["name", "name DESC"]},
        {"max_results": 1001},
        {"max_results": 0},
        {"page_token": "nonsense"},
    ):
        assert api.get("registered-models/search", **wrong).error == "INVALID_PARAMETER_VALUE", wrong


@ON_BOTH
def test_versions_are_searched_in_pages(api: Speaker) -> None:
    run_id = api.run()
    for name in ("a", "b"):
        api.ok("registered-models/create", {"name": name})
        for number in range(3):
            tags = [{"key": "even", "value": str(number % 2 == 0).lower()}]
            version(api, name, f"s3://bucket/{name}/{number}", run_id=run_id if name == "a" else "", tags=tags)

    def search(filter_: str = "", **more: Any) -> list[str]:
        reply = api.get("model-versions/search", filter=filter_, **more)
        assert reply.status == 200, reply
        return [found["name"] + found["version"] for found in reply.json().get("model_versions", [])]

    assert search(order_by=["name ASC", "version_number ASC"]) == ["a1", "a2", "a3", "b1", "b2", "b3"]
    assert search("name = 'a'", order_by=["version_number DESC"]) == ["a3", "a2", "a1"]
    assert search(f"run_id = '{run_id}' AND version_number > 1", order_by=["version_number ASC"]) == ["a2", "a3"]
    assert search("run_id IN ('x', 'y')") == []
    assert search("source_path LIKE 's3://bucket/b/%' AND tags.even = 'false'") == ["b2"]
    assert search("name = 'b' AND version_number = '2'") == ["b2"]
    assert search()[0] == "b3"
    first = api.get("model-versions/search", max_results=4).json()
    rest = api.get("model-versions/search", max_results=4, page_token=first["next_page_token"]).json()
    assert (len(first["model_versions"]), len(rest["model_versions"])) == (4, 2)
    for wrong in (
        {"filter": "stage = 'None'"},
        {"filter": "version_number = 1.5"},
        {"max_results": 0},
        {"max_results": 200_001},
        {"order_by": ["run_id"]},
    ):
        assert api.get("model-versions/search", **wrong).error == "INVALID_PARAMETER_VALUE", wrong
