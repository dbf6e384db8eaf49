"""Data frames of pandas and polars, figures of matplotlib and plotly, and Fairlearn, for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import PIL.Image
import plotly.graph_objects
import polars as pl
import pyarrow as pa
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given, settings
from hypothesis import strategies as st
from real_trainings import artifacts, only_run
from sklearn.linear_model import LogisticRegression

import mlwright
from mlwright import errors, registry
from mlwright import project as projects
from mlwright.adapters.store.local import LocalStore
from mlwright.artifacts import codecs
from mlwright.ledger import datasets as used
from mlwright.project import Project
from mlwright.registry import Column
from mlwright.registry.fairness import demographic_parity_difference, equalized_odds_difference
from mlwright.registry.frames import columns_of
from mlwright.tracking import contents, datasets

KINDS = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
DATA = {"age": [1.0, 2.0, 3.0], "name": ["a", "b", "a"]}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def logged(project: Project) -> Iterator[Project]:
    """A project that trainings are logged to."""
    projects.use(project)
    mlwright.autolog()
    yield project
    mlwright.autolog(off=True)


def test_a_data_frame_comes_back_or_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "artifacts")
    index = pd.date_range("2013-01-01", periods=2, tz="UTC", name="day")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=index)
    saved = codecs.save(store, frame)
    assert saved.codec == "pandas"
    pd.testing.assert_frame_equal(codecs.load(store, saved.digest, saved.codec), frame, check_freq=False)
    for bad in (pd.DataFrame({"a": [1, "x"]}, dtype=object), pd.DataFrame([[1, 2]], columns=["a", "a"])):
        with pytest.raises(errors.TypeMismatch):
            codecs.save(store, bad)


def test_a_table_of_runs_becomes_a_data_frame(project: Project, kind: str) -> None:
    for index in range(3):
        with mlwright.start_run(f"n{index}", project=project) as run:
            run.log_params({"lr": 10**-index, "layers": [1, index]})
            run.log_metrics({"loss": float("nan") if index == 2 else 0.1})
    frame = getattr(mlwright.search_runs(project=project), f"to_{kind}")()
    assert type(frame) is KINDS[kind]
    assert list(frame["name"]) == ["n2", "n1", "n0"]
    assert [round(value, 6) for value in frame["params.lr"]] == [0.01, 0.1, 1.0]
    assert np.isnan(frame["metrics.loss"][0])


def test_examples_and_questions_come_as_frames(project: Project, kind: str) -> None:
    frame = KINDS[kind](DATA)
    found = columns_of(frame)
    assert (list(found), float(found["age"][1]), str(found["name"][1])) == (["age", "name"], 2.0, "b")
    version = registry.register_model("ages", _Ages(), project=project, example=frame, allow_pickle=True)
    assert version.signature.inputs == [Column("age", "FP64"), Column("name", "BYTES")]
    predictor = registry.load_model("ages", project=project, allow_pickle=True)
    assert predictor.predict(frame)["value"][1] == 2.0


class _Ages:
    def predict(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(columns["age"], dtype=float)


def test_tables_and_datasets_are_kept_as_frames_of_each_library(project: Project, kind: str) -> None:
    frame = KINDS[kind](DATA)
    with mlwright.start_run(project=project) as run:
        run.log_table("rows", frame)
        run.log_dataset(frame, name="people", context="training")
    kept = artifacts(project)["rows"]
    assert isinstance(kept, pa.Table)
    assert kept.select(["age", "name"]).to_pydict() == DATA
    with project.ledger.read() as connection:
        (found,) = used.datasets_of(connection, only_run(project).id)
    assert (found.dataset.name, found.context) == ("people", "training")
    assert json.loads(found.dataset.profile)["rows"] == 3
    assert [column["name"] for column in json.loads(found.dataset.schema)] == ["age", "name"]


def test_equal_frames_are_one_dataset(kind: str) -> None:
    one, same, other = (KINDS[kind]({**DATA, "n": [1, 2, last]}) for last in (3, 3, 4))
    assert datasets.describe(one).digest == datasets.describe(same).digest != datasets.describe(other).digest


def test_a_fit_on_a_frame_is_logged_with_its_columns(logged: Project, kind: str) -> None:
    frame = KINDS[kind]({"age": [1.0, 2.0, 3.0, 4.0], "size": [1.0, 0.0, 1.0, 0.0]})
    target = frame["age"] > 2
    fitted = LogisticRegression().fit(frame, target.to_numpy())
    assert list(fitted.feature_names_in_) == ["age", "size"]
    with logged.ledger.read() as connection:
        found = {one.context: one.dataset for one in used.datasets_of(connection, only_run(logged).id)}
    assert [column["name"] for column in json.loads(found["training"].schema)] == ["age", "size"]
    (rows,) = [json.loads(content) for name, content in artifacts(logged).items() if name == "feature_importances.json"]
    assert {row[0] for row in rows["data"]} == {"age", "size"}


def test_a_target_that_is_a_column_of_a_frame_is_noted(logged: Project, kind: str) -> None:
    frame = KINDS[kind]({"age": [1.0, 2.0, 3.0, 4.0], "label": [0, 0, 1, 1]})
    LogisticRegression().fit(frame[["age"]], frame["label"])
    with logged.ledger.read() as connection:
        found = {one.context: one.dataset for one in used.datasets_of(connection, only_run(logged).id)}
    assert set(found) == {"training", "training target"}
    assert json.loads(found["training target"].profile)["rows"] == 4
    assert json.loads(found["training target"].schema)[0]["name"] == "label"
    named, texts = KINDS[kind]({"a": [1, 2]})["a"], KINDS[kind]({"a": ["x", "y"]})["a"]
    assert datasets.describe(named).digest != datasets.describe(texts).digest


def test_figures_of_matplotlib_are_kept_as_png_and_svg(project: Project, tmp_path: Path) -> None:
    mpl.use("svg")
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2, 3])
    with mlwright.start_run(project=project) as run:
        run.log_figure("loss", figure)
        run.log_figure("axes", axes)
    found = artifacts(project)
    for name in ("loss", "axes"):
        assert found[f"{name}.png"].startswith(b"\x89PNG")
        assert b"<svg" in found[f"{name}.svg"]


def test_figures_of_plotly_are_kept_as_a_page_and_as_data(project: Project) -> None:
    figure = plotly.graph_objects.Figure(plotly.graph_objects.Scatter(x=[1, 2], y=[3, 4]))
    with mlwright.start_run(project=project) as run:
        run.log_figure("points", figure)
    found = artifacts(project)
    assert json.loads(found["points.json"])["data"][0]["type"] == "scatter"
    page = found["points.html"]
    # It shows without a network: the library is in it.
    assert "Plotly.newPlot" in page
    assert "<script src=" not in page


def test_images_of_pillow_are_kept_with_their_pixels(project: Project) -> None:
    picture = PIL.Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    name, content = contents.image("cat", picture)
    (Path(project.settings.home) / name).write_bytes(content if isinstance(content, bytes) else b"")
    assert np.array_equal(np.asarray(PIL.Image.open(Path(project.settings.home) / name)), np.asarray(picture))
    own = contents.png("own", np.asarray(picture))
    (Path(project.settings.home) / "own.png").write_bytes(own)
    assert np.array_equal(np.asarray(PIL.Image.open(Path(project.settings.home) / "own.png")), np.asarray(picture))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from("abc")), min_size=2, max_size=60))
def test_fairness_agrees_with_fairlearn(table: list[tuple[int, int, str]]) -> None:
    labels, decisions, group = (np.array(column) for column in zip(*table, strict=True))
    options: dict[str, Any] = {"sensitive_features": group}
    assert demographic_parity_difference(decisions, group) == pytest.approx(
        fairlearn.demographic_parity_difference(labels, decisions, **options)
    )
    assert equalized_odds_difference(labels, decisions, group) == pytest.approx(
        fairlearn.equalized_odds_difference(labels, decisions, **options)
    )
