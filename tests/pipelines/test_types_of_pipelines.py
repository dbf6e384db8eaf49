"""Types on edges: what surely can't fit is refused, and nothing else."""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, Protocol, TypedDict

import pytest

from mlwright.pipelines.types import assignable, describe, matches

Rows = NewType("Rows", list)


class Point(TypedDict):
    x: int


class Closes(Protocol):
    def close(self) -> None: ...


@dataclass
class Record:
    name: str


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (int, int),
        (bool, int),
        (int, float),
        (str, Any),
        (Any, str),
        (int, int | None),
        (None, Optional[int]),  # noqa: UP045
        (list[int], collections.abc.Sequence),
        (list[int], list),
        (list[bool], list[int]),
        (dict[str, int], collections.abc.Mapping[str, float]),
        (tuple[int, int], tuple[int, ...]),
        (Literal["a"], str),
        (str, Literal["a", "b"]),
        (Annotated[int, "unit"], int),
        (Rows, list),
        (Point, dict),
        (dict, Point),
        (dict, Record),
        (str, Closes),
        (str, "Unresolved"),
        (Path, Path),
    ],
)
def test_what_may_fit_is_accepted(given: Any, wanted: Any) -> None:
    assert assignable(given, wanted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (str, int),
        (float, int),
        (int, str),
        (int | None, int),
        (int, str | None),
        (list[str], list[int]),
        (list, dict),
        (dict[str, str], dict[str, int]),
        (None, int),
        (Literal["c"], Literal["a", "b"]),
        (Literal["a"], int),
        (int, Literal["a"]),
        (list, Record),
        (str, Path),
        (tuple[int, str], tuple[int, int]),
    ],
)
def test_what_surely_does_not_fit_is_refused(given: Any, wanted: Any) -> None:
    assert not assignable(given, wanted)


@pytest.mark.parametrize(
    ("value", "annotation", "fits"),
    [
        (1, int, True),
        (1, float, True),
        (1.0, int, False),
        (None, int, False),
        (None, int | None, True),
        ([1, 2], list[int], True),
        ([1, "2"], list[int], False),
        ({"a": [1]}, dict[str, list[int]], True),
        ({"a": ["1"]}, dict[str, list[int]], False),
        ((1, "a"), tuple[int, str], True),
        ((1, "a"), tuple[int, ...], False),
        ((1,), tuple[int, str], False),
        ("a", Literal["a", "b"], True),
        ("c", Literal["a", "b"], False),
        ({"x": 1}, Point, True),
        ("text", collections.abc.Sequence, True),
        (3, collections.abc.Sequence, False),
        (print, collections.abc.Callable[[int], None], True),
        (Record("a"), Record, True),
        ({1, 2}, set[int], True),
    ],
)
def test_values_are_checked_against_annotations(value: Any, annotation: Any, fits: bool) -> None:
    assert matches(value, annotation) is fits


def test_types_are_shown_as_people_write_them() -> None:
    assert describe(int) == "int"
    assert describe(list[int]) == "list[int]"
    assert describe(int | None) == "int | None"
    assert describe(None) == "None"
    assert describe(Any) == "Any"
    assert describe(Path) == "pathlib.Path"
