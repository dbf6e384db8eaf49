"""Trainings that are logged by themselves: what is logged, which fits count, and libraries that are imported later."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logged import artifacts, only_run, run_named, values
from sklearn import model_selection
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error, r2_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlwright import autolog, start_run
from mlwright import project as projects
from mlwright.errors import NotFound
from mlwright.ledger import curves, datasets, runs, tracked
from mlwright.project import Project
from mlwright.tracking.autologging import estimators, plain, scores
from mlwright.tracking.autologging.imports import when_imported

_RANDOM = np.random.default_rng(1)
_ROWS = _RANDOM.normal(size=(120, 3))
_CLASSES = (_ROWS[:, 0] + _RANDOM.normal(size=120) * 0.5 > 0).astype(int)
_NUMBERS = _ROWS @ [1.0, 2.0, 0.0] + _RANDOM.normal(size=120)


@pytest.fixture
def logged(project: Project) -> Iterator[Project]:
    projects.use(project)
    autolog()
    yield project
    autolog(off=True)


def _all_runs(project: Project) -> list[runs.RunRow]:
    with project.ledger.read() as connection:
        return list(runs.list_runs(connection, limit=500))


def _metrics(project: Project) -> dict[str, float]:
    with project.ledger.read() as connection:
        return curves.last_metrics(connection, only_run(project).id)


def _tags(project: Project, run_id: str) -> dict[str, str]:
    with project.ledger.read() as connection:
        return tracked.tags_of(connection, run_id)


def test_a_classifier_is_scored_as_scikit_learn_scores_it(logged: Project) -> None:
    model = LogisticRegression().fit(_ROWS, _CLASSES)
    found = _metrics(logged)
    given = model.predict_proba(_ROWS)
    assert found["training/accuracy"] == pytest.approx(model.score(_ROWS, _CLASSES))
    assert found["training/log_loss"] == pytest.approx(log_loss(_CLASSES, given))
    assert found["training/roc_auc"] == pytest.approx(roc_auc_score(_CLASSES, given[:, 1]))
    assert {"model", "feature_importances.json"} <= set(artifacts(logged, only_run(logged).id))


def test_a_classifier_of_several_named_classes_is_scored(logged: Project) -> None:
    names = np.array(["a", "b", "c"])[np.digitize(_ROWS[:, 0], [-0.5, 0.5])]
    model = LogisticRegression().fit(_ROWS, names)
    found = _metrics(logged)
    given = model.predict_proba(_ROWS)
    assert found["training/log_loss"] == pytest.approx(log_loss(names, given))
    assert found["training/roc_auc"] == pytest.approx(roc_auc_score(names, given, multi_class="ovr"))


def test_a_regressor_is_scored_as_scikit_learn_scores_it(logged: Project) -> None:
    answer = LinearRegression().fit(_ROWS, _NUMBERS).predict(_ROWS)
    found = _metrics(logged)
    assert found["training/r2"] == pytest.approx(r2_score(_NUMBERS, answer))
    assert found["training/mse"] == pytest.approx(mean_squared_error(_NUMBERS, answer))
    assert found["training/mae"] == pytest.approx(mean_absolute_error(_NUMBERS, answer))


def test_a_pipeline_is_one_run_and_what_only_transforms_is_none(logged: Project) -> None:
    StandardScaler().fit_transform(_ROWS)
    SelectFromModel(LogisticRegression()).fit(_ROWS, _CLASSES)
    assert _all_runs(logged) == []
    make_pipeline(StandardScaler(), LogisticRegression()).fit(_ROWS, _CLASSES)
    assert only_run(logged).name == "Pipeline"


def test_fits_in_threads_of_a_fit_are_a_part_of_it(logged: Project) -> None:
    from joblib import parallel_backend

    with parallel_backend("threading", n_jobs=2):
        BaggingClassifier(make_pipeline(StandardScaler(), LogisticRegression()), n_estimators=4).fit(_ROWS, _CLASSES)
    assert only_run(logged).name == "BaggingClassifier"


def test_candidates_of_a_search_are_runs_inside_its_run(logged: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimators, "MOST_CANDIDATES", 2)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0, 10.0]}, cv=3).fit(_ROWS, _CLASSES)
    outer = run_named(logged, "GridSearchCV")
    parts = [row for row in _all_runs(logged) if row.parent_id == outer.id]
    assert len(parts) == 2
    assert len(_all_runs(logged)) == 3
    assert values(logged, outer.id, "best_score") == [(0, pytest.approx(search.best_score_))]
    best = run_named(logged, f"GridSearchCV-{search.best_index_}")
    assert values(logged, best.id, "mean_test_score") == [(0, pytest.approx(search.best_score_))]
    assert _tags(logged, outer.id)["autolog.candidates"] == "the best 2 of 3"


def test_a_cross_validation_is_one_run_with_the_scores_of_its_folds(logged: Project) -> None:
    found = cross_val_score(make_pipeline(StandardScaler(), LogisticRegression(C=0.5)), _ROWS, _CLASSES, cv=4)
    row = only_run(logged)
    assert (row.name, row.status) == ("cross_validate", "succeeded")
    assert values(logged, row.id, "test_score") == [(fold, pytest.approx(value)) for fold, value in enumerate(found)]
    assert values(logged, row.id, "mean_test_score") == [(0, pytest.approx(found.mean()))]
    assert values(logged, row.id, "std_test_score") == [(0, pytest.approx(found.std()))]
    with logged.ledger.read() as connection:
        params = tracked.params_of(connection, row.id)
        assert len(datasets.datasets_of(connection, row.id)) == 2
    assert (params["cv"], params["logisticregression__C"]) == (4, 0.5)
    assert _tags(logged, row.id)["autolog.estimator"] == "Pipeline"


def test_several_scores_of_a_cross_validation_in_threads_and_in_a_run_are_logged_to_it(logged: Project) -> None:
    from joblib import parallel_backend

    with start_run("mine") as run, parallel_backend("threading", n_jobs=2):
        found = model_selection.cross_validate(
            LogisticRegression(), _ROWS, _CLASSES, scoring=["accuracy", "roc_auc"], return_train_score=True
        )
    assert only_run(logged).id == run.id
    for name in ("test_accuracy", "test_roc_auc", "train_accuracy"):
        assert [value for _, value in values(logged, run.id, name)] == pytest.approx(list(found[name]))


def test_fits_of_other_rounds_over_folds_are_no_runs(logged: Project) -> None:
    cross_val_predict(LogisticRegression(), _ROWS, _CLASSES)
    learning_curve(LogisticRegression(), _ROWS, _CLASSES, train_sizes=[0.5, 1.0], cv=3)
    permutation_test_score(LogisticRegression(), _ROWS, _CLASSES, n_permutations=2, cv=3)
    assert _all_runs(logged) == []


def test_a_cross_validation_is_as_it_was_after_off(logged: Project) -> None:
    autolog("sklearn", off=True)
    assert model_selection.cross_validate is model_selection._validation.cross_validate
    assert model_selection._validation._fit_and_score is model_selection._search._fit_and_score
    cross_val_score(LogisticRegression(), _ROWS, _CLASSES)
    assert _all_runs(logged) == []


def test_a_fit_in_steps_of_the_user_is_no_run(logged: Project) -> None:
    model = SGDClassifier()
    for _ in range(3):
        model.partial_fit(_ROWS, _CLASSES, classes=[0, 1])
    assert _all_runs(logged) == []


def test_the_data_is_noted_by_its_digest_unless_that_is_switched_off(logged: Project) -> None:
    def used() -> list[Any]:
        with logged.ledger.read() as connection:
            return list(datasets.datasets_of(connection, _all_runs(logged)[0].id))

    KMeans(2, n_init=1).fit(_ROWS)
    assert len(used()) == 1
    autolog("sklearn", datasets=False, models=False)
    KMeans(2, n_init=1).fit(_ROWS)
    assert len(_all_runs(logged)) == 2
    assert used() == []
    assert artifacts(logged, _all_runs(logged)[0].id) == {}


class _Constant(ClassifierMixin, BaseEstimator):
    """A class of the user's own, which skops doesn't trust."""

    def fit(self, x: Any, y: Any) -> _Constant:
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.classes_[0])


def test_a_model_that_only_pickle_could_keep_is_left_out_with_a_note(logged: Project) -> None:
    _Constant().fit(_ROWS, _CLASSES)
    row = only_run(logged)
    assert "model" not in artifacts(logged, row.id)
    assert _tags(logged, row.id)["autolog.model"].startswith("not kept: ")


def test_a_class_that_is_defined_later_is_watched_until_off(logged: Project) -> None:
    class Later(_Constant):
        def fit(self, x: Any, y: Any) -> Later:
            super().fit(x, y)
            return self

    Later().fit(_ROWS, _CLASSES)
    assert only_run(logged).name == "Later"
    assert hasattr(Later.fit, "__wrapped__")
    autolog(off=True)
    assert not hasattr(Later.fit, "__wrapped__")
    assert "__init_subclass__" not in vars(BaseEstimator)


def test_a_watched_class_goes_to_another_process_with_its_methods(logged: Project) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        packed = cloudpickle.dumps(_Constant)
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    copy = cloudpickle.loads(packed)
    copy().fit(_ROWS, _CLASSES)
    assert all(row.name == "_Constant" for row in _all_runs(logged))


def test_random_numbers_after_a_fit_are_the_same_as_without(logged: Project) -> None:
    def drawn() -> float:
        np.random.seed(3)
        DummyClassifier(strategy="uniform").fit(_ROWS, _CLASSES)
        return float(np.random.random())

    watched = drawn()
    autolog(off=True)
    assert drawn() == watched


def test_iterations_and_the_best_one_are_logged(logged: Project) -> None:
    xgb = pytest.importorskip("xgboost")
    seen = {}
    with start_run("native") as run:
        data = xgb.DMatrix(_ROWS, _CLASSES)
        params = {"objective": "binary:logistic"}
        xgb.train(params, data, 4, evals=[(data, "valid")], evals_result=seen, verbose_eval=False)
    assert [value for _, value in values(logged, run.id, "valid/logloss")] == seen["valid"]["logloss"]
    model = xgb.XGBClassifier(n_estimators=50, early_stopping_rounds=2)
    model.fit(_ROWS[:80], _CLASSES[:80], eval_set=[(_ROWS[80:], _CLASSES[80:])], verbose=False)
    row = run_named(logged, "XGBClassifier")
    assert values(logged, row.id, "best_iteration") == [(0, model.best_iteration)]
    assert model.callbacks is None


def test_iterations_of_lightgbm_inside_a_pipeline_are_the_pipelines(logged: Project) -> None:
    lgb = pytest.importorskip("lightgbm")
    valid = {"valid_sets": [lgb.Dataset(_ROWS, _CLASSES)], "callbacks": [lgb.early_stopping(2, verbose=False)]}
    params = {"objective": "binary", "verbose": -1}
    booster = lgb.train(params, lgb.Dataset(_ROWS[:60], _CLASSES[:60]), 30, **valid)
    row = run_named(logged, "lightgbm.train")
    assert values(logged, row.id, "best_iteration") == [(0, booster.best_iteration)]
    assert len(values(logged, row.id, "valid_0/binary_logloss")) >= booster.best_iteration
    assert artifacts(logged, row.id)["model.txt"].startswith(b"tree")
    forest = GridSearchCV(lgb.LGBMClassifier(n_estimators=3, verbose=-1), {"num_leaves": [3, 5]}, cv=2)
    forest.fit(np.asarray(_ROWS), _CLASSES)
    assert len(_all_runs(logged)) == 4


def test_trees_of_a_forest_in_a_users_thread_are_one_run(logged: Project) -> None:
    thread = threading.Thread(target=lambda: RandomForestClassifier(3, n_jobs=2).fit(_ROWS, _CLASSES))
    thread.start()
    thread.join()
    assert only_run(logged).name == "RandomForestClassifier"


def test_a_stack_is_one_run_and_a_search_of_boosters_keeps_the_best_one(logged: Project) -> None:
    xgb = pytest.importorskip("xgboost")
    StackingClassifier([("a", LogisticRegression()), ("b", xgb.XGBClassifier(n_estimators=2))]).fit(_ROWS, _CLASSES)
    assert only_run(logged).name == "StackingClassifier"
    GridSearchCV(xgb.XGBClassifier(n_estimators=2), {"max_depth": [2, 3]}, cv=2).fit(_ROWS, _CLASSES)
    outer = run_named(logged, "GridSearchCV")
    assert "model.ubj" in artifacts(logged, outer.id)


def test_wrong_arguments_are_the_originals_to_refuse(logged: Project, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        LogisticRegression().fit(_ROWS, _CLASSES, nonsense=1)
    lgb = pytest.importorskip("lightgbm")
    with pytest.raises(TypeError, match="params"):
        lgb.train()
    assert not [record for record in caplog.records if "autolog" in record.getMessage()]


def test_several_fits_at_once_log_what_is_theirs(logged: Project) -> None:
    together = threading.Barrier(4)

    def fit(place: int) -> None:
        together.wait()
        for _ in range(3):
            LogisticRegression(C=float(place + 1)).fit(_ROWS, _CLASSES)

    threads = [threading.Thread(target=fit, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = _all_runs(logged)
    assert len(rows) == 12
    with logged.ledger.read() as connection:
        found = sorted(tracked.params_of(connection, row.id)["C"] for row in rows)
        assert all(set(curves.last_metrics(connection, row.id)) >= {"training/accuracy"} for row in rows)
    assert found == sorted([1.0, 2.0, 3.0, 4.0] * 3)


def test_an_unknown_library_is_refused() -> None:
    with pytest.raises(NotFound, match="autolog 'sklaern'"):
        autolog("sklaern")


def test_libraries_are_not_imported_and_watched_when_they_are(project_folder: Path) -> None:
    code = """
import sys, mlwright
mlwright.autolog()
assert not {"sklearn", "lightgbm", "xgboost", "numpy", "torch", "keras"} & set(sys.modules)
from sklearn.linear_model import LinearRegression
import sklearn.base
assert hasattr(LinearRegression.fit, "__wrapped__")
assert type(sklearn.base.__spec__.loader).__name__ == "SourceFileLoader"
LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
mlwright.autolog(off=True)
assert not any(type(finder).__module__.startswith("mlwright") for finder in sys.meta_path)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=project_folder, check=True, timeout=60)
    with Project.open(project_folder) as project:
        assert only_run(project).name == "LinearRegression"


def test_a_module_is_waited_for_until_that_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("awaited_one", "awaited_two"):
        (tmp_path / f"{name}.py").write_text("X = 1\n")
    seen: list[str] = []
    when_imported("awaited_one", lambda module: seen.append(f"{module.__name__} {module.X}"))
    stop = when_imported("awaited_two", lambda module: seen.append(module.__name__))
    stop()
    __import__("awaited_one")
    __import__("awaited_two")
    assert seen == ["awaited_one 1"]


def test_long_and_odd_parameters_are_cut() -> None:
    found = plain.params(
        {"long": list(range(1000)), "array": np.zeros(5000), "kind": dict, "nan": float("nan"), "n": 3}
    )
    assert len(found["long"]) == plain.LONGEST
    assert found["array"] == "ndarray of shape (5000,)"
    assert (found["kind"], found["nan"], found["n"]) == ("dict", "nan", 3)


def test_of_many_rows_a_part_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "MOST_ROWS", 10)
    model = LinearRegression().fit(_ROWS, _NUMBERS)
    assert set(scores.of_regressor(model, _ROWS.tolist(), _NUMBERS)) == {"training/mse", "training/mae", "training/r2"}
