"""Classes of values that the codecs' tests store."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, Flag, IntEnum
from typing import Any, NamedTuple

import msgspec


@dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    inner: Any = None


@dataclass
class Derived:
    base: int
    double: int = field(init=False)

    def __post_init__(self) -> None:
        self.double = 2 * self.base


class Params(msgspec.Struct, frozen=True, kw_only=True):
    rate: float
    layers: tuple[int, ...] = ()


class Tagged(msgspec.Struct, tag="tagged", rename="camel"):
    some_value: int


class Colour(Enum):
    RED = "red"
    BLUE = ("b", 1)


class Level(IntEnum):
    LOW = 1


class Rights(Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    first: int
    second: str


class Unknown:
    """A class that no codec knows."""
