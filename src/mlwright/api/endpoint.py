"""What an endpoint is: one row that server, clients, documentation and audit are made from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

import msgspec

from mlwright.errors import InvalidInput, InvalidUsage, did_you_mean

if TYPE_CHECKING:
    from mlwright.project import Project

PREFIX = "/api/v1"
DEFAULT_LIMIT = 50
MAX_LIMIT = 1000

Item = TypeVar("Item")

#: A moment with its time zone; a time without one is refused.
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
#: How many items a page holds at most.
Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)]
#: A count or a place that a database can hold.
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
#: The number of a model's version.
VersionNumber = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
# What is only documented here is checked by the function, whose error says more than a pattern does.
#: Which version of a model: a number, an alias, or `latest`.
Selector = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1})]
#: A name that points at a version.
AliasName = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^(?!latest$)[A-Za-z][A-Za-z0-9._-]{0,63}$"})]
#: The name of a tag.
TagName = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={"minLength": 1, "maxLength": 250, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"}
    ),
]


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields that an endpoint takes, from path, query and body together."""


class Act(Input, frozen=True, kw_only=True):
    """The fields of an endpoint that changes something.

    Attributes:
        actor: Who acts, for example `user:alice`; the project's own actor when empty.
        reason: Why, for the history.
    """

    actor: str = ""
    reason: str = ""


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """Some items of a longer list.

    Attributes:
        items: In the list's order.
        next: Give it back as `cursor` for the items that follow; None at the end.
    """

    items: list[Item]
    next: str | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One use case that can be called in this process and over HTTP.

    Attributes:
        name: `<noun>.<verb>`, for example `models.list`.
        method: GET reads, POST changes.
        path: Below `/api/v1`, its fields in braces.
        summary: One sentence for the documentation.
        input: Struct of all fields.
        output: Type of the answer.
        function: Does it: takes the project and the input.
        scope: Permission that it needs.
        audit: What the audit trail calls it; empty for reads.
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    summary: str
    input: type[Input]
    output: Any
    function: Callable[[Project, Any], Any]
    scope: Literal["read", "write"] = "read"
    audit: str = ""

    @property
    def noun(self) -> str:
        """What it is about, for example `models`."""
        return self.name.partition(".")[0]

    @property
    def path_fields(self) -> tuple[str, ...]:
        """Names of the fields that stand in the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    def bind(self, fields: Mapping[str, Any], *, strict: bool = True) -> Any:
        """Check fields and return them as the endpoint's input.

        Args:
            fields: By name.
            strict: False to read numbers and booleans from text, as query strings carry them.

        Raises:
            InvalidUsage: A field isn't known.
            InvalidInput: A field is missing or has another type.
        """
        known = self.input.__struct_fields__
        for name in fields:
            if name not in known:
                raise InvalidUsage(
                    f"'{self.name}' takes no field '{name}'.", fix=did_you_mean(name, list(known)), endpoint=self.name
                )
        try:
            given = _convert(dict(fields), self.input, strict=strict)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"the input of '{self.name}' is wrong.", why=str(error), endpoint=self.name) from error
        for name in known:
            if not _can_be_kept(getattr(given, name)):
                raise InvalidInput(
                    f"the field '{name}' of '{self.name}' has a value that can't be kept.",
                    why="a text holds the character NUL, or a time lies before the year 1 or after 9999 in UTC",
                    endpoint=self.name,
                )
        return given


def bare(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Return a type without what is only documented of it."""
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    return info


def acting(project: Project, act: Act) -> str:
    """Return who acts: the one named in the input, else the project's own actor."""
    return act.actor or project.actor


def _convert(fields: dict[str, Any], input: type[Input], *, strict: bool) -> Any:
    info = msgspec.inspect.type_info(input)
    assert isinstance(info, msgspec.inspect.StructType)
    if not strict:
        # Read leniently, a moment could also be a number of seconds, without a time zone.
        for field in info.fields:
            text = fields.get(field.name)
            if text is not None and text != "null" and _has_moment(field.type):
                fields[field.name] = msgspec.convert({"at": text}, _Moment).at
        return msgspec.convert(fields, input, strict=False)
    try:
        return msgspec.convert(fields, input)
    except msgspec.ValidationError:
        # JSON knows one kind of number: 3.0 is a whole one, too (JSON Schema 2020-12, validation, 6.1.1).
        return msgspec.convert(_with_wholes(fields, info), input)


class _Moment(msgspec.Struct):
    at: Instant


def _has_moment(info: msgspec.inspect.Type) -> bool:
    info = bare(info)
    kinds = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return any(isinstance(bare(kind), msgspec.inspect.DateTimeType) for kind in kinds)


def _with_wholes(value: Any, info: msgspec.inspect.Type) -> Any:
    """Return a value whose numbers without a fraction are ints where ints are expected."""
    info = bare(info)
    if isinstance(info, msgspec.inspect.IntType) and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(info, msgspec.inspect.UnionType):
        for kind in info.types:
            value = _with_wholes(value, kind)
    elif isinstance(info, msgspec.inspect.StructType) and isinstance(value, dict):
        types = {field.encode_name: field.type for field in info.fields}
        return {name: _with_wholes(item, types[name]) if name in types else item for name, item in value.items()}
    elif isinstance(info, msgspec.inspect.ListType) and isinstance(value, list):
        return [_with_wholes(item, info.item_type) for item in value]
    elif isinstance(info, msgspec.inspect.DictType) and isinstance(value, dict):
        return {name: _with_wholes(item, info.value_type) for name, item in value.items()}
    return value


def _can_be_kept(value: Any) -> bool:
    """Tell whether databases can hold a value: some refuse NUL in texts, and UTC has a first and a last moment."""
    if isinstance(value, str):
        return "\x00" not in value
    if isinstance(value, dict):
        return all(map(_can_be_kept, value)) and all(map(_can_be_kept, value.values()))
    if isinstance(value, list):
        return all(map(_can_be_kept, value))
    if isinstance(value, msgspec.Struct):
        return all(_can_be_kept(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, datetime):
        try:
            value.astimezone(UTC)
        except OverflowError:
            return False
    return True
