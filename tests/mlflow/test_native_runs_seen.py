"""What mlwright itself logs is seen by MLflow's clients, and the other way round."""

from __future__ import annotations

from mlflow_api import Speaker

from mlwright import tracking
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
