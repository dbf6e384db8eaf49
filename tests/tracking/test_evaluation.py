"""Evaluations of predictions: their numbers against scikit-learn's, and what can't be evaluated is named."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from logged import artifacts, values

from mlwright import project as projects
from mlwright import start_run
from mlwright.errors import InvalidInput
from mlwright.project import Project
from mlwright.tracking import evaluation

metrics = pytest.importorskip("sklearn.metrics")

scores = st.floats(-1e308, 1e308) | st.integers(0, 3).map(float)
binary = st.lists(st.tuples(st.integers(0, 1), scores), min_size=2, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)
labels = st.integers(-3, 3) | st.booleans()
words = st.text(st.characters(exclude_categories=["C"]), max_size=8)


def split(rows: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    return np.array([label for label, _ in rows]), np.array([score for _, score in rows])


def well_formed(svg: str) -> bool:
    return ET.fromstring(svg).tag.endswith("svg")


@given(binary)
def test_areas_are_scikit_learns_with_ties_too(rows: list[tuple[int, float]]) -> None:
    true, given_scores = split(rows)
    # Ranks have the same order and the same ties, and no differences that overflow.
    ranks = np.unique(given_scores, return_inverse=True)[1]
    found = evaluation.roc(true, given_scores, None)
    assert found.metrics["auc"] == pytest.approx(metrics.roc_auc_score(true, ranks))
    assert well_formed(found.svg)
    found = evaluation.precision_recall(true, given_scores, None)
    assert found.metrics["average_precision"] == pytest.approx(metrics.average_precision_score(true, ranks))
    assert well_formed(found.svg)


@given(binary)
def test_the_points_of_a_curve_rise_from_corner_to_corner(rows: list[tuple[int, float]]) -> None:
    (curve,) = evaluation.roc(*split(rows), None).numbers["curves"]
    assert (curve["x"][0], curve["y"][0], curve["x"][-1], curve["y"][-1]) == (0, 0, 1, 1)
    assert curve["x"] == sorted(curve["x"])
    assert curve["y"] == sorted(curve["y"])
    assert curve["threshold"] == sorted(curve["threshold"], reverse=True)


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=60))
def test_confusion_is_scikit_learns(rows: list[tuple[int, int]]) -> None:
    true, predicted = (np.array([int(row[place]) for row in rows]) for place in (0, 1))
    found = evaluation.confusion(true, predicted, None)
    shown = np.union1d(true, predicted)
    # scikit-learn warns where there is a single class.
    assume(len(shown) > 1)
    assert found.numbers["counts"] == metrics.confusion_matrix(true, predicted, labels=shown).tolist()
    assert found.metrics["accuracy"] == pytest.approx(metrics.accuracy_score(true, predicted))
    assert found.metrics["f1_macro"] == pytest.approx(
        metrics.f1_score(true, predicted, average="macro", labels=shown, zero_division=0)
    )
    precision, recall, f1, counts = metrics.precision_recall_fscore_support(
        true, predicted, labels=shown, zero_division=0
    )
    for place, row in enumerate(found.numbers["classes"]):
        assert [row["precision"], row["recall"], row["f1"]] == pytest.approx(
            [precision[place], recall[place], f1[place]]
        )
        assert row["rows"] == counts[place]


@given(st.lists(st.tuples(words, words), min_size=1, max_size=20))
def test_confusion_takes_texts_of_any_kind(rows: list[tuple[str, str]]) -> None:
    found = evaluation.confusion([row[0] for row in rows], [row[1] for row in rows], None)
    assert sum(map(sum, found.numbers["counts"])) == len(rows)
    assert well_formed(found.svg)


def test_confusion_shows_the_classes_in_the_order_that_was_asked_for() -> None:
    found = evaluation.confusion(["b", "a", "b"], ["b", "b", "b"], ["c", "b", "a"])
    assert found.numbers["labels"] == ["c", "b", "a"]
    assert found.numbers["counts"] == [[0, 0, 0], [0, 2, 0], [0, 1, 0]]


probable = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


@given(probable, st.integers(2, 30))
def test_calibration_counts_every_row_once_and_its_brier_score_is_scikit_learns(
    rows: list[tuple[int, float]], bins: int
) -> None:
    true, probability = split(rows)
    found = evaluation.calibration(true, probability, None, bins)
    assert found.metrics["brier"] == pytest.approx(metrics.brier_score_loss(true, probability))
    assert 0 <= found.metrics["ece"] <= 1
    assert sum(part["rows"] for part in found.numbers["bins"]) == len(rows)
    assert all(0 <= part["share"] <= 1 for part in found.numbers["bins"])
    assert well_formed(found.svg)


def test_calibration_curves_are_scikit_learns() -> None:
    calibration_curve = pytest.importorskip("sklearn.calibration").calibration_curve
    generator = np.random.default_rng(1)
    probability = generator.random(2000)
    true = generator.random(2000) < probability**2
    found = evaluation.calibration(true, probability, None, 10)
    shares, means = calibration_curve(true, probability, n_bins=10)
    assert [part["share"] for part in found.numbers["bins"]] == pytest.approx(shares.tolist())
    assert [part["mean"] for part in found.numbers["bins"]] == pytest.approx(means.tolist())


def test_areas_of_many_classes_are_means_of_one_against_the_rest() -> None:
    generator = np.random.default_rng(2)
    true = generator.integers(0, 4, 500)
    given_scores = generator.random((500, 4)) + np.eye(4)[true] * 0.5
    given_scores /= given_scores.sum(axis=1, keepdims=True)
    names = np.array(["d", "a", "c", "b"])
    ordered = given_scores[:, np.argsort(names)]
    found = evaluation.roc(names[true], ordered, None)
    expected = metrics.roc_auc_score(true, given_scores, multi_class="ovr", average="macro")
    assert found.metrics["auc"] == pytest.approx(expected)
    assert [curve["name"] for curve in found.numbers["curves"]] == ["a", "b", "c", "d"]


def test_two_columns_of_scores_and_either_positive_class_have_their_own_area() -> None:
    true = np.array(["no", "yes", "no", "yes", "yes"])
    yes = np.array([0.1, 0.9, 0.6, 0.5, 0.7])
    both = np.stack([1 - yes, yes], axis=1)
    expected = metrics.roc_auc_score(true == "yes", yes)
    assert evaluation.roc(true, yes, None).metrics["auc"] == pytest.approx(expected)
    assert evaluation.roc(true, yes[:, None], "yes").metrics["auc"] == pytest.approx(expected)
    assert evaluation.roc(true, both, "no").metrics["auc"] == pytest.approx(expected)
    assert evaluation.roc(true, yes, "no").metrics["auc"] == pytest.approx(1 - expected)


def test_a_long_curve_is_kept_thinned_and_its_area_is_of_all_rows() -> None:
    generator = np.random.default_rng(3)
    true = generator.random(20_000) < 0.3
    given_scores = generator.random(20_000) + true
    found = evaluation.roc(true, given_scores, None)
    (curve,) = found.numbers["curves"]
    assert len(curve["x"]) == evaluation.MOST_POINTS
    assert found.metrics["auc"] == pytest.approx(metrics.roc_auc_score(true, given_scores))


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: evaluation.roc([1, 1], [0.1, 0.2], None), "y_true has 1 classes, not two"),
        (lambda: evaluation.precision_recall([0, 0], [0.1, 0.2], None), "y_true has 1 classes"),
        (lambda: evaluation.calibration([1, 1], [0.1, 0.2], None, 10), "y_true has 1 classes"),
        (lambda: evaluation.roc([0, 1, 2], [0.1, 0.2, 0.3], None), "y_true has 3 classes"),
        (lambda: evaluation.roc([0, 1], [0.1, np.nan], None), "hold NaN"),
        (lambda: evaluation.roc([0, 1], [0.1, np.inf], None), "an infinity"),
        (lambda: evaluation.roc([0.0, np.nan], [0.1, 0.2], None), "y_true holds NaN"),
        (lambda: evaluation.roc([0, None], [0.1, 0.2], None), "mixes classes"),
        (lambda: evaluation.roc([0, 1], ["a", "b"], None), "no numbers"),
        (lambda: evaluation.roc([0, 1], [0.1], None), "2 rows of classes and 1 of predictions"),
        (lambda: evaluation.roc([], [], None), r"shape \(0,\)"),
        (lambda: evaluation.roc([0, 1], 0.5, None), r"shape \(\)"),
        (lambda: evaluation.roc([0, 1], [0.1, 0.2], 7), "the positive class '7' doesn't occur"),
        (lambda: evaluation.roc([0, 1], [[0.1, 0.2, 0.7]] * 2, None), "3 columns and y_true 2 classes"),
        (lambda: evaluation.calibration([0, 1], [0.1, 1.2], None, 10), "no probability"),
        (lambda: evaluation.calibration([0, 1], [0.1, 0.2], None, 1), "1 is no number of bins"),
        (lambda: evaluation.calibration([0, 1], [[0.1, 0.2, 0.7]] * 2, None, 10), "y_prob has 3 columns"),
        (lambda: evaluation.confusion([], [], None), "shape"),
        (lambda: evaluation.confusion([0, 1], [0], None), "2 rows of classes and 1"),
        (lambda: evaluation.confusion([[1], [2, 3]], [1, 2], None), "y_true is no list of classes"),
        (lambda: evaluation.confusion([0, 1], ["0", "1"], None), "never the same classes"),
        (lambda: evaluation.confusion([0, 1], [0, 1], ["0", "1"]), "labels <U1"),
        (lambda: evaluation.confusion([0, 1], [0, 2], [0, 1]), "the class '2' occurs"),
        (lambda: evaluation.confusion([0, 1], [0, 1], [0, 0, 1]), "twice among the labels"),
        (lambda: evaluation.confusion(range(300), range(300), None), "there are 300 classes"),
    ],
)
def test_what_can_not_be_evaluated_is_a_named_error(act: Callable[[], Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        act()


@pytest.mark.parametrize("count", [1, 6, 7, 25, 26, 200])
def test_a_matrix_of_any_size_is_drawn(count: int) -> None:
    true = [f"<class & {place}>" for place in range(count)]
    assert well_formed(evaluation.confusion(true, true, None).svg)


def test_an_evaluation_is_kept_as_numbers_a_drawing_and_metrics(project: Project) -> None:
    projects.use(project)
    true, given_scores = [0, 1, 0, 1], [0.1, 0.9, 0.6, 0.5]
    with start_run() as run:
        assert run.log_roc(true, given_scores, name="valid/roc") == {"valid/auc": 0.75}
        run.log_precision_recall(true, given_scores)
        run.log_calibration(true, given_scores, bins=4)
        run.log_confusion_matrix(true, [0, 1, 1, 1])
    kept = artifacts(project, run.id)
    names = ["calibration", "confusion", "precision_recall", "valid/roc"]
    assert sorted(kept) == sorted(f"{name}{suffix}" for name in names for suffix in (".json", ".svg"))
    numbers = json.loads(kept["valid/roc.json"])
    assert numbers["curves"][0]["threshold"][0] == "inf"
    assert values(project, run.id, "valid/auc") == [(0, 0.75)]
    assert values(project, run.id, "accuracy") == [(0, 0.75)]
    assert [len(values(project, run.id, key)) for key in ("average_precision", "brier", "ece", "f1_macro")] == [1] * 4
