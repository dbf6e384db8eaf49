"""Finding the one thing that a shortened id means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from mlwright.core.ids import short
from mlwright.errors import Conflict, NotFound, did_you_mean

SHORTEST = 4


class HasId(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """The id."""


Found = TypeVar("Found", bound=HasId)


def the_one(noun: str, text: str, known: Sequence[Found]) -> Found:
    """Return the one thing whose id ends in `text`.

    Args:
        noun: What it is, for the error.
        text: A whole id, or at least its last four characters.
        known: Where to look.

    Raises:
        NotFound: Nothing has such an id.
        Conflict: Several have.
    """
    matches = [item for item in known if len(text) >= SHORTEST and item.id.endswith(text.lower())]
    if not matches:
        raise NotFound(f"{noun} '{text}' does not exist.", fix=did_you_mean(text, [short(item.id) for item in known]))
    if len(matches) > 1:
        raise Conflict(
            f"'{text}' means {len(matches)} {noun}s.",
            why=f"they are {', '.join(item.id for item in matches[:5])}",
            fix="give more characters of the id",
        )
    return matches[0]


def not_found(noun: str, name: str, known: Sequence[str]) -> NotFound:
    """Return the error for a name that nothing has."""
    return NotFound(
        f"{noun} '{name}' does not exist.", fix=did_you_mean(name, list(known)) or f"there is no {noun} yet"
    )
