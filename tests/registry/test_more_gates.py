"""Slices, robustness, fairness, budgets and functions of the user as gates."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import own_gate_functions as functions
import pytest
from sklearn.linear_model import LogisticRegression
from test_gates import predictor
from test_versions import add_version

from mlwright import errors, registry
from mlwright.project import Project
from mlwright.registry import (
    Evaluation,
    FunctionGate,
    Gate,
    KeepsLatency,
    KeepsSize,
    NoWeakSlice,
    StaysFair,
    StaysRobust,
    Verdict,
)
from mlwright.registry.fairness import demographic_parity_difference, equalized_odds_difference
from mlwright.registry.gate_kinds import compares
from mlwright.registry.predictor import Predictor
from mlwright.registry.slices import cluster_interval
from mlwright.registry.values import Column

ROWS = 4_000
RNG_SEED = 5


class Biased:
    """Gives 0.8 wherever `x` is at least `cut`, else 0.2."""

    def __init__(self, cut: float) -> None:
        self.cut = cut

    def predict(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        return np.where(columns["x"] >= self.cut, 0.8, 0.2)


def model(answering: Any, *columns: Column) -> Predictor:
    recipe = msgspec.structs.replace(predictor().recipe, columns=list(columns) or [Column("x", "FP64", nullable=True)])
    return Predictor(answering, recipe, name="biased")


def rows(**columns: np.ndarray) -> Evaluation:
    """Rows whose outcome has the probability that `Slope()` gives, over 40 days; carrier ZZ is all noise."""
    rng = np.random.default_rng(RNG_SEED)
    x = rng.integers(0, 4, ROWS).astype(float)
    carrier = np.array(["AA", "UA", "ZZ"], dtype=object)[rng.integers(0, 3, ROWS)]
    labels = (rng.random(ROWS) < 0.1 + 0.2 * x).astype(float)
    labels = np.where(carrier == "ZZ", (rng.random(ROWS) < 0.5).astype(float), labels)
    given: dict[str, Any] = {"x": x, "carrier": carrier, **columns}
    return Evaluation(columns=given, labels=labels, groups=np.arange(ROWS) % 40, challenger=predictor())


def judge(project: Project, gate: Gate, evaluation: Evaluation | None) -> Verdict:
    add_version(project.ledger)
    version = registry.get_version(project, "churn")
    return registry.evaluate_gates(project, version, [gate], evaluation, actor="user:test")[0]


def test_a_weak_slice_is_found_named_and_refused(project: Project) -> None:
    verdict = judge(project, NoWeakSlice(by=["carrier"], at_most=0.65), rows())
    assert not verdict.passed
    assert verdict.reason.startswith("refused: 1 of 3 slices are weak; carrier=ZZ")
    assert verdict.numbers["worst"][0]["name"] == "carrier=ZZ"
    assert judge(project, NoWeakSlice(by=["carrier"], at_most=2.0), rows()).passed


def test_a_slice_is_weak_against_the_champion_on_its_own_rows(project: Project) -> None:
    same = msgspec.structs.replace(rows(), champion=predictor(), champion_name="churn/1")
    assert judge(project, NoWeakSlice(by=["carrier", "x"], worse_by=0.01), same).passed
    bad = msgspec.structs.replace(same, challenger=predictor(shift=0.25))
    verdict = judge(project, NoWeakSlice(by=["x"], worse_by=0.01), bad)
    assert not verdict.passed
    assert "log loss above that of churn/1" in verdict.reason
    assert judge(project, NoWeakSlice(by=["x"], worse_by=0.01), rows()).reason.startswith(
        "passed: there is no champion"
    )


def test_numbers_are_cut_at_their_quantiles_and_missing_values_are_a_slice(project: Project) -> None:
    age = np.random.default_rng(0).normal(size=ROWS)
    age[::5] = np.nan
    verdict = judge(project, NoWeakSlice(by=["age"], at_most=2.0), rows(age=age))
    assert verdict.numbers["slices"] == 5
    assert "age missing" in {part["name"] for part in verdict.numbers["worst"]}


def test_slices_that_are_too_small_are_not_judged(project: Project) -> None:
    verdict = judge(project, NoWeakSlice(by=["carrier"], at_most=0.1, min_rows=10_000), rows())
    assert (verdict.passed, "to judge by" in verdict.reason) == (False, True)
    with pytest.raises(errors.InvalidInput, match="no column 'cariier'"):
        judge(project, NoWeakSlice(by=["cariier"], at_most=1.0), rows())


def test_among_many_equal_slices_hardly_any_is_called_weak() -> None:
    """Fifty slices of the same loss, 200 times: the limit is the true mean, and at most about 5% may be refused."""
    rng = np.random.default_rng(2)
    groups = np.arange(200) % 20
    refused = sum(
        any(cluster_interval(rng.normal(size=200), groups, 0.05 / 50)[1] > 0 for _ in range(50)) for _ in range(100)
    )
    assert refused <= 12


def test_the_interval_of_a_slice_is_the_textbook_one_when_groups_are_rows() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    mean, low, high = cluster_interval(values, np.arange(5), 0.025)
    assert (mean, low, high) == (3.0, pytest.approx(3 - 1.9632, abs=1e-3), pytest.approx(3 + 1.9632, abs=1e-3))


def test_noise_and_missing_values_may_cost_only_so_much(project: Project) -> None:
    gentle = judge(project, StaysRobust(noise=0.01, at_most=0.01), rows())
    assert gentle.passed, gentle.reason
    rough = judge(project, StaysRobust(noise=2.0, at_most=0.01), rows())
    assert not rough.passed
    assert rough.numbers["growth"] > 0.01
    assert rough.numbers["disturbed"] == pytest.approx(rough.numbers["clean"] + rough.numbers["growth"])
    assert judge(project, StaysRobust(noise=2.0, at_most=0.01), rows()).numbers == rough.numbers


def test_a_version_that_fails_on_missing_values_is_refused_with_its_own_words(project: Project) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 1))
    fitted = LogisticRegression().fit(x, x[:, 0] > 0)
    recipe = msgspec.structs.replace(predictor().recipe, flavour="sklearn")
    strict = msgspec.structs.replace(rows(x=x[:, 0]), challenger=Predictor(fitted, recipe))
    verdict = judge(project, StaysRobust(missing=0.1, columns=["x"], at_most=1.0), strict)
    assert not verdict.passed
    assert "fails on disturbed rows (ValueError" in verdict.reason
    with pytest.raises(errors.InvalidInput, match="'y', to be disturbed, is no input"):
        judge(project, StaysRobust(noise=0.1, columns=["y"], at_most=1.0), rows())
    nothing = judge(project, StaysRobust(missing=0.1, at_most=1.0), rows())
    assert "no column can be disturbed" in nothing.reason


def test_decisions_that_differ_between_groups_are_refused_with_the_rates(project: Project) -> None:
    sex = np.where(np.random.default_rng(1).random(ROWS) < 0.5, "f", "m").astype(object)
    x = np.where(sex == "f", 0.0, 3.0)
    unfair = msgspec.structs.replace(rows(x=x, sex=sex), challenger=model(Biased(1.0)))
    verdict = judge(project, StaysFair(protected="sex", at_most=0.2), unfair)
    assert (verdict.passed, verdict.numbers["difference"]) == (False, 1.0)
    assert verdict.numbers["groups"]["m"]["selected"] == 1.0
    fair = msgspec.structs.replace(rows(sex=sex), challenger=model(Biased(2.0)))
    for measure in ("demographic-parity", "equalized-odds"):
        said = judge(project, StaysFair(protected="sex", at_most=0.15, measure=measure, surely=True), fair)
        assert said.passed, said.reason
        assert said.numbers["low"] <= said.numbers["difference"] <= said.numbers["high"]


def test_fairness_can_not_be_judged_on_one_group_or_few_rows(project: Project) -> None:
    sex = np.full(ROWS, "f", dtype=object)
    assert "only one group" in judge(project, StaysFair(protected="sex"), rows(sex=sex)).reason
    sex[:10] = "m"
    assert "m of fewer than 50 rows" in judge(project, StaysFair(protected="sex"), rows(sex=sex)).reason
    with pytest.raises(errors.InvalidInput, match="no column 'age', the protected attribute"):
        judge(project, StaysFair(protected="age"), rows())


def test_fairness_is_measured_as_the_definitions_say() -> None:
    labels = np.array([1, 1, 0, 0, 1, 0, 0, 0, 1, 1])
    decisions = np.array([1, 0, 1, 0, 1, 1, 0, 0, 0, 0])
    group = np.array(list("aaaabbbbcc"))
    # Selected: a 2/4, b 2/4, c 0/2. True positive rates: 1/2, 1/1, 0/2. False positive rates: 1/2, 1/3, none (0).
    assert demographic_parity_difference(decisions, group) == 0.5
    assert equalized_odds_difference(labels, decisions, group) == 1.0


def test_size_and_latency_keep_their_budgets(project: Project) -> None:
    x = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    fitted = LogisticRegression().fit(x, [0, 0, 1, 1])
    example = {"x0": x[:, 0], "x1": x[:, 1]}
    version = registry.register_model("churn", fitted, project=project, example=example)
    gates: list[Gate] = [
        KeepsSize(at_most_bytes=10_000_000),
        KeepsSize(at_most_bytes=10),
        KeepsLatency(at_most_ms=1_000, calls=20),
        KeepsLatency(at_most_ms=1e-6, rows=10, calls=20),
    ]
    said = registry.evaluate_gates(project, version, gates, None, actor="user:test")
    assert [verdict.passed for verdict in said] == [True, False, True, False]
    assert "bytes, wanted at most 10" in said[1].reason
    assert said[3].numbers["rows"] == 10
    bare = registry.register_model("churn", fitted, project=project)
    with pytest.raises(errors.InvalidDefinition, match="has nothing to answer"):
        registry.evaluate_gates(project, bare, [gates[2]], None, actor="user:test")
    broken = msgspec.structs.replace(rows(), challenger=predictor(bad=[3.0]))
    assert "does not like x" in judge(project, KeepsLatency(at_most_ms=1_000), broken).reason


def test_a_function_of_the_user_is_asked_by_its_name(project: Project) -> None:
    said = judge(project, FunctionGate(function=functions.by_name), None)  # type: ignore[arg-type]
    assert (said.gate, said.passed) == ("function:own_gate_functions:by_name", True)
    assert said.reason == "passed: its name is churn"
    other = judge(project, FunctionGate(function="own_gate_functions:by_name", settings={"wanted": "x"}), None)
    assert other.reason == "refused: its name is churn"
    assert judge(project, FunctionGate(function="own_gate_functions:plainly"), None).passed
    full = judge(project, FunctionGate(function="own_gate_functions:fully"), rows())
    assert (full.gate, full.numbers) == ("function:own_gate_functions:fully", {"rows": ROWS})


def test_a_function_that_fails_or_is_unclear_refuses(project: Project) -> None:
    for name, said in (("broken", "raised RuntimeError: no idea"), ("unclear", "returned a str")):
        assert said in judge(project, FunctionGate(function=f"own_gate_functions:{name}"), None).reason
    for name in ("own_gate_functions:nothing", "no_such_module:f", "own_gate_functions:unmarked"):
        with pytest.raises(errors.InvalidDefinition, match="can't be asked"):
            judge(project, FunctionGate(function=name), None)


@pytest.mark.parametrize("wrong", ["f", "a:b:c", "os:system('x')", "", ":f"])
def test_what_is_no_reference_to_a_function_is_refused(wrong: str) -> None:
    with pytest.raises(errors.InvalidDefinition, match="no reference"):
        FunctionGate(function=wrong)


def test_a_function_that_can_not_be_found_again_is_refused() -> None:
    with pytest.raises(errors.InvalidDefinition, match="can't be found again"):
        FunctionGate(function=registry.gate(lambda version, evaluation: True))  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidDefinition, match="is no gate"):
        FunctionGate(function=functions.unmarked)  # type: ignore[arg-type]


def test_all_gates_go_to_json_and_back_and_say_whether_they_compare() -> None:
    gates: list[Gate] = [
        NoWeakSlice(by=["x"], worse_by=0.1),
        NoWeakSlice(by=["x"], at_most=0.1),
        StaysRobust(noise=0.1, missing=0.2, at_most=0.1),
        StaysFair(protected="sex"),
        KeepsLatency(at_most_ms=3),
        KeepsSize(at_most_bytes=3),
        FunctionGate(function="a:b", settings={"x": [1]}),
    ]
    assert msgspec.json.decode(msgspec.json.encode(gates), type=list[Gate]) == gates
    assert [compares(gate) for gate in gates] == [True] + [False] * 6
    assert len({gate.name for gate in gates}) == 6


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (NoWeakSlice, {"by": ["x"]}),
        (NoWeakSlice, {"by": [], "at_most": 1.0}),
        (StaysRobust, {"at_most": 0.1}),
        (StaysRobust, {"at_most": 0.1, "missing": 2.0}),
        (StaysRobust, {"at_most": 0.1, "noise": 0.1, "repeats": 0}),
        (NoWeakSlice, {"by": ["x"], "at_most": 1.0, "bins": 0}),
        (NoWeakSlice, {"by": ["x"], "at_most": 1.0, "confidence": 1.0}),
        (StaysFair, {"protected": "sex", "resamples": 10**9}),
        (KeepsLatency, {"at_most_ms": 1, "rows": 0}),
        (KeepsLatency, {"at_most_ms": 1, "calls": 10**9}),
        (KeepsLatency, {"at_most_ms": 1, "quantile": 0.0}),
    ],
)
def test_a_gate_that_asks_nothing_is_refused(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidDefinition):
        kind(**wrong)
