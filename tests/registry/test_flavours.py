"""Models of other libraries: each passes the port's contract, and goes through the registry and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from mlwright import errors, registry
from mlwright.project import Project
from mlwright.registry import Column, KeepsLatency
from mlwright.registry.frames import columns_of
from mlwright.registry.port import Flavour
from mlwright.testing.flavours import Fitted, FlavourContract

RNG = np.random.default_rng(7)
X = RNG.normal(size=(400, 3))
Y = (X[:, 0] + 0.5 * X[:, 1] > 0).astype(int)
GAPS = np.where(RNG.random(X.shape) < 0.1, np.nan, X)


@pytest.fixture(scope="module")
def lightgbm() -> Any:
    return pytest.importorskip("lightgbm", reason="lightgbm is not installed")


@pytest.fixture(scope="module")
def xgboost() -> Any:
    return pytest.importorskip("xgboost", reason="xgboost is not installed")


@pytest.fixture(scope="module")
def onnx_graph() -> Any:
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    fitted = LogisticRegression().fit(X, Y)
    return skl2onnx.to_onnx(fitted, X[:1].astype(np.float32), options={"zipmap": False})


def gbm(lightgbm: Any) -> Any:
    return lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1).fit(GAPS, Y)


class TestLightgbm(FlavourContract):
    @pytest.fixture
    def flavour(self, lightgbm: Any) -> Flavour:
        from mlwright.adapters.flavour.lightgbm import LightgbmFlavour

        return LightgbmFlavour()

    @pytest.fixture
    def fitted(self, lightgbm: Any) -> Fitted:
        model = gbm(lightgbm)
        return Fitted(model, GAPS, model.booster_.predict(GAPS), "probability")


class TestXgboost(FlavourContract):
    @pytest.fixture
    def flavour(self, xgboost: Any) -> Flavour:
        from mlwright.adapters.flavour.xgboost import XgboostFlavour

        return XgboostFlavour()

    @pytest.fixture
    def fitted(self, xgboost: Any) -> Fitted:
        model = xgboost.XGBRegressor(n_estimators=10, n_jobs=1).fit(GAPS, X[:, 2])
        return Fitted(model, GAPS, model.predict(GAPS), "value")


class TestOnnx(FlavourContract):
    @pytest.fixture
    def flavour(self, onnx_graph: Any) -> Flavour:
        from mlwright.adapters.flavour.onnx import OnnxFlavour

        return OnnxFlavour()

    @pytest.fixture
    def fitted(self, onnx_graph: Any) -> Fitted:
        wanted = LogisticRegression().fit(X, Y).predict_proba(X)[:, 1]
        return Fitted(onnx_graph, X, wanted, "probability")


def columns(matrix: np.ndarray) -> dict[str, np.ndarray]:
    return {f"x{place}": matrix[:, place] for place in range(matrix.shape[1])}


def test_a_lightgbm_model_is_registered_with_its_columns_and_lock_and_answers_again(
    project: Project, lightgbm: Any
) -> None:
    model = gbm(lightgbm)
    version = registry.register_model("gbm", model, project=project, example=GAPS[:5])
    assert (version.flavour, version.codec, version.unsafe) == ("lightgbm", "lightgbm", False)
    assert [column.name for column in version.signature.inputs] == ["x0", "x1", "x2"]
    assert version.signature.outputs == [Column("probability", "FP64")]
    assert {"lightgbm", "numpy", "scipy", "python"} <= set(version.lineage["packages"])
    answered = registry.load_model("gbm", project=project).predict(columns(GAPS))
    np.testing.assert_allclose(answered["probability"], model.booster_.predict(GAPS))
    verdict = registry.evaluate_gates(project, version, [KeepsLatency(at_most_ms=1000, calls=5)], None, actor="user:a")
    assert verdict[0].passed


def test_an_xgboost_classifier_answers_with_its_best_iteration(project: Project, xgboost: Any) -> None:
    model = xgboost.XGBClassifier(n_estimators=40, early_stopping_rounds=2, n_jobs=1)
    model.fit(X[:200], Y[:200], eval_set=[(X[200:], Y[200:])], verbose=False)
    version = registry.register_model("xgb", model, project=project)
    assert (version.flavour, version.signature.outputs[0].name) == ("xgboost", "probability")
    answered = registry.load_model("xgb", project=project).predict(columns(X))
    np.testing.assert_allclose(answered["probability"], model.predict_proba(X)[:, 1], rtol=1e-5)


def test_an_onnx_graph_is_registered_and_answers(project: Project, onnx_graph: Any) -> None:
    version = registry.register_model("graph", onnx_graph, project=project, columns=[Column(n, "FP64") for n in "abc"])
    assert (version.flavour, version.unsafe) == ("onnx", False)
    answered = registry.load_model("graph", project=project).predict(dict(zip("abc", X.T, strict=True)))
    wanted = LogisticRegression().fit(X, Y).predict_proba(X)[:, 1]
    np.testing.assert_allclose(answered["probability"], wanted, rtol=1e-4, atol=1e-6)


def test_a_model_of_several_outputs_is_refused_with_the_reason(project: Project, lightgbm: Any, xgboost: Any) -> None:
    three = RNG.integers(0, 3, len(X))
    for model in (
        lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(X, three),
        xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, three),
    ):
        with pytest.raises(errors.Unsupported, match="several numbers for a row"):
            registry.register_model("many", model, project=project)


def test_a_function_is_registered_by_its_name_and_found_again(project: Project) -> None:
    named = "reference_functions:double"
    example = {"x": [1.0, 2.0]}
    version = registry.register_model("twice", named, project=project, example=example)
    assert (version.flavour, version.codec, version.unsafe) == ("python", "reference", False)
    assert registry.load_model("twice", project=project).predict({"x": np.array([4.0])})["value"].tolist() == [8.0]
    for wrong in ("reference_functions:NOTHING", "reference_functions:none", "no_module:f", "nothing"):
        with pytest.raises(errors.InvalidDefinition):
            registry.register_model("twice", wrong, project=project, example=example)


@pytest.mark.parametrize("kind", ["dict", "arrow", "matrix", "structured"])
def test_examples_and_questions_come_as_frames_of_any_library(project: Project, kind: str) -> None:
    data = {"age": np.array([1.0, 2.0, 3.0]), "name": np.array(["a", "b", "a"], dtype=object)}
    frame: Any = data
    if kind == "arrow":
        frame = pa.table({name: values.tolist() for name, values in data.items()})
    elif kind == "matrix":
        frame = X[:3, :2]
    elif kind == "structured":
        frame = np.array([(1.0, "a"), (2.0, "b")], dtype=[("age", "f8"), ("name", "U1")])
    found = columns_of(frame)
    if kind == "matrix":
        assert list(found) == ["x0", "x1"]
        return
    assert (list(found), float(found["age"][1]), str(found["name"][1])) == (["age", "name"], 2.0, "b")
    version = registry.register_model("ages", _Ages(), project=project, example=frame, allow_pickle=True)
    assert version.signature.inputs == [Column("age", "FP64"), Column("name", "BYTES")]
    predictor = registry.load_model("ages", project=project, allow_pickle=True)
    assert predictor.predict(frame)["value"][1] == 2.0


class _Ages:
    def predict(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(columns["age"], dtype=float)


def test_questions_that_do_not_fit_the_signature_are_refused_by_name(project: Project) -> None:
    registry.register_model("lr", LogisticRegression().fit(X, Y), project=project, example=X[:3])
    predictor = registry.load_model("lr", project=project)
    assert len(predictor.predict(X)["probability"]) == len(X)
    for wrong, said in (
        ({"x0": X[:, 0], "x1": X[:, 1]}, "needs the column 'x2'"),
        (columns(X) | {"x2": np.array(["a"] * len(X))}, "'x2' of lr/1 holds text"),
        (columns(X) | {"x2": X[:3, 2]}, "differ in length"),
        (X[:, :2], "the matrix has 2 columns, and 3 are wanted"),
        (3, "a int has no columns"),
    ):
        with pytest.raises(errors.InvalidInput, match=said):
            predictor.predict(wrong)  # type: ignore[arg-type]
