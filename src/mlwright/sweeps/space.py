"""What a sweep looks through: a domain for each parameter."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from mlwright.errors import InvalidDefinition


class Uniform(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="uniform"):
    """A number between two bounds; made by `uniform`.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: True when the logarithm is what is spread evenly.
        step: Distance between values; None when any number is one.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None


class Integers(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="integers"):
    """A whole number between two bounds; made by `integers`.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: True when the logarithm is what is spread evenly.
        step: Distance between values.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1


class Choice(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="choice"):
    """One of some values; made by `choice`.

    Attributes:
        values: Anything that is JSON.
    """

    values: list[Any]


Domain = Uniform | Integers | Choice
Space = dict[str, Domain]


def uniform(low: float, high: float, *, log: bool = False, step: float | None = None) -> Uniform:
    """Return the domain of a number between two bounds, both included.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Spread the logarithm evenly: right for what matters by its order of magnitude, like a learning rate.
        step: Distance between values; any number when not given.

    Raises:
        InvalidDefinition: The bounds make no sense.

    Example:
        >>> uniform(1e-4, 1e-1, log=True)
        Uniform(low=0.0001, high=0.1, log=True, step=None)
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InvalidDefinition(
            f"uniform({low}, {high}) has a bound that is not finite.", fix="give two finite numbers"
        )
    _check_bounds("uniform", low, high, log)
    if step is not None and (log or not 0 < step <= high - low):
        raise InvalidDefinition(
            f"uniform({low}, {high}, step={step}) can't be looked through.",
            why="log=True takes no step" if log else "the step is not between 0 and the distance of the bounds",
        )
    return Uniform(low=float(low), high=float(high), log=log, step=step)


def integers(low: int, high: int, *, log: bool = False, step: int = 1) -> Integers:
    """Return the domain of a whole number between two bounds, both included.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Spread the logarithm evenly.
        step: Distance between values.

    Raises:
        InvalidDefinition: The bounds make no sense.

    Example:
        >>> integers(1, 8)
        Integers(low=1, high=8, log=False, step=1)
    """
    for bound in (low, high, step):
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise InvalidDefinition(f"integers() was given {bound!r}.", fix="give whole numbers, or use uniform()")
    _check_bounds("integers", low, high, log)
    if step < 1 or (log and step != 1):
        raise InvalidDefinition(
            f"integers({low}, {high}, step={step}) can't be looked through.",
            why="log=True takes no step" if log else "the step is less than 1",
        )
    return Integers(low=low, high=high, log=log, step=step)


def choice(values: Sequence[Any]) -> Choice:
    """Return the domain of some values, none of which is nearer to one than to another.

    Args:
        values: Anything that is JSON; at least one, no two alike.

    Raises:
        InvalidDefinition: There is none, two are alike, or one isn't JSON.

    Example:
        >>> choice(["gbdt", "dart"])
        Choice(values=['gbdt', 'dart'])
    """
    found = list(values)
    try:
        texts = [msgspec.json.encode(value) for value in found]
    except (TypeError, msgspec.MsgspecError) as error:
        raise InvalidDefinition(
            "choice() was given a value that is not JSON.", why=str(error), fix="give names, and look them up inside"
        ) from None
    if not found or len(set(texts)) < len(texts):
        raise InvalidDefinition("choice() needs at least one value, and no two that are alike.")
    return Choice(values=found)


def checked_space(given: Mapping[str, Domain]) -> Space:
    """Return a space whose names and domains make sense.

    Raises:
        InvalidDefinition: It is empty, or a part of it is no domain.
    """
    if not given:
        raise InvalidDefinition(
            "the sweep has nothing to look through.", fix='give a space, like {"lr": uniform(0, 1)}'
        )
    for name, domain in given.items():
        if not isinstance(name, str) or not name:
            raise InvalidDefinition(f"{name!r} is no name for a parameter.")
        if not isinstance(domain, Uniform | Integers | Choice):
            raise InvalidDefinition(
                f"the parameter '{name}' is looked through over {domain!r}, which is no domain.",
                fix="use uniform(low, high), integers(low, high) or choice([...])",
            )
    return dict(given)


def space_of(function: Callable[..., Any]) -> Space:
    """Return the space that a function's annotations declare, as in `lr: Annotated[float, uniform(0, 1)]`."""
    found: Space = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        if get_origin(hint) is not None:
            found.update((name, part) for part in get_args(hint)[1:] if isinstance(part, Uniform | Integers | Choice))
    return found


def grid(space: Space) -> list[dict[str, Any]]:
    """Return every combination of a space's values, the last parameter changing fastest.

    Raises:
        InvalidDefinition: A domain has no end of values.
    """
    names = list(space)
    return [dict(zip(names, found, strict=True)) for found in itertools.product(*map(_values, names, space.values()))]


def call_with(function: Callable[..., Any], trial: Any, params: Mapping[str, Any]) -> Any:
    """Call an objective with what it asks for: a first parameter `trial`, and parameters by name."""
    names = list(inspect.signature(function).parameters)
    return function(trial, **params) if names and names[0] == "trial" else function(**params)


def check_objective(function: Callable[..., Any], space: Space) -> None:
    """Make sure that an objective can be called with a space's parameters.

    Raises:
        InvalidDefinition: It takes others.
    """
    signature = inspect.signature(function)
    first = next(iter(signature.parameters), "")
    try:
        signature.bind(*([None] if first == "trial" else []), **dict.fromkeys(space))
    except TypeError as error:
        name = getattr(function, "__qualname__", repr(function))
        raise InvalidDefinition(
            f"the objective '{name}{signature}' can't be called with the parameters {', '.join(space)}.",
            why=str(error),
            fix="give it one parameter for each name of the space, and before them `trial` if it wants the trial",
        ) from None


def _values(name: str, domain: Domain) -> list[Any]:
    if isinstance(domain, Choice):
        return domain.values
    if isinstance(domain, Integers) and not domain.log:
        return list(range(domain.low, domain.high + 1, domain.step))
    if isinstance(domain, Uniform) and domain.step is not None:
        count = int((domain.high - domain.low) / domain.step + 1e-9) + 1
        return [min(domain.low + place * domain.step, domain.high) for place in range(count)]
    raise InvalidDefinition(
        f"the parameter '{name}' has no end of values, so there is no grid of them.",
        fix="give uniform() a step, use choice([...]), or another sampler",
    )


def _check_bounds(kind: str, low: float, high: float, log: bool) -> None:
    if low > high or (log and low <= 0):
        raise InvalidDefinition(
            f"{kind}({low}, {high}{', log=True' if log else ''}) can't be looked through.",
            why="the first bound is larger than the second" if low > high else "a logarithm needs positive bounds",
        )
