from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floors import floor_s
from mlwright.core.graph import CycleError, descendants, levels, topological_order


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    count = draw(st.integers(1, 12))
    names = draw(st.permutations([f"n{number}" for number in range(count)]))
    edges = {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True)) if place else []
        for place, name in enumerate(names)
    }
    return {name: edges[name] for name in draw(st.permutations(names))}


@st.composite
def any_graph(draw: st.DrawFn) -> dict[str, list[str]]:
    names = [f"n{number}" for number in range(draw(st.integers(1, 8)))]
    return {name: draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) for name in names}


@given(graph=acyclic())
def test_everything_comes_once_and_after_what_it_depends_on(graph: dict[str, list[str]]) -> None:
    order = topological_order(graph)
    assert sorted(order) == sorted(graph)
    place = {name: number for number, name in enumerate(order)}
    assert all(place[dependency] < place[name] for name in graph for dependency in graph[name])


@given(graph=any_graph())
def test_a_cycle_that_is_named_is_one(graph: dict[str, list[str]]) -> None:
    try:
        topological_order(graph)
        return
    except CycleError as error:
        path = error.path
    assert path[0] == path[-1]
    assert len(path) > 1
    assert all(after in graph[before] for before, after in pairwise(path))
    assert len(set(path)) == len(path) - 1


def test_names_without_edges_keep_their_order() -> None:
    assert topological_order({"b": [], "a": [], "c": []}) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("graph", "path"),
    [
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, ["a", "b", "c", "a"]),
        ({"start": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
    ],
)
def test_a_cycle_is_walked_without_what_only_leads_to_it(graph: dict[str, list[str]], path: list[str]) -> None:
    with pytest.raises(CycleError) as caught:
        topological_order(graph)
    assert caught.value.path == path
    assert str(caught.value) == " -> ".join(path)


@given(graph=acyclic())
def test_a_level_is_the_length_of_the_longest_path(graph: dict[str, list[str]]) -> None:
    found = levels(graph)

    def longest(name: str) -> int:
        return max((longest(dependency) + 1 for dependency in graph[name]), default=0)

    assert found == {name: longest(name) for name in graph}


@given(graph=acyclic(), data=st.data())
def test_descendants_are_the_roots_and_what_depends_on_them(graph: dict[str, list[str]], data: st.DataObject) -> None:
    roots = data.draw(st.sets(st.sampled_from(sorted(graph))))

    def leads_to(name: str) -> bool:
        return name in roots or any(leads_to(dependency) for dependency in graph[name])

    assert descendants(graph, roots) == {name for name in graph if leads_to(name)}


def test_a_chain_of_100_000_is_ordered_quickly_and_without_deep_recursion() -> None:
    count = 100_000
    chain = {str(number): [str(number + 1)] if number < count - 1 else [] for number in range(count)}
    started = time.process_time()
    assert topological_order(chain)[0] == str(count - 1)
    assert levels(chain)["0"] == count - 1
    assert len(descendants(chain, [str(count - 1)])) == count
    assert time.process_time() - started < 3000 * floor_s()


def test_a_cycle_of_100_000_is_named() -> None:
    count = 100_000
    with pytest.raises(CycleError) as caught:
        topological_order({str(number): [str((number + 1) % count)] for number in range(count)})
    assert len(caught.value.path) == count + 1


def test_many_that_depend_on_one_are_ordered_quickly() -> None:
    graph = {"root": [], **{f"n{number}": ["root"] for number in range(100_000)}}
    started = time.process_time()
    assert len(topological_order(graph)) == 100_001
    assert time.process_time() - started < 1500 * floor_s()
