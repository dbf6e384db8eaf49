"""Where a page ended, as a text that only the same search takes back."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from mlwright.errors import InvalidInput

#: Changes when cursors of before can't be read any more.
VERSION = 1
_MARK = 10


class _Place(msgspec.Struct, array_like=True):
    version: int
    search: bytes
    values: list[str | int | float]


def fingerprint(*parts: Any) -> bytes:
    """Return what tells one search from another: filter, order, experiments and view."""
    return hashlib.sha256(repr(parts).encode()).digest()[:_MARK]


def write_cursor(search: bytes, values: Sequence[Any]) -> str:
    """Return the cursor of a page whose last row sorted by these values."""
    packed = msgspec.msgpack.encode(_Place(VERSION, search, list(values)))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(text: str, search: bytes, like: Sequence[type]) -> list[Any]:
    """Return the values that the page before ended with.

    Args:
        text: What `write_cursor` gave.
        search: The fingerprint of this search.
        like: Types of the values that this search sorts by.

    Raises:
        InvalidInput: It is no cursor, one of another search, or of another version of mlwright.
    """
    try:
        packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        place = msgspec.msgpack.decode(packed, type=_Place)
    except (binascii.Error, UnicodeEncodeError, msgspec.DecodeError) as error:
        raise InvalidInput("Invalid page token.", why="it is none of mlwright's", fix=_FIX) from error
    if place.version != VERSION:
        raise InvalidInput("the cursor is of another version of mlwright (page token).", fix=_FIX)
    if place.search != search:
        why = "filter, order, experiments or view differ from those of the page before"
        raise InvalidInput("the cursor is of another search (page token).", why=why, fix=_FIX)
    fits = len(place.values) == len(like) and all(map(_is_like, place.values, like))
    if not fits:
        raise InvalidInput("Invalid page token.", why="its values were changed", fix=_FIX)
    return place.values


_FIX = "start again without it"


def _is_like(value: str | float, wanted: type) -> bool:
    if wanted is float:
        return isinstance(value, float | int)
    if wanted is int:
        return isinstance(value, int) and abs(value) < 2**63
    return isinstance(value, str) and "\x00" not in value
