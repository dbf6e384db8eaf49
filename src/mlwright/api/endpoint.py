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
            given = msgspec.convert(dict(fields), self.input, strict=strict)
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


def acting(project: Project, act: Act) -> str:
    """Return who acts: the one named in the input, else the project's own actor."""
    return act.actor or project.actor


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
