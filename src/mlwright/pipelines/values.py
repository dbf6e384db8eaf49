"""Plain values: constants and parameters as JSON, and back as what an annotation asks for."""

from __future__ import annotations

import typing
from pathlib import PurePath
from typing import Any

import msgspec

from mlwright.errors import InvalidDefinition, TypeMismatch
from mlwright.pipelines.types import describe, is_struct, matches

_NATURAL = (bool, int, float, str, list, dict, type(None))


def to_plain(value: Any) -> Any:
    """Return a value as plain JSON.

    Raises:
        InvalidDefinition: It can't be written as JSON without loss.
    """
    try:
        plain = msgspec.to_builtins(value, enc_hook=_encode)
        back = msgspec.json.decode(msgspec.json.encode(plain))
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise InvalidDefinition(f"{_shown(value)} can't be written as JSON.", why=str(error)) from error
    if not _same(plain, back):
        raise InvalidDefinition(
            f"{_shown(value)} can't be written as JSON.",
            why="NaN, infinities and keys that are no texts have no place in it",
        )
    return back


def is_natural(value: Any) -> bool:
    """Tell whether a value is JSON as it is, so that it comes back the same without an annotation."""
    if isinstance(value, list):
        return all(map(is_natural, value))
    if isinstance(value, dict):
        return all(map(is_natural, value.values()))
    return type(value) in _NATURAL


def from_plain(value: Any, annotation: Any) -> Any:
    """Return plain JSON as what an annotation asks for; a value that is of that type already is returned as it is.

    Raises:
        TypeMismatch: It is something else.
    """
    origin = typing.get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, tuple) and isinstance(value, list):
        value = origin(*value) if hasattr(origin, "_fields") else tuple(value)
    is_record = isinstance(value, dict) and is_struct(origin) and not typing.is_typeddict(origin)
    if is_record or not matches(value, annotation):
        return convert(value, annotation)
    return value


def convert(value: Any, annotation: Any, *, from_text: bool = False) -> Any:
    """Convert a value to an annotated type.

    Args:
        value: Plain JSON, or a text when `from_text`.
        annotation: The type.
        from_text: Whether texts may be read as numbers, truth values, lists and so on.

    Raises:
        TypeMismatch: It can't be converted.
    """
    try:
        if from_text and isinstance(value, str):
            return _read_text(value, annotation)
        return msgspec.convert(value, annotation, dec_hook=_decode)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        if not is_natural(value) and matches(value, annotation):
            return value
        raise TypeMismatch(
            f"{_shown(value)} is no {describe(annotation)}.", why=f"its type is {describe(type(value))}"
        ) from error


def _read_text(text: str, annotation: Any) -> Any:
    if annotation is not Any and matches(text, annotation):
        return text
    if text[:1] in ("[", "{") or annotation is Any:
        try:
            return msgspec.convert(msgspec.json.decode(text), annotation, dec_hook=_decode, strict=False)
        except msgspec.DecodeError:
            if annotation is Any:
                return text
            raise
    return msgspec.convert(text, annotation, dec_hook=_decode, strict=False)


def _encode(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    raise TypeError(f"its type is {describe(type(value))}")


def _decode(kind: type, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, PurePath) and isinstance(value, str):
        return kind(value)
    if isinstance(value, kind):
        return value
    raise ValueError(f"expected {describe(kind)}")


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, (list, tuple)):
        return isinstance(right, list) and len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    # NaN and infinities come back as None, numbers and texts as themselves.
    return type(left) is type(right) and bool(left == right)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
