"""The engine on a PostgreSQL ledger: the same facts."""

from __future__ import annotations

from pathlib import Path

import flow_steps as flows
import pytest

from mlwright.ledger import curves, runs, steps
from mlwright.pipelines import resume, run
from mlwright.project import Project
from mlwright.tracking import start_run


@pytest.mark.postgres
def test_runs_retries_caching_tracking_and_resuming_work_on_postgresql(
    project_folder: Path, postgres_url: str, tmp_path: Path
) -> None:
    with Project.open(project_folder, ledger=postgres_url) as project:
        for expected in ("succeeded", "cached"):
            result = run(project, flows.tracking_flow, executor="process", idempotency_key=expected)
            with project.ledger.read() as connection:
                (row,) = steps.step_runs_of(connection, result.run_id)
                curve = curves.history(connection, result.run_id, "loss")
                last = curves.last_metrics(connection, result.run_id)
            assert row.status == expected
            assert [point.value for point in curve] == [1.5, 0.75, 0.5]
            assert last == {"loss": 0.5}
        assert run(project, flows.retried, {"folder": str(tmp_path)}, executor="inline").result == 3
        failed = run(project, flows.failing, {"folder": str(tmp_path)}, executor="inline")
        assert resume(project, failed.run_id).status == "failed"
        with start_run("script", project=project) as script:
            script.log_metrics({"nan": float("nan")})
        with project.ledger.read() as connection:
            assert runs.find_run(connection, script.id[-8:]).status == "succeeded"
            assert len(runs.list_runs(connection)) == 5
