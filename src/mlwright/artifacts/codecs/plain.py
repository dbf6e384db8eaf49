"""JSON that keeps types: what JSON knows is written plainly, the rest as an object whose first key begins in `$`.

    [1, 2.5, "a", null]            [1, 2.5, "a", null]
    (1, 2)                         {"$tuple": [1, 2]}
    float("nan")                   {"$float": "nan"}
    {1: "a"}                       {"$map": [[1, "a"]]}
    Point(x=1, y=2)                {"$object": "geometry:Point", "fields": {"x": 1, "y": 2}}

Only dataclasses, msgspec Structs, named tuples and enums are ever built by name.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from mlwright.artifacts.codecs import objects
from mlwright.artifacts.codecs.arrays import is_array, numpy
from mlwright.artifacts.codecs.columns import ColumnsCodec
from mlwright.errors import InvalidInput

#: Called for a value that JSON can't hold, with the value and where it is; returns what to write for it.
Leaf = Callable[[Any, str], Any]
# Where a value is: the place of what holds it, how the step from there is spelt, and the key or number. Spelt only for
# an error or an artifact, because most values need no such text.
_Place = tuple[Any, str, Any] | None
_Leaf = Callable[[Any, _Place], Any]
_COLUMNS = ColumnsCodec()
_AS_IS = frozenset({type(None), bool, int, str})


class Unknown(TypeError):
    """A value that can't be written; `value` is the culprit and `where` its place, such as `['a'][3]`."""

    def __init__(self, value: Any, where: str) -> None:
        super().__init__(where)
        self.value = value
        self.where = where


def encode(value: Any, leaf: Leaf) -> bytes:
    """Return the JSON text of a value.

    Raises:
        Unknown: `leaf` raised it, or the value contains itself or is nested too deeply.
    """
    try:
        text = json.dumps(walk(value, leaf), ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise Unknown(value, "") from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair has no bytes in UTF-8; JSON can spell it in ASCII.
        return json.dumps(json.loads(text), separators=(",", ":")).encode()


def walk(value: Any, leaf: Leaf) -> Any:
    """Return a value in the terms of JSON.

    Raises:
        Unknown: `leaf` raised it, or the value contains itself or is nested too deeply.
    """
    try:
        return _encode(value, lambda item, where: leaf(item, _spell(where)), None)
    except RecursionError:
        raise Unknown(value, "") from None


def decode(text: bytes, leaf: Callable[[Any], Any]) -> Any:
    """Return the value of a JSON text that `encode` made; `leaf` is called for what `encode`'s leaf wrote."""

    def revive(found: dict[str, Any]) -> Any:
        tag = next(iter(found), "")
        if not tag.startswith("$"):
            return found
        if tag == "$artifact":
            return leaf(found[tag])
        if tag not in _REVIVE:
            raise InvalidInput(f"'{tag}' is no type that this mlwright knows.", fix="pip install --upgrade mlwright")
        return _REVIVE[tag](found)

    return json.loads(text, object_hook=revive)


def _spell(where: _Place) -> str:
    steps = []
    while where is not None:
        where, form, key = where
        steps.append(form % (key,))
    return "".join(reversed(steps))


def _encode(value: Any, leaf: _Leaf, where: _Place) -> Any:
    type_ = type(value)
    if type_ in _AS_IS:
        return value
    write = _WRITE.get(type_)
    if write is not None:
        return write(value, leaf, where)
    if is_array(value) and value.dtype.kind == "O":
        return {"$array": list(value.shape), "items": _items(value.ravel().tolist(), leaf, where)}
    if type_.__module__ == "numpy" and isinstance(value, numpy().generic):
        return _scalar(value)
    found = objects.take_apart(value)
    if found is None:
        return leaf(value, where)
    tag, name, content = found
    if tag == "$enum":
        return {tag: name, "value": _encode(content, leaf, where)}
    fields = {key: _encode(item, leaf, (where, ".%s", key)) for key, item in content.items()}
    return {tag: name, "fields": {"$map": [list(pair) for pair in fields.items()]} if _has_marks(fields) else fields}


def _items(values: Any, leaf: _Leaf, where: _Place) -> list[Any]:
    types = set(map(type, values))
    # Long lists of plain numbers and texts are common, and need no look at each item.
    if types <= _AS_IS or (types == {float} and all(map(math.isfinite, values))):
        return list(values)
    return [_encode(item, leaf, (where, "[%d]", place)) for place, item in enumerate(values)]


def _has_marks(mapping: dict[Any, Any]) -> bool:
    return any(type(key) is not str or key.startswith("$") for key in mapping)


def _dict(value: dict[Any, Any], leaf: _Leaf, where: _Place) -> Any:
    if _COLUMNS.accepts(value):
        return leaf(value, where)
    if _has_marks(value):
        pairs = [[_encode(key, leaf, where), _encode(item, leaf, (where, "[%r]", key))] for key, item in value.items()]
        return {"$map": pairs}
    return {key: _encode(item, leaf, (where, "[%r]", key)) for key, item in value.items()}


def _set(tag: str) -> Callable[[Any, _Leaf, _Place], Any]:
    def write(value: Any, leaf: _Leaf, where: _Place) -> Any:
        items = [_encode(item, leaf, where) for item in value]
        return {tag: sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}

    return write


def _float(value: float, leaf: _Leaf, where: _Place) -> Any:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _datetime(value: datetime, leaf: _Leaf, where: _Place) -> Any:
    zone = value.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key:
        return {"$datetime": value.replace(tzinfo=None).isoformat(), "zone": zone.key, "fold": value.fold}
    if zone is not None and not isinstance(zone, timezone):
        return leaf(value, where)
    text = value.isoformat()
    return {"$datetime": text, "fold": 1} if value.fold and zone is None else {"$datetime": text}


def _time(value: time, leaf: _Leaf, where: _Place) -> Any:
    return {"$time": value.isoformat()} if value.tzinfo is None and not value.fold else leaf(value, where)


def _scalar(value: Any) -> Any:
    kind, size = value.dtype.kind, value.dtype.itemsize
    if kind in "bui" or (kind == "f" and size <= 8 and math.isfinite(value)):
        return {"$scalar": value.dtype.str, "value": value.item()}
    return {"$scalar": value.dtype.str, "data": base64.b64encode(value.tobytes()).decode()}


_WRITE: dict[type, Callable[[Any, _Leaf, _Place], Any]] = {
    float: _float,
    list: _items,
    dict: _dict,
    tuple: lambda value, leaf, where: {"$tuple": _items(value, leaf, where)},
    set: _set("$set"),
    frozenset: _set("$frozenset"),
    bytes: lambda value, leaf, where: {"$bytes": base64.b64encode(value).decode()},
    complex: lambda value, leaf, where: {"$complex": [repr(value.real), repr(value.imag)]},
    datetime: _datetime,
    date: lambda value, leaf, where: {"$date": value.isoformat()},
    time: _time,
    timedelta: lambda value, leaf, where: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    Decimal: lambda value, leaf, where: {"$decimal": str(value)},
    UUID: lambda value, leaf, where: {"$uuid": str(value)},
}


def _revive_datetime(found: dict[str, Any]) -> datetime:
    moment = datetime.fromisoformat(found["$datetime"])
    if "zone" in found:
        moment = moment.replace(tzinfo=ZoneInfo(found["zone"]))
    elif moment.tzinfo is not None and not moment.utcoffset():
        moment = moment.replace(tzinfo=UTC)
    return moment.replace(fold=found.get("fold", 0))


def _revive_scalar(found: dict[str, Any]) -> Any:
    dtype = numpy().dtype(found["$scalar"])
    if "value" in found:
        return dtype.type(found["value"])
    return numpy().frombuffer(base64.b64decode(found["data"]), dtype)[0]


def _revive_array(found: dict[str, Any]) -> Any:
    array = numpy().empty(len(found["items"]), dtype=object)
    for place, item in enumerate(found["items"]):
        array[place] = item
    return array.reshape(found["$array"])


_REVIVE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "$float": lambda found: float(found["$float"]),
    "$map": lambda found: dict(found["$map"]),
    "$tuple": lambda found: tuple(found["$tuple"]),
    "$set": lambda found: set(found["$set"]),
    "$frozenset": lambda found: frozenset(found["$frozenset"]),
    "$bytes": lambda found: base64.b64decode(found["$bytes"]),
    "$complex": lambda found: complex(float(found["$complex"][0]), float(found["$complex"][1])),
    "$datetime": _revive_datetime,
    "$date": lambda found: date.fromisoformat(found["$date"]),
    "$time": lambda found: time.fromisoformat(found["$time"]),
    "$timedelta": lambda found: timedelta(*found["$timedelta"]),
    "$decimal": lambda found: Decimal(found["$decimal"]),
    "$uuid": lambda found: UUID(found["$uuid"]),
    "$scalar": _revive_scalar,
    "$array": _revive_array,
    "$enum": lambda found: objects.enum_member(found["$enum"], found["value"]),
    "$object": lambda found: objects.put_together(found["$object"], found["fields"]),
    "$named": lambda found: objects.named_tuple(found["$named"], found["fields"]),
}
