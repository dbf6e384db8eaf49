"""The intermediate representation: all that engines, compilers and screens ever see of a pipeline.

A `PipelineSpec` is immutable, is plain JSON, names no path of a machine, and says everything that is needed to run the
pipeline somewhere else. Nodes and sources are tagged unions: a new kind of node (a map, a branch, an approval) is a new
struct with its own tag, and what is stored today stays readable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from mlwright.core.digest import canonical_json, digest_bytes
from mlwright.errors import InvalidDefinition, Unsupported

FORMAT_VERSION = 1
RESULT = "result"


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """When and how often a failed step is tried again.

    Attributes:
        attempts: How often it is tried in all, the first time included.
        backoff_s: Pause before the second attempt.
        factor: How much longer each further pause is.
        max_backoff_s: The longest pause.
        jitter: Share of a pause that is random, so that steps which failed together don't return together.
        on: Exceptions that are worth another attempt, as classes or by name; a subclass counts. Every exception of the
            step's own code by default. Errors that mlwright knows to be passing always count.
    """

    attempts: int = 3
    backoff_s: float = 1.0
    factor: float = 2.0
    max_backoff_s: float = 60.0
    jitter: float = 0.25
    on: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        names = tuple(error if isinstance(error, str) else error.__qualname__ for error in self.on)
        msgspec.structs.force_setattr(self, "on", names)
        if self.attempts < 1 or self.backoff_s < 0 or self.factor < 1 or not 0 <= self.jitter <= 1:
            raise InvalidDefinition(
                f"{self!r} can't be followed.", fix="attempts >= 1, backoff_s >= 0, factor >= 1, 0 <= jitter <= 1"
            )

    def pause_s(self, attempt: int, random: float) -> float:
        """Return how long to wait after an attempt has failed.

        Args:
            attempt: Which one failed, 1 for the first.
            random: From 0 to 1.
        """
        pause = min(self.backoff_s * self.factor ** min(attempt - 1, 64), self.max_backoff_s)
        return pause * (1 - self.jitter + self.jitter * random)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step's function is found again, in another process and on another machine.

    Attributes:
        qualname: Its name within the module.
        module: The module's name; empty for a script.
        file: The script, relative to an import root; empty for a module.
    """

    qualname: str
    module: str = ""
    file: str = ""

    def __str__(self) -> str:
        return f"{self.module or self.file}:{self.qualname}"


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of a pipeline.

    Attributes:
        name: Its name.
        type: Its type, as text.
        required: True when it has no default.
        default: Its default, as JSON.
    """

    name: str
    type: str = "Any"
    required: bool = True
    default: Any = None


class Value(msgspec.Struct, frozen=True, kw_only=True, tag="value"):
    """A constant written in the pipeline's body, as JSON."""

    value: Any


class FromParameter(msgspec.Struct, frozen=True, kw_only=True, tag="parameter"):
    """A parameter of the pipeline."""

    name: str


class FromStep(msgspec.Struct, frozen=True, kw_only=True, tag="step"):
    """An output of another step."""

    step: str
    output: str = RESULT


class FromList(msgspec.Struct, frozen=True, kw_only=True, tag="list"):
    """A list of sources."""

    items: list[Source]


class FromDict(msgspec.Struct, frozen=True, kw_only=True, tag="dict"):
    """A dict of sources."""

    items: dict[str, Source]


Source = Value | FromParameter | FromStep | FromList | FromDict


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """An output of a step.

    Attributes:
        name: Its name; `result` for a step with a single one.
        type: Its type, as text.
        codec: How it is written; chosen by type when empty.
    """

    name: str = RESULT
    type: str = "Any"
    codec: str = ""


class StepNode(msgspec.Struct, frozen=True, kw_only=True, tag="step"):
    """One call of a step.

    Attributes:
        key: Its name in this pipeline.
        name: The step's name.
        entry: Where its function is.
        inputs: Argument to source.
        paths: Arguments that are paths: the content of what they name counts in the cache key.
        outputs: What it gives.
        shape: How its outputs are one Python value: `single`, `tuple`, or `named` (a NamedTuple).
        after: Keys of steps that must have ended before, though nothing of theirs is used.
        retry: When it is tried again.
        timeout_s: When it is stopped; None for never.
        cache: Whether an equal call may take its result.
        version: Stands for the step's code in the cache key, when set.
        env: Environment variables of its process.
        allow_pickle: Consent to pickle what no other codec knows.
        description: First sentence of its docstring.
    """

    key: str
    name: str
    entry: Entry
    inputs: dict[str, Source] = {}
    paths: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = (Output(),)
    shape: Literal["single", "tuple", "named"] = "single"
    after: tuple[str, ...] = ()
    retry: Retry = Retry(attempts=1)
    timeout_s: float | None = None
    cache: bool = True
    version: str = ""
    env: dict[str, str] = {}
    allow_pickle: bool = False
    description: str = ""


#: Kinds of nodes; today there is one.
Node = StepNode


class PipelineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline.

    Attributes:
        name: Its name.
        parameters: What a run may be given.
        nodes: Its steps, in an order in which they could run.
        outputs: What a run gives: name to source.
        result: How the outputs are one Python value: `none`, `single`, `tuple` or `dict`.
        description: First sentence of its docstring.
        format_version: Of this format.
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    nodes: tuple[Node, ...] = ()
    outputs: dict[str, Source] = {}
    result: Literal["none", "single", "tuple", "dict"] = "none"
    description: str = ""
    format_version: int = FORMAT_VERSION

    @property
    def digest(self) -> str:
        """The digest of the JSON text."""
        return digest_bytes(self.to_json())

    def to_json(self) -> bytes:
        """Return the one JSON text of this pipeline."""
        return canonical_json(self)

    @classmethod
    def from_json(cls, text: bytes | str) -> PipelineSpec:
        """Read a pipeline back.

        Raises:
            Unsupported: A newer mlwright wrote it.
            InvalidDefinition: It is no pipeline.
        """
        try:
            version = msgspec.json.decode(text, type=_Versioned).format_version
            if version > FORMAT_VERSION:
                raise Unsupported(
                    f"the pipeline is written in format {version}; this mlwright reads {FORMAT_VERSION} and older.",
                    fix="pip install --upgrade mlwright",
                )
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise InvalidDefinition("the text is no pipeline.", why=str(error)) from error

    def node(self, key: str) -> Node:
        """Return the node of a key."""
        return next(node for node in self.nodes if node.key == key)


class _Versioned(msgspec.Struct):
    format_version: int = FORMAT_VERSION


def steps_in(source: Source) -> Iterator[FromStep]:
    """Go through the outputs of steps that a source is made of."""
    for leaf in leaves(source):
        if isinstance(leaf, FromStep):
            yield leaf


def leaves(source: Source) -> Iterator[Value | FromParameter | FromStep]:
    """Go through what a source is made of: its values, parameters and outputs of steps."""
    pending = [source]
    while pending:
        one = pending.pop()
        if isinstance(one, FromList):
            pending += reversed(one.items)
        elif isinstance(one, FromDict):
            pending += reversed(one.items.values())
        else:
            yield one


def upstream(spec: PipelineSpec) -> dict[str, list[str]]:
    """Return for each node the keys of those it waits for, each once."""
    found: dict[str, list[str]] = {}
    for node in spec.nodes:
        sources = [leaf.step for source in node.inputs.values() for leaf in steps_in(source)]
        found[node.key] = list(dict.fromkeys([*sources, *node.after]))
    return found
