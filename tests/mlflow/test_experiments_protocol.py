"""Experiments over HTTP: life, names, tags, searches."""

from __future__ import annotations

from pathlib import Path

from mlflow_api import ON_BOTH, Speaker


def test_a_new_ledger_has_the_default_experiment(api: Speaker) -> None:
    found = api.get("experiments/get", experiment_id="0").json()["experiment"]
    assert found["name"] == "Default"
    assert found["lifecycle_stage"] == "active"
    assert found["artifact_location"] == "mlflow-artifacts:/0"


@ON_BOTH
def test_an_experiment_is_made_found_renamed_deleted_and_restored(api: Speaker) -> None:
    made = api.ok("experiments/create", {"name": "vision/defects", "tags": [{"key": "team", "value": "blue"}]})
    id_ = made["experiment_id"]
    assert id_ == "1"
    found = api.get("experiments/get-by-name", experiment_name="vision/defects").json()["experiment"]
    assert found["experiment_id"] == id_
    assert found["tags"] == [{"key": "team", "value": "blue"}]
    assert api.ok("experiments/update", {"experiment_id": id_, "new_name": "vision/scratches"}) == {}
    run_id = api.run(experiment_id=id_)
    assert api.ok("experiments/delete", {"experiment_id": id_}) == {}
    assert api.get("experiments/get", experiment_id=id_).json()["experiment"]["lifecycle_stage"] == "deleted"
    assert api.shown(run_id)["info"]["lifecycle_stage"] == "deleted"
    assert api.post("experiments/delete", {"experiment_id": id_}).error == "RESOURCE_DOES_NOT_EXIST"
    assert api.post("experiments/update", {"experiment_id": id_, "new_name": "x"}).error == "INVALID_STATE"
    assert api.post("runs/create", {"experiment_id": id_}).error == "INVALID_PARAMETER_VALUE"
    assert api.ok("experiments/restore", {"experiment_id": id_}) == {}
    assert api.shown(run_id)["info"]["lifecycle_stage"] == "active"
    assert api.post("experiments/restore", {"experiment_id": id_}).error == "RESOURCE_DOES_NOT_EXIST"


@ON_BOTH
def test_a_name_is_taken_once(api: Speaker) -> None:
    api.ok("experiments/create", {"name": "same"})
    reply = api.post("experiments/create", {"name": "same"})
    assert (reply.status, reply.error) == (400, "RESOURCE_ALREADY_EXISTS")


@ON_BOTH
def test_experiments_have_tags(api: Speaker) -> None:
    api.ok("experiments/set-experiment-tag", {"experiment_id": "0", "key": "k", "value": "1"})
    api.ok("experiments/set-experiment-tag", {"experiment_id": "0", "key": "k", "value": "2"})
    assert api.get("experiments/get", experiment_id="0").json()["experiment"]["tags"] == [{"key": "k", "value": "2"}]
    api.ok("experiments/delete-experiment-tag", {"experiment_id": "0", "key": "k"})
    again = api.post("experiments/delete-experiment-tag", {"experiment_id": "0", "key": "k"})
    assert (again.status, again.error) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_experiments_are_searched_by_name_tag_time_and_id(api: Speaker) -> None:
    for index in range(12):
        api.ok("experiments/create", {"name": f"n{index}", "tags": [{"key": "k", "value": str(index % 2)}]})

    def found(**given: object) -> list[str]:
        page = api.ok("experiments/search", {"max_results": 50, **given})
        return [experiment["name"] for experiment in page.get("experiments", [])]

    assert found()[0] == "n11"
    assert found(filter="name = 'n3'") == ["n3"]
    assert found(filter="name LIKE 'n1%' AND tags.k = '1'", order_by=["name ASC"]) == ["n1", "n11"]
    assert found(filter="experiment_id = '1'") == ["n0"]
    assert found(filter="creation_time < 5") == []
    assert found(order_by=["experiment_id DESC"])[:4] == ["n11", "n10", "n9", "n8"]
    first = api.ok("experiments/search", {"max_results": 10, "order_by": ["experiment_id"]})
    rest = api.ok(
        "experiments/search",
        {"max_results": 10, "order_by": ["experiment_id"], "page_token": first["next_page_token"]},
    )
    assert [experiment["name"] for experiment in rest["experiments"]] == ["n9", "n10", "n11"]
    assert api.post("experiments/search", {"filter": "nothing = 1"}).error == "INVALID_PARAMETER_VALUE"


def test_a_folder_for_artifacts_is_one_below_where_the_server_was_started(api: Speaker) -> None:
    made = api.ok("experiments/create", {"name": "here", "artifact_location": "my_location"})
    found = api.get("experiments/get", experiment_id=made["experiment_id"]).json()["experiment"]
    assert found["artifact_location"] == str(Path.cwd() / "my_location")
