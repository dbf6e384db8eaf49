"""Tokens of pages: where the next page begins, packed so that nobody takes it for anything else."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from mlwright.errors import InvalidInput


def pack(place: Any) -> str:
    """Return the token of a place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def unpack(token: str, kind: Any) -> Any:
    """Return the place of a token.

    Raises:
        InvalidInput: It is no token, or one of another search.
    """
    try:
        return msgspec.json.decode(base64.b64decode(token, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError) as error:
        raise refused(token) from error


def offset_of(token: str | None) -> int:
    """Return the offset that a token stands for; without one, the beginning."""
    if not token:
        return 0
    offset: int = unpack(token, dict[str, int]).get("offset", -1)
    if not 0 <= offset < 2**62:
        raise refused(token)
    return offset


def refused(token: str) -> InvalidInput:
    """Return the error of a token that is none."""
    return InvalidInput(f"Invalid page token '{token[:80]}'.", why="it is none of this search", fix="begin without one")
