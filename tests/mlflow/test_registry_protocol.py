"""Registered models and their versions as plain HTTP: life cycle, history, sources, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mlflow_api import ON_BOTH, Speaker, drop, patch
from registered import MLMODEL, logged, version

from mlwright import registry
from mlwright.artifacts.gc import collect
from mlwright.artifacts.trees import read_manifest
from mlwright.ledger import outbox, registry_changes
from mlwright.ledger import registry as rows
from mlwright.project import Project


def events_of(project: Project) -> list[tuple[str, str]]:
    with project.ledger.read() as connection:
        return [(event.type, event.subject) for event in outbox.read_events(connection)]


@ON_BOTH
def test_a_model_is_made_described_tagged_found_and_deleted(api: Speaker) -> None:
    given = {"name": "iris", "description": "first", "tags": [{"key": "team", "value": "blue"}]}
    made = api.ok("registered-models/create", given)["registered_model"]
    assert made["name"] == "iris"
    assert made["tags"] == [{"key": "team", "value": "blue"}]
    assert made["creation_timestamp"] == made["last_updated_timestamp"] > 0
    assert api.post("registered-models/create", given).error == "RESOURCE_ALREADY_EXISTS"
    assert patch(api, "registered-models/update", {"name": "iris", "description": "second"}).status == 200
    assert api.ok("registered-models/set-tag", {"name": "iris", "key": "team", "value": "red"}) == {}
    found = api.get("registered-models/get", name="iris").json()["registered_model"]
    assert (found["description"], found["tags"]) == ("second", [{"key": "team", "value": "red"}])
    assert drop(api, "registered-models/delete-tag", {"name": "iris", "key": "team"}).json() == {}
    assert drop(api, "registered-models/delete-tag", {"name": "iris", "key": "team"}).status == 200
    assert "tags" not in api.get("registered-models/get", name="iris").json()["registered_model"]
    assert drop(api, "registered-models/delete", {"name": "iris"}).json() == {}
    gone = api.get("registered-models/get", name="iris")
    assert (gone.status, gone.error) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert drop(api, "registered-models/delete", {"name": "iris"}).error == "RESOURCE_DOES_NOT_EXIST"


@ON_BOTH
def test_a_version_keeps_the_files_of_its_logged_model_whatever_happens_to_them(
    api: Speaker, served_project: Project
) -> None:
    run_id, model_id = logged(api)
    api.ok("registered-models/create", {"name": "iris"})
    made = version(api, "iris", f"models:/{model_id}", model_id=model_id, description="best")
    assert (made["version"], made["status"], made["current_stage"]) == ("1", "READY", "None")
    assert (made["source"], made["run_id"], made["description"]) == (f"models:/{model_id}", run_id, "best")
    uri = api.get("model-versions/get-download-uri", name="iris", version="1").json()["artifact_uri"]
    root = uri.removeprefix("mlflow-artifacts:/")
    path = f"0/models/{model_id}/artifacts"
    assert api.send("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{path}").status == 200
    collect(served_project, grace_s=0.0)
    assert api.send("GET", f"/api/2.0/mlflow-artifacts/artifacts/{root}/MLmodel").body == MLMODEL
    sent = api.send("GET", "/model-versions/get-artifact", query="name=iris&version=1&path=model.pkl")
    assert sent.body == b"pickle"
    native = registry.get_version(served_project, "iris/1")
    assert (native.flavour, native.unsafe) == ("mlflow", True)
    assert [(column.name, column.datatype) for column in native.signature.inputs] == [("a", "FP64"), ("b", "BYTES")]
    assert native.lineage["flavors"] == ["python_function", "sklearn"]
    files = read_manifest(served_project.store, native.digest).files
    assert [entry.path for entry in files] == ["MLmodel", "model.pkl"]
    info = api.get(f"logged-models/{model_id}").json()["model"]["info"]
    assert info["registrations"] == [{"name": "iris", "version": "1"}]
    assert {"key": "mlflow.modelVersions", "value": '[{"name":"iris","version":"1"}]'} in info["tags"]


@ON_BOTH
def test_a_version_can_come_from_a_run_by_either_uri(api: Speaker) -> None:
    run_id = api.run()
    root = f"0/{run_id}/artifacts/model"
    api.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{root}/MLmodel", MLMODEL)
    api.ok("registered-models/create", {"name": "iris"})
    sources = [
        f"runs:/{run_id}/model",
        f"mlflow-artifacts:/{root}",
        f"http://127.0.0.1:1/api/2.0/mlflow-artifacts/artifacts/{root}",
    ]
    uris = set()
    for number, source in enumerate(sources, start=1):
        made = version(api, "iris", source, run_id=run_id)
        assert (made["version"], made["source"], made["run_id"]) == (str(number), source, run_id)
        reply = api.get("model-versions/get-download-uri", name="iris", version=str(number))
        uris.add(reply.json()["artifact_uri"])
    # Equal files have one digest.
    assert len(uris) == 1


def test_a_version_can_be_copied_to_another_model(api: Speaker) -> None:
    run_id, model_id = logged(api)
    for name in ("iris", "other"):
        api.ok("registered-models/create", {"name": name})
    version(api, "iris", f"models:/{model_id}", model_id=model_id)
    api.ok("registered-models/alias", {"name": "iris", "alias": "best", "version": "1"})
    for source in ("models:/iris/1", "models:/iris@best", "models:/iris/latest", "models:/iris/none"):
        made = version(api, "other", source, run_id=run_id)
        assert (made["source"], made["run_id"]) == ("models:/iris/1", run_id)
    uris = {
        api.get("model-versions/get-download-uri", name=name, version="1").json()["artifact_uri"]
        for name in ("iris", "other")
    }
    assert len(uris) == 1


def test_a_version_that_is_kept_elsewhere_is_known_by_its_uri(api: Speaker, served_project: Project) -> None:
    api.ok("registered-models/create", {"name": "far"})
    made = version(
        api, "far", "s3://bucket/model", run_id="0123456789abcdef0123456789abcdef", run_link="http://x.test/1"
    )
    assert (made["source"], made["run_link"]) == ("s3://bucket/model", "http://x.test/1")
    assert made["run_id"] == "0123456789abcdef0123456789abcdef"
    uri = api.get("model-versions/get-download-uri", name="far", version="1").json()["artifact_uri"]
    assert uri == "s3://bucket/model"
    native = registry.get_version(served_project, "far/1")
    assert (native.flavour, native.unsafe) == ("external", True)
    assert json.loads(
        served_project.store.read(read_manifest(served_project.store, native.digest).files[0].digest)
    ) == {"source": "s3://bucket/model"}
    refused = api.send("GET", "/model-versions/get-artifact", query="name=far&version=1&path=a")
    assert refused.error == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "relative/path",
        "C:\\models",
        "mlflow-artifacts:/../../etc",
        "mlflow-artifacts:/0/%2e%2e/%2e%2e/etc",
        "mlflow-artifacts:/0/%252e%252e/etc",
        "http://h.test/api/2.0/mlflow-artifacts/artifacts/../../etc",
        "s3://bucket/../other",
        "s3://bucket/a?x=/../b",
        "mlflow-artifacts:/0/whoever/artifacts/model",
        "runs:/whoever/model",
        "models:/m-0123456789abcdef",
        "models://host/iris/1",
        "models:/",
        "models:/iris",
        "http://host/model",
        "ftp://host/model",
        "mlflow-artifacts:/a%00b",
        "http://[bad/",
    ],
)
def test_a_source_that_can_be_none_is_refused(api: Speaker, source: str) -> None:
    api.ok("registered-models/create", {"name": "iris"})
    reply = api.post("model-versions/create", {"name": "iris", "source": source})
    assert reply.error == "INVALID_PARAMETER_VALUE", reply


def test_a_source_of_another_run_or_model_is_refused(api: Speaker) -> None:
    run_id, model_id = logged(api)
    other, other_model = logged(api)
    api.ok("registered-models/create", {"name": "iris"})
    for wrong in (
        {"source": f"runs:/{run_id}/model", "run_id": other},
        {"source": f"mlflow-artifacts:/0/{run_id}/artifacts/model", "run_id": other},
        {"source": f"models:/{model_id}", "model_id": other_model},
        {"source": f"mlflow-artifacts:/0/models/{model_id}/artifacts", "model_id": other_model},
        {"source": f"mlflow-artifacts:/0/models/{model_id}/artifacts", "run_id": run_id},
    ):
        assert api.post("model-versions/create", {"name": "iris", **wrong}).error == "INVALID_PARAMETER_VALUE", wrong


@ON_BOTH
def test_the_number_of_a_deleted_version_is_not_given_again(api: Speaker) -> None:
    api.ok("registered-models/create", {"name": "iris"})
    for _ in range(3):
        version(api, "iris", "s3://b/m")
    for number in ("3", "2"):
        assert drop(api, "model-versions/delete", {"name": "iris", "version": number}).json() == {}
    assert api.get("model-versions/get", name="iris", version="3").error == "RESOURCE_DOES_NOT_EXIST"
    assert version(api, "iris", "s3://b/m")["version"] == "4"
    drop(api, "registered-models/delete", {"name": "iris"})
    api.ok("registered-models/create", {"name": "iris"})
    assert version(api, "iris", "s3://b/m")["version"] == "1"


@ON_BOTH
def test_aliases_point_move_and_go_with_their_version(api: Speaker, served_project: Project) -> None:
    api.ok("registered-models/create", {"name": "iris"})
    for _ in range(2):
        version(api, "iris", "s3://b/m")
    for number in ("1", "2"):
        assert api.ok("registered-models/alias", {"name": "iris", "alias": "Best-1", "version": number}) == {}
        found = api.get("registered-models/alias", name="iris", alias="Best-1").json()["model_version"]
        assert (found["version"], found["aliases"]) == (number, ["Best-1"])
    shown = api.get("registered-models/get", name="iris").json()["registered_model"]
    assert shown["aliases"] == [{"alias": "Best-1", "version": "2"}]
    assert api.get("registered-models/alias", name="iris", alias="latest").json()["model_version"]["version"] == "2"
    drop(api, "model-versions/delete", {"name": "iris", "version": "2"})
    gone = api.get("registered-models/alias", name="iris", alias="Best-1")
    assert (gone.status, gone.error) == (400, "INVALID_PARAMETER_VALUE")
    api.ok("registered-models/alias", {"name": "iris", "alias": "a", "version": "1"})
    assert drop(api, "registered-models/alias", {"name": "iris", "alias": "a"}).json() == {}
    assert drop(api, "registered-models/alias", {"name": "iris", "alias": "a"}).status == 200
    with served_project.ledger.read() as connection:
        history = [(row.alias, row.version, row.to_at is None) for row in rows.alias_rows(connection, "iris")]
    assert sorted(history) == [("Best-1", 1, False), ("Best-1", 2, False), ("a", 1, False)]


@ON_BOTH
def test_stages_move_and_archive_what_was_there(api: Speaker) -> None:
    api.ok("registered-models/create", {"name": "iris"})
    for _ in range(3):
        version(api, "iris", "s3://b/m")
    for number, archive in (("1", False), ("2", True)):
        given = {"name": "iris", "version": number, "stage": "production", "archive_existing_versions": archive}
        moved = api.ok("model-versions/transition-stage", given)["model_version"]
        assert moved["current_stage"] == "Production"
    latest = api.ok("registered-models/get-latest-versions", {"name": "iris"})["model_versions"]
    assert {found["current_stage"]: found["version"] for found in latest} == {
        "Archived": "1",
        "Production": "2",
        "None": "3",
    }
    only = api.get("registered-models/get-latest-versions", name="iris", stages=["Production", "Staging"]).json()
    assert [found["version"] for found in only["model_versions"]] == ["2"]
    wrong = {"name": "iris", "version": "1", "stage": "Best"}
    assert api.post("model-versions/transition-stage", wrong).error == "INVALID_PARAMETER_VALUE"
    wrong = {"name": "iris", "version": "1", "stage": "Archived", "archive_existing_versions": True}
    assert api.post("model-versions/transition-stage", wrong).error == "INVALID_PARAMETER_VALUE"


@ON_BOTH
def test_a_renamed_model_keeps_its_versions_aliases_tags_and_history(api: Speaker, served_project: Project) -> None:
    api.ok("registered-models/create", {"name": "old", "tags": [{"key": "k", "value": "v"}]})
    api.ok("registered-models/create", {"name": "taken"})
    version(api, "old", "s3://b/m", tags=[{"key": "a", "value": "1"}])
    api.ok("registered-models/alias", {"name": "old", "alias": "best", "version": "1"})
    api.ok("model-versions/set-tag", {"name": "old", "version": "1", "key": "a", "value": "2"})
    taken = api.post("registered-models/rename", {"name": "old", "new_name": "taken"})
    assert taken.error == "RESOURCE_ALREADY_EXISTS"
    renamed = api.ok("registered-models/rename", {"name": "old", "new_name": "new one"})["registered_model"]
    assert (renamed["name"], renamed["tags"]) == ("new one", [{"key": "k", "value": "v"}])
    found = api.get("registered-models/alias", name="new one", alias="best").json()["model_version"]
    assert (found["name"], found["tags"]) == ("new one", [{"key": "a", "value": "2"}])
    assert api.get("registered-models/get", name="old").error == "RESOURCE_DOES_NOT_EXIST"
    with served_project.ledger.read() as connection:
        kept = [(row.what, row.key, row.old, row.new) for row in registry_changes.changes(connection, "new one")]
    assert kept == [("name", "", "old", "new one"), ("tag", "a", "1", "2")]


@ON_BOTH
def test_every_change_is_kept_with_who_made_it_and_is_told(api: Speaker, served_project: Project) -> None:
    api.ok("registered-models/create", {"name": "iris"})
    version(api, "iris", "s3://b/m")
    patch(api, "registered-models/update", {"name": "iris", "description": "d"})
    patch(api, "model-versions/update", {"name": "iris", "version": "1", "description": "v"})
    api.ok("model-versions/set-tag", {"name": "iris", "version": "1", "key": "k", "value": "1"})
    drop(api, "model-versions/delete-tag", {"name": "iris", "version": "1", "key": "k"})
    api.ok("model-versions/transition-stage", {"name": "iris", "version": "1", "stage": "Staging"})
    drop(api, "model-versions/delete", {"name": "iris", "version": "1"})
    with served_project.ledger.read() as connection:
        found = registry_changes.changes(connection, "iris")
    assert [(row.version, row.what, row.new) for row in reversed(found)] == [
        (0, "description", "d"),
        (1, "description", "v"),
        (1, "tag", "1"),
        (1, "tag", None),
        (1, "stage", "Staging"),
        (1, "deletion", None),
    ]
    assert {row.actor for row in found} == {served_project.actor}
    told = [type_ for type_, subject in events_of(served_project) if subject.startswith("model/iris")]
    assert told == ["model.created", "model-version.registered", "model.changed", *["model-version.changed"] * 5]


def test_the_files_of_a_deleted_version_are_collected(api: Speaker, served_project: Project) -> None:
    api.ok("registered-models/create", {"name": "iris"})
    version(api, "iris", "s3://b/m")
    assert collect(served_project, grace_s=0.0).removed == []
    drop(api, "model-versions/delete", {"name": "iris", "version": "1"})
    assert len(collect(served_project, grace_s=0.0).removed) == 2


def test_native_versions_are_shown_to_clients(api: Speaker, served_project: Project) -> None:
    from sklearn.linear_model import LinearRegression

    from mlwright.registry import register_model
    from mlwright.registry.values import Column

    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    register_model("native", model, project=served_project, columns=[Column("x", "FP64")])
    found = api.get("model-versions/get", name="native", version="1").json()["model_version"]
    assert (found["status"], found["current_stage"]) == ("READY", "None")
    uri = api.get("model-versions/get-download-uri", name="native", version="1").json()["artifact_uri"]
    assert found["source"] == uri
    listed = api.send(
        "GET", "/api/2.0/mlflow-artifacts/artifacts", query=f"path={uri.removeprefix('mlflow-artifacts:/')}"
    )
    assert [entry["path"] for entry in listed.json()["files"]] == ["estimator", "model.json"]


@pytest.mark.parametrize(
    ("path", "given", "error"),
    [
        ("registered-models/create", {}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": ""}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": "  "}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": "a/b"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": "a:b"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": ".."}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": "x" * 257}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": 5}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": "x", "tags": "no list"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/create", {"name": "x", "tags": [{"key": "a#b", "value": "1"}]}, "INVALID_PARAMETER_VALUE"),
        (
            "registered-models/create",
            {"name": "x", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]},
            "NOT_IMPLEMENTED",
        ),
        ("registered-models/rename", {"name": "iris"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/rename", {"name": "iris", "new_name": "a/b"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/rename", {"name": "none", "new_name": "b"}, "RESOURCE_DOES_NOT_EXIST"),
        ("registered-models/set-tag", {"name": "iris", "value": "x"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/set-tag", {"name": "iris", "key": "k" * 251, "value": "x"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/set-tag", {"name": "iris", "key": "k", "value": "x" * 100_001}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/set-tag", {"name": "none", "key": "k", "value": "x"}, "RESOURCE_DOES_NOT_EXIST"),
        ("registered-models/alias", {"name": "iris", "alias": "latest", "version": "1"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/alias", {"name": "iris", "alias": "v12", "version": "1"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/alias", {"name": "iris", "alias": "a b", "version": "1"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/alias", {"name": "iris", "alias": "a" * 256, "version": "1"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/alias", {"name": "iris", "alias": "ok", "version": "x"}, "INVALID_PARAMETER_VALUE"),
        ("registered-models/alias", {"name": "iris", "alias": "ok", "version": "99"}, "RESOURCE_DOES_NOT_EXIST"),
        ("registered-models/alias", {"name": "iris", "alias": "ok", "version": "9" * 40}, "RESOURCE_DOES_NOT_EXIST"),
        ("model-versions/create", {"name": "iris"}, "INVALID_PARAMETER_VALUE"),
        ("model-versions/create", {"name": "none", "source": "s3://b/m"}, "RESOURCE_DOES_NOT_EXIST"),
        ("model-versions/create", {"name": "iris", "source": "models:/none/1"}, "RESOURCE_DOES_NOT_EXIST"),
        ("model-versions/create", {"name": "iris", "source": "s3://" + "x" * 2000}, "INVALID_PARAMETER_VALUE"),
        ("model-versions/set-tag", {"name": "iris", "version": "1", "value": "x"}, "INVALID_PARAMETER_VALUE"),
        (
            "model-versions/transition-stage",
            {"name": "iris", "version": "-1", "stage": "None"},
            "RESOURCE_DOES_NOT_EXIST",
        ),
    ],
)
def test_what_can_not_be_is_refused_with_its_code(api: Speaker, path: str, given: Any, error: str) -> None:
    api.ok("registered-models/create", {"name": "iris"})
    version(api, "iris", "s3://b/m")
    reply = api.post(path, given)
    assert reply.error == error, reply


def test_a_version_that_serves_or_is_guarded_is_not_deleted(api: Speaker, served_project: Project) -> None:
    from mlwright.ledger import delivery

    api.ok("registered-models/create", {"name": "iris"})
    for _ in range(2):
        version(api, "iris", "s3://b/m")
    with served_project.ledger.write() as tx:
        delivery.put_deployment(tx, "flowers", model="iris", spec={})
        delivery.set_traffic(tx, "flowers", [delivery.Arm(arm="stable", version=1, weight=1.0)], reason="")
    assert drop(api, "model-versions/delete", {"name": "iris", "version": "1"}).error == "RESOURCE_CONFLICT"
    assert drop(api, "registered-models/delete", {"name": "iris"}).error == "RESOURCE_CONFLICT"
    assert api.post("registered-models/rename", {"name": "iris", "new_name": "x"}).error == "RESOURCE_CONFLICT"
    assert drop(api, "model-versions/delete", {"name": "iris", "version": "2"}).status == 200
