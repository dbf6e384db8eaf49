"""What mlwright itself logs is seen by MLflow's clients, and the other way round."""

from __future__ import annotations

from mlflow_api import Speaker

from mlwright import tracking
from mlwright.api.client import LocalClient
from mlwright.ledger import runs
from mlwright.project import Project


def test_a_native_run_is_seen_as_one_of_mlflow(api: Speaker, served_project: Project) -> None:
    with tracking.start_run("baseline", "vision/defects", project=served_project) as run:
        run.log_params({"depth": 3, "layers": [1, 2], "name": "x"})
        run.log_metrics({"auc": 0.75})
        run.set_tags({"kind": "forest"})
    found = api.get("experiments/get-by-name", experiment_name="vision/defects").json()["experiment"]
    (shown,) = api.ok("runs/search", {"experiment_ids": [found["experiment_id"]], "filter": "metrics.auc > 0.5"})[
        "runs"
    ]
    assert shown["info"]["run_id"] == run.id
    assert (shown["info"]["run_name"], shown["info"]["status"]) == ("baseline", "FINISHED")
    assert {param["key"]: param["value"] for param in shown["data"]["params"]} == {
        "depth": "3",
        "layers": "[1,2]",
        "name": "x",
    }
    tags = {tag["key"]: tag["value"] for tag in shown["data"]["tags"]}
    assert (tags["kind"], tags["mlflow.runName"], tags["mlflow.user"]) == ("forest", "baseline", "test")


def test_the_tags_of_clients_are_columns_of_the_ledger(api: Speaker, served_project: Project) -> None:
    parent = api.run()
    tags = [{"key": "mlflow.parentRunId", "value": parent}, {"key": "mlflow.note.content", "value": "a note"}]
    child = api.run(tags=tags, user_id="ada", run_name="child")
    with served_project.ledger.read() as connection:
        row = runs.get_run(connection, child)
    assert (row.parent_id, row.note, row.actor, row.name) == (parent, "a note", "user:ada", "child")
    api.ok("runs/set-tag", {"run_id": child, "key": "mlflow.note.content", "value": "another"})
    api.ok("runs/update", {"run_id": child, "status": "FAILED", "end_time": 3000})
    with served_project.ledger.read() as connection:
        row = runs.get_run(connection, child)
    assert (row.note, row.status, row.duration_s) == ("another", "failed", 2.0)


def test_a_parent_that_is_no_run_of_ours_stays_a_tag(api: Speaker, served_project: Project) -> None:
    run_id = api.run(tags=[{"key": "mlflow.parentRunId", "value": "f" * 32}])
    assert {"key": "mlflow.parentRunId", "value": "f" * 32} in api.shown(run_id)["data"]["tags"]
    with served_project.ledger.read() as connection:
        assert runs.get_run(connection, run_id).parent_id is None


def test_a_note_and_a_parent_of_a_native_run_are_tags_of_mlflow_to_see_and_to_find(
    api: Speaker, served_project: Project
) -> None:
    with tracking.start_run("outer", note="first", project=served_project) as outer:
        with tracking.start_run("inner", project=served_project) as inner:
            inner.set_note("a note")
        outer.set_note("second")
    assert tags_of(api, outer.id)["mlflow.note.content"] == "second"
    assert tags_of(api, inner.id)["mlflow.note.content"] == "a note"
    assert tags_of(api, inner.id)["mlflow.parentRunId"] == outer.id
    for text, expected in (
        ("tags.mlflow.note.content = 'a note'", [inner.id]),
        ("tags.mlflow.note.content LIKE 'sec%'", [outer.id]),
        (f"tags.mlflow.parentRunId = '{outer.id}'", [inner.id]),
        ("tags.mlflow.runName = 'inner'", [inner.id]),
        (f"tags.mlflow.parentRunId = '{'f' * 32}'", []),
        ("tags.mlflow.note.content != 'a note'", [outer.id]),
    ):
        assert found_by(api, text) == sorted(expected), text


def test_a_note_that_both_wrote_is_what_was_written_last(api: Speaker, served_project: Project) -> None:
    run_id = api.run(tags=[{"key": "mlflow.note.content", "value": "theirs"}], run_name="theirs")
    client = LocalClient(served_project)
    client.call("runs.amend", run=run_id, note="ours", name="ours")
    tags = tags_of(api, run_id)
    assert (tags["mlflow.note.content"], tags["mlflow.runName"]) == ("ours", "ours")
    assert found_by(api, "tags.mlflow.note.content = 'ours'") == [run_id]
    assert found_by(api, "tags.mlflow.note.content = 'theirs'") == []
    assert found_by(api, "tags.mlflow.runName = 'ours'") == [run_id]
    client.call("runs.amend", run=run_id, note="")
    assert "mlflow.note.content" not in tags_of(api, run_id)
    assert found_by(api, "tags.mlflow.note.content LIKE '%'") == []


def test_a_note_that_is_set_as_a_tag_natively_is_the_note(api: Speaker, served_project: Project) -> None:
    with tracking.start_run("noted", note="first", project=served_project) as run:
        run.set_tags({"mlflow.note.content": "as a tag", "kind": "forest"})
    with served_project.ledger.read() as connection:
        assert runs.get_run(connection, run.id).note == "as a tag"
    tags = tags_of(api, run.id)
    assert (tags["mlflow.note.content"], tags["kind"]) == ("as a tag", "forest")
    assert found_by(api, "tags.mlflow.note.content = 'as a tag'") == [run.id]


def tags_of(api: Speaker, run_id: str) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in api.shown(run_id)["data"]["tags"]}


def found_by(api: Speaker, text: str) -> list[str]:
    answer = api.ok("runs/search", {"experiment_ids": ["0"], "filter": text})
    return sorted(run["info"]["run_id"] for run in answer.get("runs", []))
