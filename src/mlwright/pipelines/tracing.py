"""How the body of a pipeline becomes its representation: it is called once, with references in place of values."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from mlwright.errors import InvalidDefinition, TypeMismatch
from mlwright.pipelines import types, values
from mlwright.pipelines.spec import FromDict, FromList, FromParameter, FromStep, Output, Source, StepNode, Value

if TYPE_CHECKING:
    from mlwright.pipelines.definition import Step

_active: ContextVar[Trace | None] = ContextVar("mlwright_trace", default=None)


class Ref:
    """Stands for a value that is known only when the pipeline runs: a parameter, or an output of a step.

    Args:
        source: Where the value will come from.
        annotation: Its type.
        shown: What it is called in messages.
    """

    def __init__(self, source: FromParameter | FromStep, annotation: Any, shown: str) -> None:
        self.source = source
        self.annotation = annotation
        self.shown = shown

    def __repr__(self) -> str:
        return f"<{self.shown}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def _refuse(self, *_: object) -> typing.NoReturn:
        raise InvalidDefinition(
            f"{self.shown} has no value while the pipeline is built.",
            why="the body of a pipeline only says which step gets what; it runs before any step does",
            fix="compute with it inside a step",
        )

    __bool__ = __iter__ = __len__ = __getitem__ = __contains__ = __call__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __float__ = __int__ = __index__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __mod__ = __rmod__ = __pow__ = __rpow__ = __floordiv__ = __rfloordiv__ = __or__ = __and__ = _refuse


class Trace:
    """Collects the calls of steps in one pipeline's body.

    Args:
        pipeline: The pipeline's name.

    Attributes:
        nodes: The calls, in order.
        roots: Import roots of the steps' modules.
        problems: Why steps can't run in another process, by key.
    """

    def __init__(self, pipeline: str, body: object) -> None:
        self.pipeline = pipeline
        self.nodes: list[StepNode] = []
        self.roots: list[str] = []
        self._taken: dict[str, int] = {}
        self._prefix = ""
        self._entered = [(pipeline, body)]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this the trace that calls of steps go to."""
        token = _active.set(self)
        try:
            yield
        finally:
            _active.reset(token)

    @contextmanager
    def nested(self, name: str, body: object) -> Iterator[None]:
        """Collect the calls of a pipeline within the pipeline, under its name."""
        if any(body is entered for _, entered in self._entered):
            path = [*(outer for outer, _ in self._entered), name]
            raise InvalidDefinition(
                f"pipeline '{name}' calls itself.",
                why=" -> ".join(path),
                fix="it would never end; let the code of a step loop",
                cycle=path,
            )
        before, self._prefix = self._prefix, f"{self._free_key(name)}/"
        self._entered.append((name, body))
        try:
            yield
        finally:
            self._prefix = before
            self._entered.pop()

    def call(self, step: Step[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Record the call of a step; return the references to its outputs."""
        settings = step.settings
        key = self._key(settings.get("key"), step.name)
        where = f"step '{key}' of pipeline '{self.pipeline}'"
        bound = bind(step.function, arguments, named, where)
        hints = types.annotations_of(step.function)
        inputs = {
            name: source_of(value, hints.get(name, Any), f"argument '{name}' of {where}")
            for name, value in bound.items()
        }
        declared = types.outputs_of(hints.get("return", Any))
        codec = settings.get("codec", "")
        outputs = [(Output().name, hints.get("return", Any))] if declared is None else declared
        node = StepNode(
            key=key,
            name=step.name,
            entry=step.entry,
            inputs=inputs,
            paths=tuple(name for name in inputs if types.is_path(hints.get(name, Any))),
            outputs=tuple(Output(name=name, type=types.describe(kind), codec=codec) for name, kind in outputs),
            shape="single" if declared is None else "named" if outputs and not outputs[0][0].isdigit() else "tuple",
            after=tuple(_keys(settings.get("after", ()), self._prefix)),
            retry=step.retry,
            timeout_s=settings.get("timeout_s"),
            cache=settings.get("cache", True),
            version=settings.get("version", ""),
            env=settings.get("env", {}),
            allow_pickle=settings.get("allow_pickle", False),
            description=step.description,
        )
        self.nodes.append(node)
        if step.root and step.root not in self.roots:
            self.roots.append(step.root)
        refs = [Ref(FromStep(step=key, output=name), kind, f"the output of step '{key}'") for name, kind in outputs]
        if declared is None:
            return refs[0]
        return tuple(refs) if node.shape == "tuple" else types.plain(hints["return"])(*refs)

    def _key(self, wanted: str | None, name: str) -> str:
        return self._prefix + wanted if wanted else self._free_key(name)

    def _free_key(self, name: str) -> str:
        key = self._prefix + name
        count = self._taken[key] = self._taken.get(key, 0) + 1
        return key if count == 1 else f"{key}-{count}"


def active() -> Trace | None:
    """Return the trace that calls of steps go to, None when no pipeline is being built."""
    return _active.get()


def bind(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the arguments of a call by name.

    Raises:
        InvalidDefinition: One is missing, unknown, or given twice.
    """
    signature = inspect.signature(function)
    try:
        return dict(signature.bind(*arguments, **named).arguments)
    except TypeError as error:
        raise InvalidDefinition(
            f"{where} is called with other arguments than it has: {error}.",
            why=f"it is {function.__name__}{signature}",
            fix="correct the call",
        ) from None


def source_of(value: Any, annotation: Any, where: str) -> Source:
    """Return where a value of a pipeline's body comes from.

    Raises:
        TypeMismatch: Its type isn't the one that is annotated.
        InvalidDefinition: It is a constant that isn't JSON.
    """
    if isinstance(value, Ref):
        if not types.assignable(value.annotation, annotation):
            given, wanted = types.describe(value.annotation), types.describe(annotation)
            raise TypeMismatch(
                f"{where} takes {wanted}, and {value.shown} is {given}.",
                why=f"{given} can't be passed as {wanted}",
                fix="change one of the two annotations, or put a step between them that converts",
            )
        return value.source
    if isinstance(value, (list, tuple)) and _has_ref(value):
        kinds = types.item_types(annotation, len(value))
        return FromList(items=[source_of(item, kind, where) for item, kind in zip(value, kinds, strict=True)])
    if isinstance(value, dict) and _has_ref(value):
        kind = types.value_type(annotation)
        return FromDict(items={str(key): source_of(item, kind, where) for key, item in value.items()})
    return _constant(value, annotation, where)


def _constant(value: Any, annotation: Any, where: str) -> Value:
    if not types.matches(value, annotation):
        raise TypeMismatch(
            f"{where} takes {types.describe(annotation)}, and is given {value!r}.",
            why=f"its type is {types.describe(type(value))}",
            fix="change the value or the annotation",
        )
    try:
        plain = values.to_plain(value)
        back = plain if values.is_natural(value) else values.from_plain(plain, annotation)
    except InvalidDefinition as error:
        raise InvalidDefinition(
            f"{where}: {error.what}", why=error.why, fix="make it in a step, or pass what it is made from"
        ) from None
    if type(back) is not type(value):
        raise InvalidDefinition(
            f"{where} is given {value!r}, which would arrive as {back!r}.",
            why="a constant travels as JSON, and the argument has no annotation that brings its type back",
            fix=f"annotate the argument as {types.describe(type(value))}",
        )
    return Value(value=plain)


def _has_ref(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_ref, value))
    if isinstance(value, dict):
        return any(map(_has_ref, value.values()))
    return isinstance(value, Ref)


def _keys(after: Any, prefix: str) -> Iterator[str]:
    if isinstance(after, str):
        yield prefix + after
    elif isinstance(after, Ref):
        if isinstance(after.source, FromStep):
            yield after.source.step
    else:
        for one in after:
            yield from _keys(one, prefix)
