"""Values with a class of their own: dataclasses, msgspec Structs, named tuples and enums, apart and together."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from mlwright.errors import InvalidInput, NotFound


def take_apart(value: Any) -> tuple[str, str, Any] | None:
    """Return the tag, the class's name and the content of a value, None when its kind can't be rebuilt."""
    class_ = type(value)
    name = _name_of(class_)
    if name is None:
        return None
    if isinstance(value, Enum):
        return "$enum", name, value.value
    if isinstance(value, msgspec.Struct):
        return "$object", name, {field: getattr(value, field) for field in class_.__struct_fields__}
    if dataclasses.is_dataclass(class_):
        fields = [field.name for field in dataclasses.fields(class_)]
        # An attribute that is no field, or a field that was never set, would be lost.
        if not set(getattr(value, "__dict__", {})) <= set(fields) or not all(hasattr(value, field) for field in fields):
            return None
        return "$object", name, {field: getattr(value, field) for field in fields}
    if isinstance(value, tuple) and hasattr(class_, "_fields"):
        return "$named", name, dict(zip(class_._fields, value, strict=True))
    return None


def put_together(name: str, fields: dict[str, Any]) -> Any:
    """Build a dataclass or Struct of its fields, without running a dataclass's `__init__` again."""
    class_ = _class_of(name)
    if issubclass(class_, msgspec.Struct):
        _check_fields(name, set(fields) - set(class_.__struct_fields__))
        return class_(**fields)
    if not dataclasses.is_dataclass(class_):
        raise _wrong(name, "a dataclass or a Struct")
    _check_fields(name, {field.name for field in dataclasses.fields(class_)} ^ set(fields))
    made: Any = object.__new__(class_)
    for field, value in fields.items():
        object.__setattr__(made, field, value)
    return made


def named_tuple(name: str, fields: dict[str, Any]) -> Any:
    """Build a named tuple of its fields."""
    class_ = _class_of(name)
    if not (issubclass(class_, tuple) and hasattr(class_, "_fields")):
        raise _wrong(name, "a named tuple")
    return class_(**fields)


def enum_member(name: str, value: Any) -> Any:
    """Return the member of an enum that has a value."""
    class_ = _class_of(name)
    if not issubclass(class_, Enum):
        raise _wrong(name, "an enum")
    return class_(value)


def _name_of(class_: type) -> str | None:
    """Return `module:Class`, None when the class can't be found again under that name."""
    module = _public_module(class_.__module__)
    if "<locals>" in class_.__qualname__ or class_.__module__ == "builtins":
        return None
    found: Any = sys.modules.get(class_.__module__)
    for part in class_.__qualname__.split("."):
        found = getattr(found, part, None)
    return f"{module}:{class_.__qualname__}" if found is class_ else None


def _public_module(module: str) -> str:
    """Return a module's name; that of the script being run is its file's, as a worker that imports it sees it."""
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else module


def _class_of(name: str) -> type:
    module, _, qualname = name.partition(":")
    try:
        found: Any = sys.modules.get(module)
        if found is None:
            is_script = _public_module("__main__") == module
            found = sys.modules["__main__"] if is_script else importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise NotFound(
            f"the class '{name}' of a stored value can't be found.",
            why=str(error),
            fix="run where its module can be imported, or restore the class under that name",
        ) from error
    if not isinstance(found, type):
        raise _wrong(name, "a class")
    return found


def _check_fields(name: str, unlike: set[str]) -> None:
    if unlike:
        raise InvalidInput(
            f"a stored value no longer fits its class '{name}'.",
            why=f"the fields differ: {', '.join(sorted(unlike))}",
            fix="run again the step that made it",
        )


def _wrong(name: str, expected: str) -> InvalidInput:
    return InvalidInput(f"'{name}' is not {expected}, so no stored value is built of it.")
