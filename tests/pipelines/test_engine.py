"""Runs of pipelines: results, facts, caching, retries, timeouts, resuming."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flow_steps as flows
import pytest

from floors import floor_s
from mlwright import pipeline, step
from mlwright.core.clock import ReplayClock
from mlwright.errors import (
    AlreadyRunning,
    InvalidDefinition,
    InvalidUsage,
    NotFound,
    RunFailed,
    StepTimeout,
    Unsupported,
)
from mlwright.ledger import curves, leases, runs, steps, tracked
from mlwright.ledger.outbox import read_events
from mlwright.pipelines import Progress, interrupted, open_result, resume, run
from mlwright.project import Project

BOTH = pytest.mark.parametrize("executor", ["inline", "process"])


def step_rows(project: Project, run_id: str) -> dict[str, steps.StepRunRow]:
    with project.ledger.read() as connection:
        return {row.step: row for row in steps.step_runs_of(connection, run_id)}


def events(project: Project, run_id: str) -> list[str]:
    with project.ledger.read() as connection:
        return [event.type for event in read_events(connection) if event.subject.startswith(f"run/{run_id}")]


def count(folder: Path, name: str) -> int:
    path = folder / name
    return path.stat().st_size if path.exists() else 0


@BOTH
def test_a_run_gives_what_the_function_returns_and_leaves_its_facts(project: Project, executor: str) -> None:
    result = run(project, flows.sums, {"count": 5}, executor=executor, cause={"user": "ada"}, experiment="sums-test")
    assert (result.status, result.result, dict(result.outputs)) == ("succeeded", 20.0, {"result": 20.0})
    rows = step_rows(project, result.run_id)
    assert {key: row.status for key, row in rows.items()} == {"numbers": "succeeded", "total": "succeeded"}
    assert all(row.cache_key and row.usage and row.usage["cpu_s"] >= 0 for row in rows.values())
    assert rows["numbers"].reason == "first run of this step's function"
    with project.ledger.read() as connection:
        row = runs.get_run(connection, result.run_id)
        outputs = steps.outputs_of(connection, result.run_id)
    assert (row.experiment, row.status, row.arguments, row.cause) == (
        "sums-test",
        "succeeded",
        {"count": 5, "scale": 2.0},
        {"user": "ada"},
    )
    assert row.duration_s is not None
    assert row.ir_digest is not None
    assert row.environment_digest is not None
    assert [one.type for one in outputs["numbers"]] == ["list"]
    assert events(project, result.run_id) == ["run.started", "step.succeeded", "step.succeeded", "run.succeeded"]
    assert not list((project.settings.home / "work").glob("*"))


@BOTH
def test_an_equal_run_takes_everything_from_the_cache_and_says_so(project: Project, executor: str) -> None:
    first = run(project, flows.sums, {"count": 5}, executor=executor)
    second = run(project, flows.sums, {"count": 5}, executor=executor)
    rows = step_rows(project, second.run_id)
    assert second.result == first.result
    assert {row.status for row in rows.values()} == {"cached"}
    assert f"as in run {first.run_id[-8:]}" in rows["total"].reason
    third = step_rows(project, run(project, flows.sums, {"count": 6}, executor=executor).run_id)
    assert third["numbers"].reason == "input 'count' changed from 5 to 6 since its newest result"
    fourth = step_rows(project, run(project, flows.sums, {"count": 5, "scale": 3}, executor=executor).run_id)
    assert (fourth["numbers"].status, fourth["total"].status) == ("cached", "succeeded")


def test_a_cached_result_whose_content_is_gone_is_made_again(project: Project) -> None:
    first = run(project, flows.sums, executor="inline")
    with project.ledger.read() as connection:
        (output,) = steps.outputs_of(connection, first.run_id)["numbers"]
    project.store.delete(output.digest)
    rows = step_rows(project, run(project, flows.sums, executor="inline").run_id)
    assert (rows["numbers"].status, rows["total"].status) == ("succeeded", "cached")
    assert project.store.has(output.digest)


@BOTH
def test_a_flaky_step_is_tried_again_and_only_the_last_attempt_shapes_its_curve(
    project: Project, executor: str, tmp_path: Path
) -> None:
    result = run(project, flows.retried, {"folder": str(tmp_path)}, executor=executor)
    assert result.result == 3
    with project.ledger.read() as connection:
        rows = steps.step_runs_of(connection, result.run_id)
        curve = curves.history(connection, result.run_id, "attempt")
    assert [(row.attempt, row.status) for row in rows] == [(1, "failed"), (2, "failed"), (3, "succeeded")]
    assert rows[0].error is not None
    assert rows[0].error["type"] == "ConnectionError"
    assert [point.value for point in curve] == [3.0]
    assert events(project, result.run_id).count("step.retried") == 2


def test_retries_end_and_the_last_error_is_told(project: Project, tmp_path: Path) -> None:
    result = run(project, flows.retried, {"folder": str(tmp_path), "failures": 9}, executor="inline")
    assert result.status == "failed"
    assert count(tmp_path, "attempts") == 3
    with pytest.raises(RunFailed, match="attempt 3"):
        _ = result.result


def test_only_the_named_errors_are_tried_again_and_those_that_pass_by_themselves(
    project: Project, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    assert (
        run(project, flows.retried_on_value_errors, {"folder": str(folders[0])}, executor="inline").status == "failed"
    )
    assert run(project, flows.retried_on_os_errors, {"folder": str(folders[1])}, executor="inline").result == 2
    assert run(project, flows.passing, {"folder": str(folders[2])}, executor="inline").result == 1


@BOTH
def test_a_failure_shows_the_users_line_and_the_run_goes_on_where_it_stopped(
    project: Project, executor: str, tmp_path: Path
) -> None:
    result = run(project, flows.failing, {"folder": str(tmp_path)}, executor=executor)
    assert result.status == "failed"
    assert result.error is not None
    assert result.error["what"] == "step 'divide' failed: ZeroDivisionError: division by zero"
    assert result.error["why"].startswith("flow_steps.py:")
    assert result.error["why"].endswith("in divide: return 1 / by")
    rows = step_rows(project, result.run_id)
    assert {key: row.status for key, row in rows.items()} == {"note": "succeeded", "divide": "failed"}
    log = project.store.read(rows["divide"].log_digest or "").decode()
    assert "dividing by 0" in log
    assert "Traceback" in log
    assert "mlwright" not in log.split("Traceback")[1]
    with project.ledger.read() as connection:
        assert curves.last_metrics(connection, result.run_id) == {"before": 1.0}
    again = resume(project, result.run_id, executor=executor)
    assert again.status == "failed"
    assert count(tmp_path, "first") == 1
    assert count(tmp_path, "last") == 0
    with project.ledger.read() as connection:
        attempts = [row.attempt for row in steps.step_runs_of(connection, result.run_id) if row.step == "divide"]
    assert attempts == [1, 2]
    assert "run.resumed" in events(project, result.run_id)


def test_a_step_that_takes_too_long_is_stopped_and_named(project: Project) -> None:
    result = run(project, flows.too_slow, executor="process")
    assert result.status == "failed"
    assert result.error is not None
    assert result.error["code"] == StepTimeout.code
    assert "timeout of 3 s" in result.error["what"]
    assert run(project, flows.quick_enough, executor="process").result == 0.01


def test_an_executor_that_cannot_keep_a_timeout_says_so_before_anything_runs(project: Project) -> None:
    with pytest.raises(Unsupported, match="has a timeout, which the executor 'inline' can't keep"):
        run(project, flows.too_slow, executor="inline")
    with project.ledger.read() as connection:
        assert runs.list_runs(connection) == []


@BOTH
def test_a_value_of_the_wrong_type_fails_the_step_that_returned_it(project: Project, executor: str) -> None:
    result = run(project, flows.mistyped, executor=executor)
    assert result.error is not None
    assert "returns 'text', and is declared to return int" in result.error["what"]


@BOTH
def test_what_a_step_logs_is_the_runs_and_a_cached_step_logs_it_again(project: Project, executor: str) -> None:
    for expected in ("succeeded", "cached"):
        result = run(project, flows.tracking_flow, executor=executor)
        assert step_rows(project, result.run_id)["tracked"].status == expected
        with project.ledger.read() as connection:
            curve = curves.history(connection, result.run_id, "loss")
            assert [(point.step, point.value) for point in curve] == [(0, 1.5), (1, 0.75), (2, 0.5)]
            assert tracked.params_of(connection, result.run_id) == {"value": 1.5, "nested": {"a": [1, 2]}}
            assert tracked.tags_of(connection, result.run_id) == {"step": "tracked"}
            (artifact,) = tracked.artifacts_of(connection, result.run_id)
            assert (artifact.name, artifact.step) == ("report", "tracked")


@BOTH
def test_a_step_that_uses_the_ledger_acts_in_event_time_and_is_never_cached(
    project_folder: Path, executor: str
) -> None:
    now = datetime(2013, 5, 1, 6, tzinfo=UTC)
    with Project.open(project_folder, clock=ReplayClock(now)) as project:
        results = [run(project, flows.stamping, executor=executor) for _ in range(2)]
        assert [result.result for result in results] == [now.isoformat()] * 2
        row = step_rows(project, results[1].run_id)["stamped"]
        assert row.status == "succeeded"
        assert "not cached: the step used the project's ledger" in row.reason
        with project.ledger.read() as connection:
            stamps = {event.time for event in read_events(connection)}
    assert stamps == {now}


@BOTH
def test_environment_variables_are_the_steps_own(project: Project, executor: str) -> None:
    assert run(project, flows.with_variables, executor=executor).result == ("blue", None)
    assert "COLOUR" not in os.environ


def test_results_keep_the_shape_that_the_function_returns(project: Project) -> None:
    result = run(project, flows.several, executor="inline")
    assert result.result == {"number": 1, "word": "a", "count": 2, "list": [1, 5]}
    assert result.outputs["word"] == "a"
    with pytest.raises(KeyError):
        _ = result.outputs["nothing"]


def test_progress_is_told_from_start_to_end(project: Project) -> None:
    seen: list[Progress] = []
    run(project, flows.sums, executor="inline", on_progress=seen.append)
    assert [one.kind for one in seen] == [
        "run-started",
        "step-started",
        "step-succeeded",
        "step-started",
        "step-succeeded",
        "run-finished",
    ]
    assert (seen[-2].done, seen[-2].total) == (2, 2)


def test_an_idempotency_key_has_one_run(project: Project, tmp_path: Path) -> None:
    first = run(project, flows.sums, {"count": 3}, executor="inline", idempotency_key="k")
    again = run(project, flows.sums, {"count": 3}, executor="inline", idempotency_key="k")
    assert again.run_id == first.run_id
    assert again.result == first.result
    failed = run(project, flows.failing, {"folder": str(tmp_path)}, executor="inline", idempotency_key="f")
    again = run(project, flows.failing, {"folder": str(tmp_path)}, executor="inline", idempotency_key="f")
    assert again.run_id == failed.run_id
    assert count(tmp_path, "first") == 1


def test_two_processes_with_one_idempotency_key_make_one_run(project: Project) -> None:
    found: list[Any] = []

    def start() -> None:
        try:
            found.append(run(project, flows.sums, {"count": 3}, executor="process", idempotency_key="k").run_id)
        except AlreadyRunning as error:
            found.append(error.context["run_id"])

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_run_that_another_process_runs_is_left_to_it(project: Project, tmp_path: Path) -> None:
    result = run(project, flows.failing, {"folder": str(tmp_path)}, executor="inline")
    lease = leases.acquire(project.ledger, f"run:{result.run_id}", owner="elsewhere:1:1", ttl_s=60)
    assert lease is not None
    with pytest.raises(AlreadyRunning, match="elsewhere"):
        resume(project, result.run_id)


def test_a_run_that_succeeded_is_only_read_again(project: Project) -> None:
    result = run(project, flows.sums, executor="inline")
    assert resume(project, "@latest").result == result.result
    assert open_result(project, result.run_id[-6:]).result == result.result
    assert events(project, result.run_id).count("run.resumed") == 0
    assert interrupted(project) == []
    with pytest.raises(NotFound):
        open_result(project, "zzzzzzzz")


def test_wrong_arguments_and_executors_are_refused_before_anything_runs(project: Project) -> None:
    with pytest.raises(InvalidUsage, match="no parameter 'cuont'"):
        run(project, flows.sums, {"cuont": 3})
    with pytest.raises(NotFound, match="did you mean 'inline'"):
        run(project, flows.sums, executor="inlin")
    with project.ledger.read() as connection:
        assert runs.list_runs(connection) == []


def test_steps_that_no_other_process_can_find_run_inline(project: Project) -> None:
    @step
    def local(x: int) -> int:
        return x + 1

    @pipeline
    def inner() -> Any:
        return local(1)

    assert run(project, inner).result == 2
    with project.ledger.read() as connection:
        assert (runs.list_runs(connection)[0].source or {})["executor"] == "inline"
    with pytest.raises(InvalidDefinition, match="it is defined inside another function"):
        run(project, inner, executor="process")


def test_a_deep_chain_runs_in_linear_time_and_again_from_the_cache(project: Project) -> None:
    assert run(project, flows.chain, executor="inline").result == 1000
    started = time.process_time()
    assert run(project, flows.chain, executor="inline").result == 1000
    assert time.process_time() - started < 3000 * floor_s()


def test_a_lost_lease_stops_the_engine_and_nothing_more_is_committed(project: Project, tmp_path: Path) -> None:
    stolen: list[str] = []

    def steal(progress: Progress) -> None:
        if progress.kind == "step-succeeded" and not stolen:
            stolen.append(progress.run_id)
            with project.ledger.write("system") as tx:
                from mlwright.ledger.schema import leases as table

                values = {"owner": "elsewhere:1:1", "fence": table.c.fence + 1}
                tx.execute(table.update().where(table.c.name == f"run:{progress.run_id}").values(values))

    from mlwright.errors import LostLease

    with pytest.raises(LostLease):
        run(project, flows.line, {"folder": str(tmp_path), "wait_s": 0.3}, executor="inline", on_progress=steal)
    with project.ledger.read() as connection:
        assert steps.outputs_of(connection, stolen[0]) == {}
        assert runs.get_run(connection, stolen[0]).status == "running"
