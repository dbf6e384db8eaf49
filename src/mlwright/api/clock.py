"""Endpoints about the project's clock, which a replay of past data moves."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from mlwright.api.endpoint import Act, Endpoint, Input, Instant
from mlwright.errors import Conflict

if TYPE_CHECKING:
    from mlwright.project import Project


class ShowClock(Input, frozen=True, kw_only=True):
    """Takes nothing."""


class AdvanceClock(Act, frozen=True, kw_only=True):
    """How far to move.

    Attributes:
        now: Where the clock shall stand; an earlier moment than it stands at changes nothing.
    """

    now: Instant


class ClockState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the clock stands.

    Attributes:
        now: The moment, in UTC.
        replays: Whether it only moves when it is told to.
        actions: What the controllers did because it moved, a sentence each.
    """

    now: datetime
    replays: bool
    actions: list[str] = []


def show_clock(project: Project, _given: ShowClock) -> ClockState:
    """Tell where the clock stands."""
    from mlwright.core.clock import ReplayClock

    return ClockState(now=project.clock.now(), replays=isinstance(project.clock, ReplayClock))


def refuse_to_advance(_project: Project, _given: AdvanceClock) -> ClockState:
    """Refuse: only a server that replays puts its own function in this one's place."""
    raise Conflict(
        "this clock can't be moved.",
        why="it is the machine's own",
        fix="start the server with: mlwright up --replay-from 2013-04-01",
    )


ENDPOINTS = (
    Endpoint(
        name="clock.show",
        method="GET",
        path="/clock",
        summary="Tell where the project's clock stands.",
        input=ShowClock,
        output=ClockState,
        function=show_clock,
    ),
    Endpoint(
        name="clock.advance",
        method="POST",
        path="/clock",
        summary="Move a replay's clock, do everything that has become due, and tell what was done.",
        input=AdvanceClock,
        output=ClockState,
        function=refuse_to_advance,
        scope="write",
        audit="clock.advanced",
    ),
)
