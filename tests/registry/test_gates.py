"""Gates: what passes, what is refused, and that a sentence says why."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_versions import add_version

from floors import floor_s
from mlwright import errors, registry
from mlwright.ledger import outbox
from mlwright.project import Project
from mlwright.registry import BeatsBaseline, BeatsChampion, Column, Evaluation, Gate, MetricThreshold, Verdict
from mlwright.registry.bootstrap import mean_interval
from mlwright.registry.losses import log_losses
from mlwright.registry.predictor import Predictor, Recipe
from slope_models import Slope

ROWS = 4_000


def predictor(shift: float = 0.0, **options: Any) -> Predictor:
    recipe = Recipe(
        flavour="python",
        codec="json",
        columns=[Column("x", "FP64")],
        categories={},
        unknown="missing",
        output="probability",
    )
    return Predictor(Slope(shift=shift, **options), recipe, name=f"slope{shift:+}")


def evaluation(rows: int = ROWS, champion: Predictor | None = None, challenger: Predictor | None = None) -> Evaluation:
    """Rows whose outcome has the probability that `Slope()` gives, over 40 days."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 4, rows).astype(float)
    labels = (rng.random(rows) < 0.1 + 0.2 * x).astype(float)
    return Evaluation(
        columns={"x": x},
        labels=labels,
        groups=np.arange(rows) % 40,
        champion=champion,
        challenger=challenger or predictor(),
    )


def judge(project: Project, gate: Gate, rows: Evaluation | None) -> Verdict:
    add_version(project.ledger)
    version = registry.get_version(project, "churn")
    return registry.evaluate_gates(project, version, [gate], rows, actor="user:test")[0]


def test_a_good_model_beats_the_base_rate_and_a_constant_one_does_not(project: Project) -> None:
    good = judge(project, BeatsBaseline(), evaluation())
    assert good.passed, good.reason
    assert good.numbers["high"] < 0
    assert good.numbers["challenger"] < good.numbers["baseline"]
    constant = judge(project, BeatsBaseline(), evaluation(challenger=predictor(shift=5.0)))
    assert not constant.passed
    assert constant.reason.startswith("refused: log loss")


def test_an_equal_model_is_not_worse_within_a_margin_and_not_better(project: Project) -> None:
    rows = evaluation(champion=predictor())
    assert judge(project, BeatsChampion(margin=0.001), rows).passed
    assert not judge(project, BeatsChampion(rule="better"), rows).passed


def test_a_worse_model_is_refused_with_both_losses_the_interval_and_the_counts(project: Project) -> None:
    rows = evaluation(champion=predictor(), challenger=predictor(shift=0.15))
    verdict = judge(project, BeatsChampion(margin=0.002), rows)
    assert not verdict.passed
    assert verdict.numbers["low"] < verdict.numbers["difference"] < verdict.numbers["high"]
    assert verdict.numbers["difference"] == pytest.approx(verdict.numbers["challenger"] - verdict.numbers["champion"])
    assert (verdict.numbers["rows"], verdict.numbers["clusters"]) == (ROWS, 40)
    for said in ("slope+0.0", "95% interval", "+0.0020", "4000 rows of 40 groups"):
        assert said in verdict.reason


def test_a_better_model_passes_as_better(project: Project) -> None:
    rows = evaluation(champion=predictor(shift=0.15))
    verdict = judge(project, BeatsChampion(rule="better", margin=0.001), rows)
    assert verdict.passed, verdict.reason


def test_too_few_rows_or_groups_are_refused_not_judged(project: Project) -> None:
    rows = evaluation(rows=100)
    verdict = judge(project, BeatsChampion(min_rows=500), rows)
    assert (verdict.passed, verdict.numbers["rows"]) == (False, 100)
    assert "too few" in verdict.reason
    one_day = msgspec.structs.replace(evaluation(), groups=np.zeros(ROWS))
    assert "in 1 groups" in judge(project, BeatsBaseline(), one_day).reason
    none = msgspec.structs.replace(evaluation(), labels=np.full(ROWS, np.nan))
    assert "0 labelled rows" in judge(project, BeatsBaseline(min_rows=0), none).reason


def test_rows_without_a_label_are_left_out(project: Project) -> None:
    rows = evaluation()
    rows.labels[::2] = np.nan
    assert judge(project, BeatsBaseline(), rows).numbers["rows"] == ROWS / 2


def test_without_a_champion_the_first_version_may_go_on(project: Project) -> None:
    verdict = judge(project, BeatsChampion(), evaluation())
    assert verdict.passed
    assert "no champion yet" in verdict.reason


def test_a_challenger_that_fails_on_the_rows_is_refused_with_its_own_words(project: Project) -> None:
    verdict = judge(project, BeatsBaseline(), evaluation(challenger=predictor(bad=[3.0])))
    assert not verdict.passed
    assert "RuntimeError: this model does not like x" in verdict.reason
    empty = judge(project, BeatsBaseline(), evaluation(challenger=predictor(empty=[3.0])))
    assert "no number for" in empty.reason
    with pytest.raises(errors.ModelFailed, match=r"champion slope\+0.0 fails"):
        judge(project, BeatsChampion(), evaluation(champion=predictor(bad=[3.0])))


@pytest.mark.parametrize(
    ("gate", "passed", "said"),
    [
        (MetricThreshold(metric="loss", at_most=0.5), True, "passed: loss is 0.4, wanted at most 0.5"),
        (MetricThreshold(metric="loss", at_most=0.3), False, "refused: loss is 0.4, wanted at most 0.3"),
        (MetricThreshold(metric="loss", at_least=0.5), False, "wanted at least 0.5"),
        (MetricThreshold(metric="acu", at_least=0.5), False, "acu was not recorded (metrics: loss, auc)"),
        (MetricThreshold(metric="auc", at_least=0.5), False, "auc is not finite"),
    ],
)
def test_a_metric_keeps_its_limits(project: Project, gate: MetricThreshold, passed: bool, said: str) -> None:
    add_version(project.ledger)
    version = registry.get_version(project, "churn")
    version = msgspec.structs.replace(version, metrics={"loss": 0.4, "auc": float("nan")})
    verdict = registry.evaluate_gates(project, version, [gate], None, actor="user:test")[0]
    assert verdict.passed is passed
    assert said in verdict.reason


def test_verdicts_are_kept_with_their_events_and_asked_again_under_one_key_only_once(project: Project) -> None:
    add_version(project.ledger)
    version = registry.get_version(project, "churn")
    gates: list[Gate] = [BeatsBaseline(), BeatsChampion(margin=0.01)]
    rows = evaluation(champion=predictor(), challenger=predictor(shift=0.3))
    first = registry.evaluate_gates(project, version, gates, rows, actor="user:test", idempotency_key="run:1")
    again = registry.evaluate_gates(project, version, gates, None, actor="user:test", idempotency_key="run:1")
    assert again == first
    assert [row.passed for row in registry.verdicts_on(project, version)] == [verdict.passed for verdict in first]
    with project.ledger.read() as connection:
        types = [event.type for event in outbox.read_events(connection, subject="model/churn/1")]
    assert types == ["gate.passed" if verdict.passed else "gate.refused" for verdict in first]


def test_gates_go_to_json_and_back() -> None:
    gates: list[Gate] = [MetricThreshold(metric="auc", at_least=0.7), BeatsBaseline(), BeatsChampion(margin=0.01)]
    assert msgspec.json.decode(msgspec.json.encode(gates), type=list[Gate]) == gates


def test_a_wrong_question_is_refused_by_name(project: Project) -> None:
    with pytest.raises(errors.InvalidDefinition, match="has no limit"):
        MetricThreshold(metric="auc")
    with pytest.raises(errors.InvalidDefinition, match="needs labelled rows"):
        judge(project, BeatsBaseline(), None)
    rows = evaluation()
    with pytest.raises(errors.InvalidInput, match="not all 0 or 1"):
        judge(project, BeatsBaseline(), msgspec.structs.replace(rows, labels=rows.labels * 2))
    with pytest.raises(errors.InvalidInput, match="4000 labels and 3 values of 'groups'"):
        judge(project, BeatsBaseline(), msgspec.structs.replace(rows, groups=np.arange(3)))


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    """Days that move together: 200 samples of 30 days with a common effect; at least 85% must be covered."""
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(200):
        groups = np.repeat(np.arange(30), 40)
        values = rng.normal(size=1200) + rng.normal(size=30)[groups]
        interval = mean_interval(values, groups, resamples=400)
        covered += interval.low <= 0 <= interval.high
    assert covered >= 180


def test_ten_thousand_rows_are_quickly_resampled_two_thousand_times(untraced: None) -> None:
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=10_000), rng.integers(0, 90, 10_000)
    mean_interval(values, groups)
    started = time.process_time()
    mean_interval(values, groups, resamples=2000)
    # A tenth of a second where a floor is 3 ms; it took a ninth of that.
    assert time.process_time() - started < 32 * floor_s()


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 3)), min_size=2, max_size=40))
def test_an_interval_holds_its_ends_in_order_and_comes_out_the_same_again(rows: list[tuple[float, int]]) -> None:
    values, groups = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    interval = mean_interval(values, groups, resamples=50)
    assert interval.low <= interval.high
    assert values.min() - 1e-9 <= interval.low
    assert interval.high <= values.max() + 1e-9
    assert interval == mean_interval(values, groups, resamples=50)


def test_log_loss_is_the_textbook_number_and_stays_finite() -> None:
    assert log_losses(np.array([1.0, 0.0]), np.array([0.8, 0.8])).tolist() == pytest.approx([0.2231436, 1.6094379])
    sure = log_losses(np.array([1.0, 0.0, np.nan]), np.array([0.0, 0.0, 0.5]))
    assert 13 < sure[0] < 14
    assert sure[1] < 1e-5
    assert np.isnan(sure[2])
