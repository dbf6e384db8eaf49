"""Types on the edges of a pipeline: from annotations before a run, from the values themselves during it.

Both checks only object to what is surely wrong: an annotation that can't be understood accepts everything.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, Literal, Union

import msgspec

_CHECKED_ITEMS = 10_000
_NUMBERS: dict[type, tuple[type, ...]] = {float: (int,), complex: (int, float)}


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function's arguments and of its `return`, without those that can't be resolved."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001  # boundary: annotations are code of the user's, evaluated here
        raw = inspect.get_annotations(function)
        return {name: hint for name, hint in raw.items() if not isinstance(hint, str)}


def describe(annotation: Any) -> str:
    """Return a type as text, for example `list[int]` or `pyarrow.Table`."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Any or annotation is inspect.Parameter.empty:
        return "Any"
    if isinstance(annotation, type) and not typing.get_args(annotation):
        module = annotation.__module__
        return annotation.__qualname__ if module in ("builtins", "__main__") else f"{module}.{annotation.__qualname__}"
    return str(annotation).replace("typing.", "").replace("__main__.", "")


def assignable(given: Any, wanted: Any) -> bool:
    """Tell whether what is annotated `given` may be passed where `wanted` is annotated; False only if it surely can't.

    Example:
        >>> assignable(int, float), assignable(str, int), assignable(list[int], list[str])
        (True, False, False)
    """
    given, wanted = plain(given), plain(wanted)
    if _says_nothing(given) or _says_nothing(wanted) or given == wanted:
        return True
    if _is_union(given):
        return all(assignable(one, wanted) for one in typing.get_args(given))
    if _is_union(wanted):
        return any(assignable(given, one) for one in typing.get_args(wanted))
    if typing.get_origin(given) is Literal:
        return all(matches(value, wanted) for value in typing.get_args(given))
    if typing.get_origin(wanted) is Literal:
        return any(assignable(given, type(value)) for value in typing.get_args(wanted))
    left, right = _class(given), _class(wanted)
    if left is None or right is None:
        return True
    if not _fits(left, right):
        # A dict is written as JSON, and read back as the struct that the receiver declares.
        return issubclass(left, dict) and is_struct(right)
    return _arguments_assignable(given, wanted)


def matches(value: Any, annotation: Any) -> bool:
    """Tell whether a value is of the annotated type; False only when it surely isn't."""
    annotation = plain(annotation)
    if _says_nothing(annotation):
        return True
    if _is_union(annotation):
        return any(matches(value, one) for one in typing.get_args(annotation))
    if typing.get_origin(annotation) is Literal:
        return value in typing.get_args(annotation)
    wanted = _class(annotation)
    if wanted is None:
        return True
    return _fits(type(value), wanted) and _items_match(value, annotation)


def is_struct(kind: Any) -> bool:
    """Tell whether a class is a record of named fields that JSON can carry: a Struct, a dataclass or a TypedDict."""
    return isinstance(kind, type) and (
        issubclass(kind, msgspec.Struct) or hasattr(kind, "__dataclass_fields__") or typing.is_typeddict(kind)
    )


def outputs_of(annotation: Any) -> list[tuple[str, Any]] | None:
    """Return names and types of the outputs that a return annotation declares; None for a single one.

    Several outputs are declared as a NamedTuple, or as a tuple of fixed length, whose outputs are named 0, 1 and so on.
    """
    annotation = plain(annotation)
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        hints = annotations_of(typing.cast("Callable[..., Any]", annotation))
        return [(name, hints.get(name, Any)) for name in annotation._fields]
    if typing.get_origin(annotation) is tuple:
        arguments = typing.get_args(annotation)
        if arguments and Ellipsis not in arguments:
            return [(str(place), kind) for place, kind in enumerate(arguments)]
    return None


def item_types(annotation: Any, count: int) -> list[Any]:
    """Return the types that the items of a list or tuple of this annotation must have."""
    annotation = plain(annotation)
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple and Ellipsis not in arguments and len(arguments) == count:
        return list(arguments)
    if arguments and not _is_union(annotation) and typing.get_origin(annotation) is not dict:
        return [arguments[0]] * count
    return [Any] * count


def value_type(annotation: Any) -> Any:
    """Return the type that the values of a dict of this annotation must have."""
    annotation = plain(annotation)
    arguments = typing.get_args(annotation)
    return arguments[1] if len(arguments) == 2 and not _is_union(annotation) else Any


def is_path(annotation: Any) -> bool:
    """Tell whether an annotation is a path, or may be one."""
    annotation = plain(annotation)
    if _is_union(annotation):
        return any(map(is_path, typing.get_args(annotation)))
    return isinstance(annotation, type) and issubclass(annotation, PurePath)


def plain(annotation: Any) -> Any:
    """Return an annotation without `Annotated`, `NewType` and type aliases around it."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__") and type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return type(None) if annotation is None else annotation


def _says_nothing(annotation: Any) -> bool:
    return annotation in (Any, object, inspect.Parameter.empty) or isinstance(annotation, (typing.TypeVar, str))


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (Union, types.UnionType)


def _class(annotation: Any) -> type | None:
    """Return the class to test instances with, None when there is none that tells anything."""
    found = typing.get_origin(annotation) or annotation
    if typing.is_typeddict(found):
        return dict
    if not isinstance(found, type):
        return None
    # A protocol tells little; the abstract classes of collections do, by the methods that a class has.
    is_protocol = getattr(found, "_is_protocol", False) and found.__module__ != "collections.abc"
    return None if is_protocol else found


def _fits(kind: type, wanted: type) -> bool:
    try:
        return issubclass(kind, wanted) or any(issubclass(kind, other) for other in _NUMBERS.get(wanted, ()))
    except TypeError:
        return True


def _arguments_assignable(given: Any, wanted: Any) -> bool:
    left, right = typing.get_args(given), typing.get_args(wanted)
    if not left or not right or typing.get_origin(given) is not typing.get_origin(wanted):
        return True
    if typing.get_origin(given) is tuple and (Ellipsis in left or Ellipsis in right):
        return all(assignable(one, right[0]) for one in left if one is not Ellipsis) if Ellipsis in right else True
    if typing.get_origin(given) not in (list, dict, set, frozenset, tuple):
        return True
    return len(left) == len(right) and all(assignable(*pair) for pair in zip(left, right, strict=True))


def _items_match(value: Any, annotation: Any) -> bool:
    arguments, origin = typing.get_args(annotation), typing.get_origin(annotation)
    if not arguments:
        return True
    if origin is tuple and Ellipsis not in arguments:
        return len(value) == len(arguments) and all(map(matches, value, arguments))
    if isinstance(value, dict) and len(arguments) == 2:
        return all(matches(key, arguments[0]) and matches(item, arguments[1]) for key, item in _first(value.items()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(matches(item, arguments[0]) for item in _first(value))
    return True


def _first(items: Any) -> Iterator[Any]:
    for place, item in enumerate(items):
        if place >= _CHECKED_ITEMS:
            return
        yield item
