"""The representation of pipelines: what goes through JSON comes back, and what is wrong is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.core.graph import topological_order
from mlwright.errors import InvalidDefinition, Unsupported
from mlwright.pipelines.spec import (
    Entry,
    FromDict,
    FromList,
    FromParameter,
    FromStep,
    Output,
    Parameter,
    PipelineSpec,
    Retry,
    StepNode,
    Value,
    upstream,
)
from mlwright.pipelines.validation import validate

ENTRY = Entry(module="flows", qualname="f")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]{0,8}", fullmatch=True)


def sources(keys: list[str], parameters: list[str]) -> st.SearchStrategy[Any]:
    leaf: st.SearchStrategy[Any] = st.builds(Value, value=JSON)
    if keys:
        leaf = leaf | st.builds(FromStep, step=st.sampled_from(keys), output=st.just("result"))
    if parameters:
        leaf = leaf | st.builds(FromParameter, name=st.sampled_from(parameters))
    return st.recursive(
        leaf,
        lambda inner: (
            st.builds(FromList, items=st.lists(inner, max_size=3))
            | st.builds(FromDict, items=st.dictionaries(st.text(), inner, max_size=3))
        ),
        max_leaves=4,
    )


@st.composite
def specs(draw: Any) -> PipelineSpec:
    keys = draw(st.lists(NAMES, max_size=6, unique=True))
    parameters = draw(st.lists(NAMES, max_size=3, unique=True))
    nodes = []
    for place, key in enumerate(keys):
        before = keys[:place]
        nodes.append(
            StepNode(
                key=key,
                name=key,
                entry=draw(
                    st.builds(Entry, qualname=NAMES, module=NAMES) | st.builds(Entry, qualname=NAMES, file=NAMES)
                ),
                inputs=draw(st.dictionaries(NAMES, sources(before, parameters), max_size=3)),
                after=tuple(draw(st.lists(st.sampled_from(before), max_size=2))) if before else (),
                retry=Retry(attempts=draw(st.integers(1, 9)), on=tuple(draw(st.lists(NAMES, max_size=2)))),
                timeout_s=draw(st.none() | st.floats(0.001, 1e9)),
                cache=draw(st.booleans()),
                env=draw(st.dictionaries(NAMES, st.text(), max_size=2)),
            )
        )
    return PipelineSpec(
        name=draw(NAMES),
        parameters=tuple(Parameter(name=name, required=False, default=draw(JSON)) for name in parameters),
        nodes=tuple(nodes),
        outputs=draw(st.dictionaries(st.text(), sources(keys, parameters), max_size=3)),
    )


@settings(max_examples=settings.default.max_examples // 3)
@given(specs())
def test_what_is_written_as_json_comes_back_equal_with_the_same_digest(spec: PipelineSpec) -> None:
    back = PipelineSpec.from_json(spec.to_json())
    assert back == spec
    assert back.digest == spec.digest
    assert back.to_json() == spec.to_json()


@settings(max_examples=settings.default.max_examples // 3)
@given(specs())
def test_a_sound_pipeline_is_ordered_so_that_each_step_follows_what_it_needs(spec: PipelineSpec) -> None:
    order = validate(spec)
    place = {key: index for index, key in enumerate(order)}
    assert sorted(place) == sorted(node.key for node in spec.nodes)
    assert all(place[one] < place[key] for key, needed in upstream(spec).items() for one in needed)


@settings(max_examples=settings.default.max_examples // 3)
@given(specs(), st.data())
def test_closing_any_path_to_a_circle_is_refused(spec: PipelineSpec, data: st.DataObject) -> None:
    edges = [(one, key) for key, needed in upstream(spec).items() for one in needed]
    if not edges:
        return
    first, last = data.draw(st.sampled_from(edges))
    nodes = [
        StepNode(key=node.key, name=node.name, entry=node.entry, inputs=node.inputs, after=(*node.after, last))
        if node.key == first
        else node
        for node in spec.nodes
    ]
    broken = PipelineSpec(name=spec.name, parameters=spec.parameters, nodes=tuple(nodes), outputs=spec.outputs)
    with pytest.raises(InvalidDefinition, match="wait for each other") as caught:
        validate(broken)
    assert set(caught.value.context["cycle"]) >= {first, last}


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ({"inputs": {"x": FromStep(step="lod")}}, r"takes the step 'lod', which does not exist"),
        ({"inputs": {"x": FromStep(step="load", output="rows")}}, "takes from 'load' the output 'rows'"),
        ({"inputs": {"x": FromList(items=[FromParameter(name="rte")])}}, "takes the parameter 'rte'"),
        ({"after": ("nobody",)}, "comes after the step 'nobody'"),
        ({"timeout_s": 0.0}, "has a timeout of 0.0 s"),
        ({"key": "load"}, "two steps 'load'"),
        ({"key": "../x"}, "is no name for a step"),
    ],
)
def test_a_spec_that_names_what_is_not_there_is_refused(node: dict[str, Any], text: str) -> None:
    facts = {"key": "fit", "name": "fit", "entry": ENTRY, **node}
    spec = PipelineSpec(
        name="p",
        parameters=(Parameter(name="rate"),),
        nodes=(StepNode(key="load", name="load", entry=ENTRY), StepNode(**facts)),
    )
    with pytest.raises(InvalidDefinition, match=text):
        validate(spec)


def test_an_output_from_a_missing_step_is_refused_with_a_suggestion() -> None:
    spec = PipelineSpec(
        name="p", nodes=(StepNode(key="load", name="load", entry=ENTRY),), outputs={"r": FromStep(step="laod")}
    )
    with pytest.raises(InvalidDefinition, match="did you mean 'load'"):
        validate(spec)


def test_a_pipeline_of_a_newer_format_is_refused_and_nonsense_is_named() -> None:
    text = json.dumps({"name": "p", "format_version": 99, "unknown": 1})
    with pytest.raises(Unsupported, match="format 99"):
        PipelineSpec.from_json(text)
    with pytest.raises(InvalidDefinition, match="no pipeline"):
        PipelineSpec.from_json('{"name": 3}')
    with pytest.raises(InvalidDefinition, match="no pipeline"):
        PipelineSpec.from_json("{")


def test_a_chain_of_many_steps_is_no_deeper_than_a_short_one() -> None:
    nodes = tuple(
        StepNode(
            key=f"s{place}",
            name="s",
            entry=ENTRY,
            inputs={"x": FromStep(step=f"s{place - 1}")} if place else {},
            outputs=(Output(),),
        )
        for place in range(5_000)
    )
    spec = PipelineSpec(name="deep", nodes=nodes)
    assert validate(PipelineSpec.from_json(spec.to_json()))[-1] == "s4999"
    assert topological_order(upstream(spec))[0] == "s0"


@given(st.integers(1, 200), st.floats(0, 1), st.floats(0, 1))
def test_pauses_grow_up_to_the_longest_and_jitter_only_shortens_them(
    attempt: int, random: float, jitter: float
) -> None:
    retry = Retry(attempts=9, backoff_s=0.5, factor=3.0, max_backoff_s=20.0, jitter=jitter)
    pause = retry.pause_s(attempt, random)
    longest = min(0.5 * 3.0 ** min(attempt - 1, 64), 20.0)
    assert longest * (1 - jitter) - 1e-9 <= pause <= longest + 1e-9
