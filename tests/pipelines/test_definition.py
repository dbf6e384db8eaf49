"""Steps and pipelines as Python code, and what is found wrong before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pytest

from mlwright import pipeline, step
from mlwright.errors import InvalidDefinition, InvalidUsage, NotFound, TypeMismatch
from mlwright.pipelines import PipelineSpec, Retry, bind, load_target
from mlwright.pipelines.spec import FromDict, FromList, FromStep, Value


class Split(NamedTuple):
    train: list[int]
    test: list[int]


class Config(msgspec.Struct, frozen=True):
    depth: int
    rate: float = 0.1


@step
def load(count: int) -> list[int]:
    return list(range(count))


@step
def split(rows: list[int]) -> Split:
    return Split(rows[1:], rows[:1])


@step
def halves(rows: list[int]) -> tuple[list[int], str]:
    return rows[::2], "half"


@step(retries=2, timeout_s=30, version="2", cache=False)
def mean(rows: list[int], scale: float = 1.0) -> float:
    """Average the rows.

    More text.
    """
    return scale * sum(rows) / len(rows)


@step
def shout(text: str) -> str:
    return text.upper()


@step
def total(parts: list[float]) -> float:
    return sum(parts)


@step
def named(parts: dict[str, float]) -> float:
    return sum(parts.values())


@step
def configured(config: Config) -> int:
    return config.depth


@step
def anything(value):
    return value


def test_a_step_called_outside_of_a_pipeline_is_the_plain_function() -> None:
    assert mean([1, 2, 3]) == 2.0
    assert mean.__doc__ == mean.function.__doc__


def test_a_pipeline_called_as_a_function_runs_its_steps_as_plain_functions() -> None:
    @pipeline
    def averages(count: int = 4) -> Any:
        return mean(load(count))

    assert averages(5) == 2.0


def test_a_call_of_a_step_becomes_a_node_with_its_settings() -> None:
    @pipeline
    def averages(count: int = 4) -> Any:
        """Average some rows."""
        return mean(load(count), scale=2.0)

    spec = averages.spec
    node = spec.node("mean")
    assert node.inputs == {"rows": FromStep(step="load"), "scale": Value(value=2.0)}
    assert (node.retry.attempts, node.timeout_s, node.version, node.cache) == (3, 30, "2", False)
    assert (node.outputs[0].type, node.description) == ("float", "Average the rows.")
    assert (spec.description, spec.result, spec.parameters[0].default) == ("Average some rows.", "single", 4)
    assert str(node.entry).endswith("test_definition:mean")


def test_the_same_step_may_be_called_often_and_each_call_has_its_key() -> None:
    @pipeline
    def twice() -> Any:
        return total([mean(load(3)), mean(load.options(key="more")(4))])

    assert [node.key for node in twice.spec.nodes] == ["load", "mean", "more", "mean-2", "total"]
    assert isinstance(twice.spec.node("total").inputs["parts"], FromList)


def test_named_outputs_are_reached_by_name_and_by_position() -> None:
    @pipeline
    def parts() -> Any:
        found = split(load(3))
        rows, word = halves(found.train)
        return {"mean": mean(rows), "word": shout(word), "test": found.test}

    spec = parts.spec
    assert spec.node("halves").inputs["rows"] == FromStep(step="split", output="train")
    assert spec.node("shout").inputs["text"] == FromStep(step="halves", output="1")
    assert (spec.node("split").shape, spec.node("halves").shape) == ("named", "tuple")
    assert spec.outputs["test"] == FromStep(step="split", output="test")


def test_a_pipeline_within_a_pipeline_brings_its_steps_under_its_name() -> None:
    @pipeline
    def averages(count: int) -> Any:
        return mean(load(count))

    @pipeline
    def outer() -> Any:
        return total([averages(3), averages(4)])

    assert [node.key for node in outer.spec.nodes] == [
        "averages/load",
        "averages/mean",
        "averages-2/load",
        "averages-2/mean",
        "total",
    ]


def test_dicts_of_outputs_and_typed_constants_travel() -> None:
    @pipeline
    def mixed() -> Any:
        configured(Config(depth=3))
        return named({"a": mean(load(2)), "b": 1.5})

    spec = mixed.spec
    assert isinstance(spec.node("named").inputs["parts"], FromDict)
    assert spec.node("configured").inputs["config"] == Value(value={"depth": 3, "rate": 0.1})
    assert PipelineSpec.from_json(spec.to_json()) == spec


def test_after_orders_steps_that_share_nothing() -> None:
    @pipeline
    def ordered() -> None:
        first = load(1)
        shout.options(after=first, key="a")("x")
        shout.options(after=["a", first], key="b")("y")
        shout.options(after="z", key="early")("w")
        shout.options(key="z")("z")

    spec = ordered.spec
    assert spec.node("b").after == ("a", "load")
    keys = [node.key for node in spec.nodes]
    assert keys.index("z") < keys.index("early")


def test_a_pipeline_that_calls_itself_is_named() -> None:
    @pipeline
    def inner() -> None:
        outer()

    @pipeline
    def outer() -> None:
        inner()

    with pytest.raises(InvalidDefinition, match="pipeline 'outer' calls itself") as caught:
        _ = outer.spec
    assert caught.value.why == "outer -> inner -> outer"


def test_two_pipelines_of_one_name_may_be_nested() -> None:
    @pipeline(name="train")
    def inner() -> str:
        return shout("x")

    @pipeline(name="train")
    def outer() -> str:
        return inner()

    assert [node.key for node in outer.spec.nodes] == ["train/shout"]


def test_a_cycle_is_named() -> None:
    @pipeline
    def circle() -> None:
        shout.options(key="a", after="b")("x")
        shout.options(key="b", after="c")("x")
        shout.options(key="c", after="a")("x")

    with pytest.raises(InvalidDefinition, match="wait for each other") as caught:
        _ = circle.spec
    assert caught.value.why == "a -> b -> c -> a"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (lambda: mean(shout("x")), r"argument 'rows' of step 'mean' .* takes list\[int\], .* step 'shout' is str"),
        (lambda: mean(load("3")), r"argument 'count' of step 'load' .* takes int, and is given '3'"),
        (lambda: total([shout("x")]), r"takes float, and the output of step 'shout' is str"),
        (lambda: mean(), "missing a required argument: 'rows'"),
        (lambda: mean(load(1), scalle=2), "unexpected keyword argument 'scalle'"),
        (lambda: anything(float("nan")), "can't be written as JSON"),
        (lambda: anything(object()), "can't be written as JSON"),
        (lambda: anything(Path("x")), "would arrive as 'x'"),
        (lambda: shout.options(after="nobody")("x"), "the step 'nobody', which does not exist"),
        (lambda: [shout.options(key="k")("x"), shout.options(key="k")("x")], "two steps 'k'"),
        (lambda: shout.options(key="a b")("x"), "'a b' is no name"),
    ],
)
def test_a_wrong_call_is_found_when_the_pipeline_is_built(body: Any, text: str) -> None:
    @pipeline
    def wrong() -> None:
        body()

    with pytest.raises(InvalidDefinition, match=text):
        _ = wrong.spec


def test_computing_with_a_value_that_is_not_known_yet_is_refused() -> None:
    @pipeline
    def early(count: int = 3) -> Any:
        return load(3) if count > 2 else load(1)

    with pytest.raises(InvalidDefinition, match="the parameter 'count' has no value while the pipeline is built"):
        _ = early.spec


def test_a_type_mismatch_is_a_type_error_too() -> None:
    @pipeline
    def wrong() -> Any:
        return mean(shout("x"))

    with pytest.raises(TypeMismatch):
        _ = wrong.spec
    with pytest.raises(TypeError):
        _ = wrong.spec


def test_variadic_steps_and_unknown_settings_are_refused() -> None:
    with pytest.raises(InvalidDefinition, match=r"\*rows"):

        @step
        def many(*rows: int) -> int:
            return len(rows)

    with pytest.raises(InvalidDefinition, match="no setting 'retrys'"):
        step(retrys=3)  # type: ignore[call-overload]
    with pytest.raises(InvalidDefinition, match="can't be followed"):
        Retry(attempts=0)


@pipeline
def sized(count: int, rate: float = 0.5, mode: Literal["fast", "slow"] = "fast", sizes: list[int] | None = None) -> Any:
    return mean(load(count), scale=rate)


def test_parameters_are_checked_and_converted() -> None:
    assert bind(sized, {"count": 3, "rate": 1}) == {"count": 3, "rate": 1.0, "mode": "fast", "sizes": None}
    texts = {"count": "3", "rate": "0.25", "mode": "slow", "sizes": "[1, 2]"}
    assert bind(sized, texts, from_text=True) == {"count": 3, "rate": 0.25, "mode": "slow", "sizes": [1, 2]}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "needs the parameter 'count'"),
        ({"count": 1, "ratee": 2}, "has no parameter 'ratee'"),
        ({"count": "3"}, "'count' of pipeline 'sized' is int"),
        ({"count": True}, "'count' of pipeline 'sized' is int"),
        ({"count": 1.5}, "'count' of pipeline 'sized' is int"),
        ({"count": 1, "mode": "medium"}, "'mode'"),
        ({"count": 1, "rate": float("inf")}, "'rate'"),
    ],
)
def test_a_wrong_parameter_is_named(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidUsage, match=text):
        bind(sized, arguments)


def test_a_misspelt_parameter_gets_a_suggestion() -> None:
    with pytest.raises(InvalidUsage, match="did you mean 'rate'"):
        bind(sized, {"count": 1, "ratee": 2})


SCRIPT = """
from mlwright import pipeline, step

@step
def one() -> int:
    return 1

@pipeline
def first():
    return one()

first.run()

@pipeline
def second():
    return one()
"""


def test_a_pipeline_is_loaded_from_a_file_without_running_its_main_part(tmp_path: Path) -> None:
    file = tmp_path / "some_flow.py"
    file.write_text(SCRIPT)
    loaded = load_target(f"{file}:first")
    assert str(loaded.spec.nodes[0].entry) == "some_flow.py:one"
    assert loaded.roots == [str(tmp_path)]
    assert load_target(str(file)).name == "first"


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken_flow.py").write_text("x = 1 / 0\n")
    (tmp_path / "syntax_flow.py").write_text("def f(:\n")
    (tmp_path / "empty_flow.py").write_text("x = 1\n")
    with pytest.raises(NotFound, match=r"nowhere\.py does not exist"):
        load_target("nowhere.py:x")
    with pytest.raises(NotFound, match="module nowhere_at_all does not exist"):
        load_target("nowhere_at_all:x")
    with pytest.raises(InvalidDefinition, match="ZeroDivisionError") as caught:
        load_target(f"{tmp_path}/broken_flow.py")
    assert caught.value.why == "broken_flow.py:1, in <module>: x = 1 / 0"
    with pytest.raises(InvalidDefinition, match=r"syntax_flow\.py"):
        load_target(f"{tmp_path}/syntax_flow.py")
    with pytest.raises(NotFound, match="no pipeline"):
        load_target(f"{tmp_path}/empty_flow.py")
    with pytest.raises(NotFound, match="has no 'y'"):
        load_target(f"{tmp_path}/empty_flow.py:y")
    with pytest.raises(InvalidDefinition, match="is a int, no pipeline"):
        load_target(f"{tmp_path}/empty_flow.py:x")
