"""What a sweep gives, and what it leaves in the ledger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import objectives
import pytest

from mlwright.errors import Conflict, InvalidDefinition, InvalidUsage, RunFailed, Unsupported
from mlwright.ledger import curves, runs, sweeps, tracked
from mlwright.project import Project
from mlwright.sweeps import Trial, choice, integers, keeping, sweep, uniform

pytest.importorskip("optuna", reason="sweeps need the extra 'sweeps'")

SPACE = objectives.SPACE


def swept(project: Project, objective: Any = objectives.bowl, space: Any = SPACE, **options: Any) -> Any:
    return sweep(objective, space, **{"name": "s", "trials": 8, "seed": 5, "project": project, **options})


def test_each_trial_is_a_run_with_params_metric_and_status(project: Project) -> None:
    found = swept(project)
    with project.ledger.read() as connection:
        rows = runs.list_runs(connection, runs.RunFilter(parent_id=found.run_id))
        assert len(rows) == 8
        assert {row.status for row in rows} == {"succeeded"}
        for row, trial in zip(reversed(rows), found.trials, strict=True):
            assert tracked.params_of(connection, row.id) == trial.params
            assert curves.last_metrics(connection, row.id) == {"objective": trial.values[0]}
        parent = runs.find_run(connection, found.run_id)
    assert (parent.status, parent.kind, parent.name) == ("succeeded", "sweep", "s")


def test_the_best_trial_is_the_one_with_the_smallest_value(project: Project) -> None:
    found = swept(project)
    assert found.best_value == min(trial.values[0] for trial in found.trials)
    assert objectives.bowl(**found.best_params) == found.best_value


def test_to_maximize_is_the_other_way_round(project: Project) -> None:
    found = swept(project, direction="maximize")
    assert found.best_value == max(trial.values[0] for trial in found.trials)


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "qmc", "nsga2"])
def test_the_same_seed_gives_the_same_trials_whether_or_not_it_was_interrupted(project: Project, sampler: str) -> None:
    space = {"x": uniform(-3, 3), "k": uniform(1, 5)}

    def objective(x: float, k: float) -> float:
        return x**2 + k

    whole = swept(project, objective, space, sampler=sampler, trials=14, name="whole")
    for trials in (1, 5, 9, 14):
        parts = swept(project, objective, space, sampler=sampler, trials=trials, name="parts")
    assert [trial.params for trial in parts.trials] == [trial.params for trial in whole.trials]


def test_a_grid_has_each_combination_once_and_no_more(project: Project) -> None:
    space = {"k": integers(1, 3), "x": uniform(0, 1, step=0.5), "kind": choice([None, True, 1])}
    found = swept(project, lambda k, x, kind: x, space, sampler="grid", trials=100)
    assert len({msgspec.json.encode(trial.params) for trial in found.trials}) == len(found.trials) == 27


def test_a_choice_keeps_values_apart_that_python_finds_equal(project: Project) -> None:
    seen: list[Any] = []
    swept(project, lambda kind: seen.append(kind) or 0.0, {"kind": choice([1, True, 1.0, "1"])}, sampler="grid")
    assert [repr(value) for value in seen] == ["1", "True", "1.0", "'1'"]


def test_a_finished_sweep_is_not_run_again_and_a_larger_one_goes_on(project: Project) -> None:
    first = swept(project)
    calls: list[float] = []
    again = swept(project, lambda x, k, kind: calls.append(x) or 0.0)
    assert calls == []
    assert again.run_id == first.run_id
    assert len(swept(project, trials=10).trials) == 10


def test_resume_false_begins_another_sweep(project: Project) -> None:
    assert swept(project).run_id != swept(project, resume=False).run_id


def test_a_sweep_of_the_same_name_over_another_space_is_refused(project: Project) -> None:
    swept(project)
    with pytest.raises(Conflict, match="looks through another space"):
        swept(project, lambda x: x, {"x": uniform(0, 1)})


def test_a_hopeless_trial_is_stopped_and_says_so(project: Project) -> None:
    found = swept(project, objectives.hopeless, pruner="median", trials=12)
    pruned = [trial for trial in found.trials if trial.outcome == "pruned"]
    assert pruned
    with project.ledger.read() as connection:
        tags = tracked.tags_of(connection, pruned[0].run_id)
        reported = curves.history(connection, pruned[0].run_id, sweeps.REPORTED)
    assert (pruned[0].status, tags[sweeps.OUTCOME_TAG]) == ("cancelled", "pruned")
    assert len(reported) < 4


@pytest.mark.parametrize("pruner", ["hyperband", "successive-halving"])
def test_pruners_that_keep_rungs_go_on_after_an_interruption(project: Project, pruner: str) -> None:
    swept(project, objectives.hopeless, pruner=pruner, trials=10)
    found = swept(project, objectives.hopeless, pruner=pruner, trials=30)
    assert {"finished", "pruned"} == {trial.outcome for trial in found.trials}


def test_a_trial_whose_objective_raises_has_failed_and_the_others_go_on(project: Project) -> None:
    def objective(trial: Trial, x: float) -> float:
        if trial.number == 1:
            raise ValueError("no luck")
        return x

    found = swept(project, objective, {"x": uniform(0, 1)})
    failed = found.trials[1]
    assert (failed.outcome, failed.error["what"]) == ("failed", "no luck")
    assert len(found.trials) == 8


@pytest.mark.parametrize("given", [float("nan"), float("inf"), None, "much", [1.0, 2.0]])
def test_what_is_no_finite_number_fails_the_trial(project: Project, given: Any) -> None:
    found = swept(project, lambda trial, x: given if trial.number else x, {"x": uniform(0, 1)}, trials=2)
    assert [trial.outcome for trial in found.trials] == ["finished", "failed"]


def test_an_objective_that_always_fails_ends_the_sweep(project: Project) -> None:
    calls: list[float] = []

    def objective(x: float) -> float:
        calls.append(x)
        raise ValueError("broken")

    with pytest.raises(RunFailed, match="every trial"):
        swept(project, objective, {"x": uniform(0, 1)}, trials=100)
    assert len(calls) == 5
    with project.ledger.read() as connection:
        assert runs.find_run(connection, "@latest").status == "failed"


def test_several_objectives_give_a_front(project: Project) -> None:
    def objective(x: float) -> list[float]:
        return [x, 1 - x]

    found = swept(project, objective, {"x": uniform(0, 1)}, direction=["minimize", "minimize"])
    assert len(found.front) == 8
    found = swept(project, objective, {"x": uniform(0, 1)}, direction=["minimize", "maximize"], name="one")
    assert found.best.values == min(trial.values for trial in found.trials)


def test_what_is_kept_for_pages_agrees_with_the_ledger(project: Project) -> None:
    found = swept(project, trials=12)
    kept = keeping.read(project, found.run_id)
    assert kept is not None
    assert [line.values for line in kept.trials] == [trial.values for trial in found.trials]
    assert [axis.name for axis in kept.axes] == ["x", "k", "kind", "objective"]
    assert kept.best == [found.best.number]
    assert kept.history[-1][1] == found.best_value
    assert kept.importances == pytest.approx(found.importances)
    assert sum(kept.importances.values()) == pytest.approx(1)


def test_the_parameter_that_matters_is_the_important_one(project: Project) -> None:
    space = {"much": uniform(0, 1), "nothing": uniform(0, 1)}
    found = swept(project, lambda much, nothing: much, space, sampler="random", trials=40)
    assert found.importances["much"] > 0.8


def test_what_an_objective_logs_belongs_to_its_trial(project: Project) -> None:
    found = swept(project, objectives.slow_bowl, trials=2)
    with project.ledger.read() as connection:
        for trial in found.trials:
            points = curves.history(connection, trial.run_id, "loss")
            assert [point.value for point in points] == [trial.params["x"] + step for step in range(3)]


def test_a_space_can_stand_in_the_objectives_annotations(project: Project) -> None:
    def objective(x: Annotated[float, uniform(0, 1)], k: Annotated[int, integers(1, 2)]) -> float:
        return x * k

    objective.__annotations__ = {"x": Annotated[float, uniform(0, 1)], "k": Annotated[int, integers(1, 2)]}
    assert set(swept(project, objective, None, trials=1).best_params) == {"x", "k"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "tep"}, "there is no sampler"),
        ({"pruner": "medain"}, "there is no pruner"),
        ({"sampler": "grid"}, "no end of values"),
        ({"direction": "up"}, "direction='up'"),
        ({"trials": 0}, "trials=0"),
        ({"direction": ["minimize", "maximize"], "pruner": "median"}, "several objectives"),
        ({"parallel": 2, "objective": lambda x, k, kind: x}, "worker processes"),
        ({"objective": lambda x: x}, "can't be called"),
        ({"space": {}}, "nothing to look through"),
        ({"space": {"x": 3}}, "no domain"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(project: Project, options: Any, message: str) -> None:
    with pytest.raises(InvalidDefinition, match=message):
        swept(project, **options)


def test_an_option_that_is_misspelt_gets_a_proposal(project: Project) -> None:
    with pytest.raises(InvalidUsage, match="did you mean 'trials'"):
        swept(project, trails=3)


def test_no_trial_is_begun_after_the_time_was_up(project: Project) -> None:
    found = swept(project, timeout_s=0.0)
    assert (found.trials, found.stopped) == ([], "the time was up")


@pytest.mark.parametrize("workers", ["processes", "threads"])
def test_trials_that_run_at_once_are_each_counted_once(project: Project, workers: str) -> None:
    found = swept(project, objectives.slow_bowl, parallel=2, workers=workers, trials=10, pruner="median")
    assert [trial.number for trial in found.trials] == list(range(10))
    for trial in found.trials:
        if trial.outcome == "finished":
            assert trial.values == [objectives.bowl(**trial.params)]


def test_a_trial_whose_worker_dies_is_tried_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = swept(project, objectives.deadly, parallel=2, trials=4)
    assert [trial.outcome for trial in found.trials] == ["finished"] * 4
    with project.ledger.read() as connection:
        rows = sweeps.trials_of(connection, found.run_id)
    assert sorted(row.outcome for row in rows) == ["finished"] * 4 + ["lost"]


def test_an_interrupted_sweep_is_cancelled_and_goes_on(project: Project) -> None:
    def objective(trial: Trial, x: float) -> float:
        if trial.number == 2:
            raise KeyboardInterrupt
        return x

    with pytest.raises(KeyboardInterrupt):
        swept(project, objective, {"x": uniform(0, 1)})
    with project.ledger.read() as connection:
        row = sweeps.find_sweep(connection, "s")
    assert row is not None
    assert row.status == "cancelled"
    found = swept(project, lambda x: x, {"x": uniform(0, 1)})
    assert [trial.attempt for trial in found.trials] == [1, 1, 2, 1, 1, 1, 1, 1]


def test_a_sweep_that_runs_already_is_not_run_twice_at_once(project: Project) -> None:
    from mlwright.errors import AlreadyRunning

    def objective(x: float) -> float:
        with pytest.raises(AlreadyRunning):
            swept(project, lambda x: x, {"x": uniform(0, 1)})
        return x

    assert len(swept(project, objective, {"x": uniform(0, 1)}, trials=1).trials) == 1


@pytest.mark.parametrize("workers", ["processes", "threads"])
def test_a_sweep_is_the_same_on_either_database(project_folder: Path, ledger_url: str, workers: str) -> None:
    with Project.open(project_folder, ledger=ledger_url) as world:
        options = {"pruner": "median", "workers": workers}
        swept(world, objectives.slow_bowl, trials=3, **options)
        found = swept(world, objectives.slow_bowl, trials=8, parallel=2, **options)
        with world.ledger.read() as connection:
            rows = sweeps.trials_of(connection, found.run_id, reports=True)
    assert [row.number for row in rows] == list(range(8))
    assert all(len(row.reported) == 3 for row in rows if row.outcome == "finished")


def test_a_sampler_and_a_pruner_of_optunas_own_can_be_given(project: Project) -> None:
    import optuna

    sampler, pruner = optuna.samplers.GridSampler({"k": [1, 2, 3, 4]}, seed=1), optuna.pruners.PercentilePruner(50.0)

    def objective(trial: Trial, k: int) -> float:
        trial.report(float(k), 0)
        return float(k)

    for trials in (2, 4):
        given = {"sampler": sampler, "pruner": pruner, "trials": trials}
        found = swept(project, objective, {"k": integers(1, 4)}, **given)
    assert sorted(trial.params["k"] for trial in found.trials) == [1, 2, 3, 4]
    assert (found.plan.sampler, found.plan.pruner) == ("GridSampler", "PercentilePruner")


def test_a_sweep_whose_run_was_deleted_is_begun_anew(project: Project) -> None:
    first = swept(project)
    with project.ledger.write() as tx:
        runs.delete_run(tx, first.run_id)
    assert swept(project).run_id != first.run_id


def test_a_trial_that_was_deleted_still_counts(project: Project) -> None:
    first = swept(project)
    with project.ledger.write() as tx:
        runs.delete_run(tx, first.trials[3].run_id)
    assert len(swept(project, trials=9).trials) == 9


def test_a_sweep_that_would_go_to_a_server_is_refused(project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project_folder)
    monkeypatch.setenv("MLWRIGHT_SERVER", "http://127.0.0.1:9")
    with pytest.raises(Unsupported, match="works on a ledger"):
        sweep(objectives.bowl, SPACE, name="s", trials=1)


def test_a_script_needs_no_guard_for_its_worker_processes(project_folder: Path) -> None:
    script = project_folder / "script.py"
    script.write_text(
        "from mlwright import sweep, uniform\n"
        "def area(x):\n    return x\n"
        "print(sweep(area, {'x': uniform(0, 1)}, name='s', trials=4, parallel=2))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=project_folder, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith("4 finished)"), done.stderr
    assert done.stdout.count("SweepResult") == 1
