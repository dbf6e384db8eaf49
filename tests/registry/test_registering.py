"""Registering, finding and loading models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlwright import errors, registry, tracking
from mlwright.artifacts.trees import read_manifest
from mlwright.ledger import outbox
from mlwright.project import Project
from mlwright.registry import Column
from slope_models import Doubler, Slope

X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
Y = np.array([0, 0, 1, 1])


def logistic() -> LogisticRegression:
    return LogisticRegression().fit(X, Y)


def register(project: Project, name: str = "churn", **about: Any) -> registry.ModelVersion:
    return registry.register_model(name, logistic(), project=project, **about)


def events(project: Project) -> list[tuple[str, str]]:
    with project.ledger.read() as connection:
        return [(event.type, event.subject) for event in outbox.read_events(connection)]


def test_a_registered_estimator_is_loaded_again_and_answers_as_before(project: Project) -> None:
    version = register(project, metrics={"log_loss": 0.4}, description="who leaves")
    assert (version.ref, version.flavour, version.unsafe) == ("churn/1", "sklearn", False)
    assert version.metrics == {"log_loss": 0.4}
    predictor = registry.load_model("churn", project=project)
    answered = predictor.predict({"x0": X[:, 0], "x1": X[:, 1]})
    assert answered["probability"].tolist() == logistic().predict_proba(X)[:, 1].tolist()


def test_versions_count_up_and_each_change_has_its_event(project: Project) -> None:
    assert [register(project).version for _ in range(3)] == [1, 2, 3]
    assert events(project) == [
        ("model.created", "model/churn"),
        ("model-version.registered", "model/churn/1"),
        ("model-version.registered", "model/churn/2"),
        ("model-version.registered", "model/churn/3"),
    ]
    assert [version.version for version in registry.versions(project, "churn")] == [3, 2, 1]


def test_the_same_idempotency_key_registers_once(project: Project) -> None:
    first = register(project, idempotency_key="run-1")
    assert register(project, idempotency_key="run-1") == first
    assert register(project, idempotency_key="run-2").version == 2


def test_equal_models_have_one_digest_and_another_recipe_has_another(project: Project) -> None:
    assert register(project).digest == register(project).digest
    columns = [Column("a", "FP64"), Column("b", "FP64", nullable=True)]
    assert register(project, columns=columns).digest != register(project).digest


def test_categories_become_their_places_and_unknown_ones_are_missing(project: Project) -> None:
    codes = np.array([[0.0], [1.0]] * 30)
    model = HistGradientBoostingClassifier(categorical_features=[0], random_state=0).fit(codes, [0, 1] * 30)
    columns = [Column("carrier", "BYTES", nullable=True)]
    about = {"columns": columns, "categories": {"carrier": ["AA", "UA"]}}
    registry.register_model("delay", model, project=project, **about)
    predictor = registry.load_model("delay", project=project)
    carriers = np.array(["UA", "AA", "??", None], dtype=object)
    np.testing.assert_array_equal(predictor.matrix({"carrier": carriers})[:, 0], [1.0, 0.0, np.nan, np.nan])
    registry.register_model("strict", model, project=project, unknown="error", **about)
    with pytest.raises(errors.InvalidInput, match=r"unknown category '\?\?'"):
        registry.load_model("strict", project=project).predict({"carrier": carriers})


def test_a_regression_gives_its_value_and_columns_come_from_the_example(project: Project) -> None:
    model = LinearRegression().fit(X, [1.0, 2.0, 3.0, 4.0])
    example = {"age": np.array([1.0, np.nan]), "count": np.array([1, 2])}
    with pytest.raises(errors.InvalidDefinition, match="can't answer its own example"):
        registry.register_model("price", model, project=project, example=example)
    version = registry.register_model("price", model, project=project, example={"age": X[:, 0], "count": [1, 0, 1, 0]})
    assert version.signature.inputs == [Column("age", "FP64"), Column("count", "INT64")]
    assert version.signature.outputs == [Column("value", "FP64")]
    assert version.signature.example == {"age": [0.0, 1.0, 2.0, 3.0], "count": [1, 0, 1, 0]}


def test_a_model_that_only_pickle_can_hold_is_refused_without_consent(project: Project) -> None:
    model = lambda columns: columns["x"]  # noqa: E731
    with pytest.raises(errors.TypeMismatch, match="function"):
        registry.register_model("odd", model, project=project, columns=[Column("x", "FP64")])
    with pytest.raises(errors.NotFound):
        registry.get_model(project, "odd")


def test_with_consent_it_is_marked_unsafe_and_loading_asks_again(project: Project) -> None:
    columns = [Column("x", "FP64")]
    version = registry.register_model("odd", Doubler(), project=project, columns=columns, allow_pickle=True)
    assert (version.unsafe, version.codec, version.flavour) == (True, "pickle", "python")
    with pytest.raises(errors.PermissionDenied, match="odd/1"):
        registry.load_model("odd", project=project)
    predictor = registry.load_model("odd", project=project, allow_pickle=True)
    assert predictor.predict({"x": np.array([1.0])})["value"].tolist() == [2.0]


def test_a_flipped_byte_of_a_model_is_found_when_it_is_loaded(project: Project) -> None:
    version = register(project)
    for entry in read_manifest(project.store, version.digest).files:
        path = project.store.path(entry.digest)
        sound = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(bytes([sound[0] ^ 1]) + sound[1:])
        with pytest.raises(errors.IntegrityError, match=entry.digest):
            registry.load_model("churn", project=project)
        path.write_bytes(sound)


def test_a_retried_step_registers_once_and_keeps_where_the_model_came_from(project: Project) -> None:
    def attempt() -> list[int]:
        run = tracking.Run("01run", open_journal=None, open_store=None, step="train")  # type: ignore[arg-type]
        with tracking.context.bound(run):
            return [register(project).version, register(project).version]

    # A step may register twice on purpose; its second attempt finds both.
    assert attempt() == [1, 2]
    assert attempt() == [1, 2]
    version = registry.get_version(project, "churn/2")
    assert (version.run_id, version.lineage["step"]) == ("01run", "train")
    assert "scikit-learn" in version.lineage["packages"]
    assert [found.version for found in registry.versions_of_run(project, "01run")] == [2, 1]


def test_the_profile_and_the_rows_to_be_judged_on_travel_with_the_version(project: Project) -> None:
    rows = registry.Evaluation(columns={"x0": X[:, 0]}, labels=Y.astype(float), groups=np.arange(4))
    version = register(project, reference={"bins": [1, 2]}, evaluation=rows)
    assert registry.load_profile(project, version) == {"bins": [1, 2]}
    loaded = registry.load_evaluation(project, version)
    assert loaded is not None
    assert loaded.columns["x0"].tolist() == X[:, 0].tolist()
    assert loaded.labels.tolist() == Y.tolist()
    bare = register(project)
    assert (registry.load_profile(project, bare), registry.load_evaluation(project, bare)) == (None, None)


def test_a_model_trained_on_named_columns_does_not_warn_at_each_batch(project: Project) -> None:
    model = logistic()
    model.feature_names_in_ = np.array(["age", "months"], dtype=object)
    registry.register_model("named", model, project=project)
    predictor = registry.load_model("named", project=project)
    assert len(predictor.predict({"age": X[:, 0], "months": X[:, 1]})["probability"]) == 4


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"colums": []}, "did you mean 'columns'"),
        ({"columns": [Column("a", "FLOAT")]}, "unknown datatype 'FLOAT'"),
        ({"columns": [Column("a", "FP64"), Column("a", "FP64")]}, "'a' is there twice"),
        ({"columns": [Column("a", "FP64")], "categories": {"a": ["x"]}}, "no text column"),
        ({"columns": [Column("a", "BYTES")], "categories": {"a": ["x", "x"]}}, "differ"),
        ({"metrics": {"auc": "high"}}, "no number"),
        ({"inputs": {"data": "abc"}}, "no digest"),
        ({"reference": object()}, "not JSON-able"),
        ({"example": {"x0": [1.0]}, "columns": [Column("x0", "FP64"), Column("x1", "FP64")]}, "lacks the column 'x1'"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(project: Project, about: dict[str, Any], said: str) -> None:
    with pytest.raises((errors.InvalidDefinition, errors.InvalidUsage)) as refused:
        register(project, **about)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["", "a/b", "a@b", "../x", "ä", "x" * 129, ".hidden"])
def test_a_name_that_fits_no_url_is_refused(project: Project, name: str) -> None:
    with pytest.raises(errors.InvalidDefinition, match="can't be the name"):
        register(project, name)


def test_an_object_that_can_not_predict_is_no_model(project: Project) -> None:
    with pytest.raises(errors.InvalidUsage, match="a PosixPath is no model"):
        registry.register_model("x", Path("x"), project=project)


def test_a_model_of_plain_data_needs_no_pickle(project: Project) -> None:
    version = registry.register_model("slope", Slope(), project=project, columns=[Column("x", "FP64")])
    assert not version.unsafe
    predictor = registry.load_predictor(project, version)
    assert predictor.predict({"x": np.array([1.0])})["value"].tolist() == pytest.approx([0.3])
