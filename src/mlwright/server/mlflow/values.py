"""How values travel: requests are decoded into Structs, answers encoded as MLflow's clients expect them.

Requests are the JSON form of protobuf messages: whole numbers may be texts, numbers may be `"NaN"`, `"Infinity"` or
`"-Infinity"` (some clients write them without the quotes), names may be in camel case, and unknown fields are ignored.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec

from mlwright.errors import InvalidInput
from mlwright.server.mlflow.errors import invalid, missing

#: A text that has to be there and not be empty.
Required = Annotated[str, msgspec.Meta(min_length=1)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
#: A number of an answer: what JSON has no number for is a text.
Number = float | str

#: The first millisecond of the year 1, and the last one of the year 9999.
FIRST_MS = -62_135_596_800_000
LAST_MS = 253_402_300_799_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PLACE = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_ABSENT = re.compile(r"Object missing required field `(\w+)`")
_CAMEL = re.compile(r"(?<=[a-z0-9])[A-Z]")


class Nothing(msgspec.Struct, frozen=True):
    """An empty message."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that is sent: fields that are at their defaults are left out of it."""


NOTHING = Nothing()


def number_out(value: float) -> Number:
    """Return a number as it travels.

    Example:
        >>> number_out(0.5), number_out(float("inf")), number_out(float("nan"))
        (0.5, 'Infinity', 'NaN')
    """
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def ms_out(moment: datetime) -> int:
    """Return a moment as milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def ms_in(value: int, name: str, *, least: int = 0) -> datetime:
    """Return the moment of some milliseconds since 1970.

    Args:
        value: The milliseconds.
        name: What they are called in the request.
        least: The first that can be taken.

    Raises:
        InvalidInput: It lies before that, or after the year 9999.
    """
    if not least <= value <= LAST_MS:
        raise invalid(name, value, "it must be milliseconds since 1970, up to the end of the year 9999.")
    return _EPOCH + timedelta(milliseconds=value)


def decode(kind: type[msgspec.Struct], body: bytes, more: dict[str, str] | None = None) -> Any:
    """Return the request that a JSON body holds.

    Args:
        kind: The request's Struct.
        body: The body; an empty one is an empty object.
        more: Fields that come from elsewhere (the path), which win.

    Raises:
        InvalidInput: It is no JSON object, or a field is missing or of another type.
    """
    if not more and b"\\u0000" not in body:
        try:
            return _decoder(kind).decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    return convert(kind, {**_object(body), **(more or {})})


def decode_query(kind: type[msgspec.Struct], query: bytes, more: dict[str, str] | None = None) -> Any:
    """Return the request that a query string holds; see `decode`."""
    lists = _list_fields(kind)
    found: dict[str, Any] = {}
    try:
        pairs = parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise InvalidInput("the query string can't be read.", why=str(error)) from error
    for name, value in pairs:
        if name in lists:
            found.setdefault(name, []).append(value)
        else:
            found.setdefault(name, value)
    return convert(kind, {**found, **(more or {})})


def convert(kind: type[msgspec.Struct], found: dict[str, Any]) -> Any:
    """Return the request that plain data holds; see `decode`."""
    _refuse_odd_text(found)
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(found, kind, strict=False)
    spelt = _spelt(found)
    if "run_uuid" in spelt and not spelt.get("run_id"):
        spelt["run_id"] = spelt["run_uuid"]
    try:
        return msgspec.convert(spelt, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), spelt) from error


def word_of(given: str | int | None, numbers: Mapping[int, str]) -> str:
    """Return the word that a value of an enumeration is given by, or whose number is given; its own text otherwise."""
    text = str(given) if not isinstance(given, int) or abs(given) < 1000 else ""
    return numbers.get(int(text), "") if text.isascii() and text.isdigit() and len(text) < 4 else text


def _refuse_odd_text(found: Any) -> None:
    """Refuse what no database keeps: halves of characters, and the character U+0000."""
    if isinstance(found, dict):
        for name, value in found.items():
            _refuse_odd_text(name)
            _refuse_odd_text(value)
    elif isinstance(found, list):
        for value in found:
            _refuse_odd_text(value)
    elif isinstance(found, str) and ("\0" in found or any("\ud800" <= letter <= "\udfff" for letter in found)):
        raise InvalidInput(
            "the request holds a text that can't be kept.", why="it has U+0000 or half a character in it"
        )


def _object(body: bytes) -> dict[str, Any]:
    """Return a body's fields; a body that was encoded twice, by a client of old, is decoded twice."""
    try:
        found = json.loads(body, parse_constant=str) if body.strip() else {}
        if isinstance(found, str):
            found = json.loads(found, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body is no JSON.", why=str(error)) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidInput("the body is no JSON object.")
    return found


def _refusal(said: str, found: dict[str, Any]) -> InvalidInput:
    """Return the error of the field that a validation stumbled over."""
    absent = _ABSENT.search(said)
    place = _PLACE.search(said)
    path = place.group(1) if place else ""
    if absent:
        return missing(f"{path}.{absent.group(1)}" if path else absent.group(1))
    value = _at(found, path)
    if value is None or value == "":
        return missing(path)
    why = said[: place.start()] if place else said
    return invalid(path, value, f"{why[0].lower()}{why[1:]}; the value is of type '{type(value).__name__}'.")


def _at(found: Any, path: str) -> Any:
    """Return what is at a place of the request; `[...]` stands for any element of a list."""
    for part in re.findall(r"\w+|\[\d+\]|\[\.\.\.\]", path):
        if part.startswith("["):
            index = part[1:-1]
            if not isinstance(found, list) or not index.isdigit() or int(index[:18]) >= len(found):
                return found
            found = found[int(index)]
        elif isinstance(found, dict):
            found = found.get(part)
        else:
            return found
    return found


def _spelt(found: Any) -> Any:
    """Return the same data with its names in snake case."""
    if isinstance(found, dict):
        return {
            _CAMEL.sub(lambda match: f"_{match.group().lower()}", name): _spelt(value) for name, value in found.items()
        }
    return [_spelt(value) for value in found] if isinstance(found, list) else found


@cache
def _decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=False)


@cache
def _list_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(
        field.encode_name for field in msgspec.structs.fields(kind) if _is_list(msgspec.inspect.type_info(field.type))
    )


def _is_list(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_list(part) for part in kind.types)
    return isinstance(kind, msgspec.inspect.ListType)


encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
