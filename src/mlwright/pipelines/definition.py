"""`@step` and `@pipeline`: ordinary functions that can also be run by an engine."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypedDict, TypeVar, Unpack, cast, overload

import msgspec

from mlwright.errors import InvalidDefinition
from mlwright.pipelines import tracing, types, values
from mlwright.pipelines.entry import entry_of, why_not_findable
from mlwright.pipelines.spec import FromParameter, Parameter, PipelineSpec, Retry, Source, StepNode, upstream
from mlwright.pipelines.validation import validate

if TYPE_CHECKING:
    from mlwright.pipelines.result import RunResult

P = ParamSpec("P")
R = TypeVar("R")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class StepSettings(TypedDict, total=False):
    """What `@step` and `Step.options` take.

    Attributes:
        name: The step's name; the function's by default.
        retries: How often a failed attempt is followed by another, or a `Retry`.
        timeout_s: When the step is stopped.
        cache: Whether an equal call may take an earlier result; True by default. Say False for a step that reads
            what is neither an argument nor its code (a database, a clock).
        version: Stands for the step's code in the cache key, when set.
        env: Environment variables of its process.
        codec: How its outputs are written; chosen by type by default.
        allow_pickle: Consent to pickle outputs of a type that nothing else knows.
        key: The step's name in the pipeline (`options` only).
        after: Steps that must have ended before, as their outputs or keys (`options` only).
    """

    name: str
    retries: int | Retry
    timeout_s: float | None
    cache: bool
    version: str
    env: dict[str, str]
    codec: str
    allow_pickle: bool
    key: str
    after: str | Any | Sequence[Any]


class Step(Generic[P, R]):
    """A function that is a step when called in the body of a pipeline, and the plain function anywhere else.

    Attributes:
        function: The plain function.
        name: The step's name.
        settings: What was said about it.
        entry: Where the function is found again.
        root: The import root that `entry` is relative to.
    """

    def __init__(self, function: Callable[P, R], settings: StepSettings) -> None:
        self.function = function
        self.settings = settings
        self.name = settings.get("name") or function.__name__.strip("<>")
        self.entry, self.root = entry_of(function)
        functools.update_wrapper(self, function)
        _refuse_variadic(function, f"step '{self.name}'")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Record the call when a pipeline is being built; otherwise call the function."""
        trace = tracing.active()
        if trace is None:
            return self.function(*args, **kwargs)
        return cast("R", trace.call(self, args, kwargs))

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    def options(self, **settings: Unpack[StepSettings]) -> Step[P, R]:
        """Return the same step with other settings, for one call.

        Example:
            >>> @step
            ... def load(path: str) -> str:
            ...     return path
            >>> load.options(key="load-test", timeout_s=60)
            <step load>
        """
        return Step(self.function, {"name": self.name, **self.settings, **settings})

    @property
    def retry(self) -> Retry:
        """When a failed attempt is followed by another."""
        retries = self.settings.get("retries", 0)
        return retries if isinstance(retries, Retry) else Retry(attempts=retries + 1)

    @property
    def description(self) -> str:
        """First line of the function's docstring."""
        return _summary(self.function)


class Pipeline:
    """A function whose body says which step gets what.

    Attributes:
        function: The plain function.
        name: The pipeline's name.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or function.__name__
        functools.update_wrapper(self, function)
        _refuse_variadic(function, f"pipeline '{self.name}'")

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the body: its steps become part of the pipeline that is being built, or run as plain functions."""
        trace = tracing.active()
        if trace is None:
            return self.function(*args, **kwargs)
        with trace.nested(self.name, self.function):
            return self.function(*args, **kwargs)

    @property
    def spec(self) -> PipelineSpec:
        """The pipeline's representation, checked.

        Raises:
            InvalidDefinition: A step is called wrongly, or steps wait for each other.
            TypeMismatch: A step is given something of another type than it takes.
        """
        return self._built[0]

    @property
    def roots(self) -> list[str]:
        """Folders that the steps' modules are imported from."""
        return self._built[1]

    @functools.cached_property
    def parameter_types(self) -> dict[str, Any]:
        """Parameter to annotated type."""
        hints = types.annotations_of(self.function)
        return {name: hints.get(name, Any) for name in inspect.signature(self.function).parameters}

    def run(self, **parameters: Any) -> RunResult:
        """Run the pipeline in the process's project and wait for its end.

        Args:
            parameters: Values of the pipeline's parameters.

        Raises:
            InvalidUsage: A parameter is missing, unknown or of another type.
            RunFailed: A step failed.
        """
        from mlwright import project
        from mlwright.pipelines import running

        running.refuse_while_importing()
        result = running.run(project.current(), self, parameters)
        result.raise_for_status()
        return result

    def unfindable(self) -> str:
        """Return why the steps can't run in another process; empty when they can."""
        for node in self.spec.nodes:
            reason = why_not_findable(node.entry)
            if reason:
                return f"step '{node.key}' can't be found from another process: {reason}"
        return ""

    @functools.cached_property
    def _built(self) -> tuple[PipelineSpec, list[str]]:
        trace = tracing.Trace(self.name, self.function)
        kinds = self.parameter_types
        refs = {
            name: tracing.Ref(FromParameter(name=name), kind, f"the parameter '{name}'") for name, kind in kinds.items()
        }
        with trace.active():
            returned = self.function(**refs)
        result, outputs = _outputs(returned, self.name)
        spec = PipelineSpec(
            name=self.name,
            parameters=tuple(self._parameters()),
            nodes=tuple(trace.nodes),
            outputs=outputs,
            result=cast("Any", result),
            description=_summary(self.function),
        )
        order = validate(spec)
        if _is_ordered(spec):
            return spec, trace.roots
        nodes = {node.key: node for node in spec.nodes}
        return msgspec.structs.replace(spec, nodes=tuple(nodes[key] for key in order)), trace.roots

    def _parameters(self) -> list[Parameter]:
        found = []
        for name, parameter in inspect.signature(self.function).parameters.items():
            kind = self.parameter_types[name]
            required = parameter.default is inspect.Parameter.empty
            source: Source | None = None
            if not required:
                where = f"the default of parameter '{name}' of pipeline '{self.name}'"
                source = tracing.source_of(parameter.default, kind, where)
            default = getattr(source, "value", None)
            found.append(Parameter(name=name, type=types.describe(kind), required=required, default=default))
        return found


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(**settings: Unpack[StepSettings]) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(function: Callable[..., Any] | None = None, /, **settings: Any) -> Any:
    """Make a function a step of pipelines; called anywhere else it stays the function that it is.

    Example:
        >>> @step(retries=2, timeout_s=60)
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> double(4)
        8
    """
    unknown = [name for name in settings if name not in StepSettings.__annotations__]
    if unknown:
        from mlwright.errors import did_you_mean

        raise InvalidDefinition(
            f"@step has no setting '{unknown[0]}'.", fix=did_you_mean(unknown[0], list(StepSettings.__annotations__))
        )
    if function is None:
        return lambda decorated: Step(decorated, cast("StepSettings", settings))
    return Step(function, {})


@overload
def pipeline(function: Callable[..., Any], /) -> Pipeline: ...
@overload
def pipeline(*, name: str | None = None) -> Callable[[Callable[..., Any]], Pipeline]: ...
def pipeline(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Make a function a pipeline: its body calls steps, and says by ordinary calls which step gets what.

    Example:
        >>> @step
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @pipeline
        ... def doubles(x: int = 4):
        ...     return double(double(x))
        >>> [node.key for node in doubles.spec.nodes], doubles(1)
        (['double', 'double-2'], 4)
    """
    if function is None:
        return lambda decorated: Pipeline(decorated, name)
    return Pipeline(function)


def bind(pipeline: Pipeline, arguments: Mapping[str, Any], *, from_text: bool = False) -> dict[str, Any]:
    """Return all parameters of a run as JSON: those given, checked and converted, and the defaults of the others.

    Args:
        pipeline: The pipeline.
        arguments: Parameter to value.
        from_text: Whether values are texts from a command line, to be read as the annotated type.

    Raises:
        InvalidUsage: One is missing, unknown or of another type.
    """
    from mlwright.errors import InvalidUsage, TypeMismatch, did_you_mean

    bound: dict[str, Any] = {}
    known = [parameter.name for parameter in pipeline.spec.parameters]
    for name in arguments:
        if name not in known:
            raise InvalidUsage(
                f"pipeline '{pipeline.name}' has no parameter '{name}'.",
                fix=did_you_mean(name, known) or "it takes none",
            )
    for parameter in pipeline.spec.parameters:
        name = parameter.name
        if name in arguments:
            kind = pipeline.parameter_types[name]
            try:
                bound[name] = values.to_plain(values.convert(arguments[name], kind, from_text=from_text))
            except (TypeMismatch, InvalidDefinition) as error:
                raise InvalidUsage(
                    f"the parameter '{name}' of pipeline '{pipeline.name}' is {types.describe(kind)}: {error.what}",
                    why=error.why,
                ) from None
        elif parameter.required:
            raise InvalidUsage(
                f"pipeline '{pipeline.name}' needs the parameter '{name}' ({parameter.type}).",
                fix=f"give it: {pipeline.name}.run({name}=...), or --{name.replace('_', '-')} on the command line",
            )
        else:
            bound[name] = parameter.default
    return bound


def _outputs(returned: Any, pipeline: str) -> tuple[str, dict[str, Source]]:
    where = f"the result of pipeline '{pipeline}'"
    if returned is None:
        return "none", {}
    if isinstance(returned, dict):
        return "dict", {str(name): tracing.source_of(value, Any, where) for name, value in returned.items()}
    if isinstance(returned, tuple):
        names = getattr(returned, "_fields", None) or [str(place) for place in range(len(returned))]
        named = zip(names, returned, strict=True)
        return "tuple", {name: tracing.source_of(value, Any, where) for name, value in named}
    return "single", {"result": tracing.source_of(returned, Any, where)}


def _is_ordered(spec: PipelineSpec) -> bool:
    """Tell whether every step comes after those it waits for, as it does unless `after` names a later one."""
    seen: set[str] = set()
    for key, needed in upstream(spec).items():
        if not seen.issuperset(needed):
            return False
        seen.add(key)
    return True


def _refuse_variadic(function: Callable[..., Any], what: str) -> None:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in _VARIADIC:
            raise InvalidDefinition(
                f"{what} has the argument '{parameter}'.",
                why="each input of a step or pipeline needs a name",
                fix="take a list or a dict in one argument",
            )


def _summary(function: Callable[..., Any]) -> str:
    lines = inspect.cleandoc(function.__doc__ or "").splitlines()
    return lines[0] if lines else ""


__all__ = ["Pipeline", "Step", "StepNode", "StepSettings", "bind", "pipeline", "step"]
