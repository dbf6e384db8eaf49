"""The endpoint that says what this ledger is and that it can be read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from mlwright.api.endpoint import Endpoint, Input

if TYPE_CHECKING:
    from mlwright.project import Project


class ShowHealth(Input, frozen=True, kw_only=True):
    """Takes nothing."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What a ledger says of itself.

    Attributes:
        version: Version of mlwright.
        instance: Id of the ledger.
        ledger: Its address, without password.
        now: Where the project's clock stands.
        replays: Whether that clock only moves when it is told to.
        last_event: Place of the newest event.
    """

    version: str
    instance: str
    ledger: str
    now: datetime
    replays: bool
    last_event: int


def show_health(project: Project, _given: ShowHealth) -> Health:
    """Read the ledger and tell what it is."""
    from mlwright import __version__
    from mlwright.core.clock import ReplayClock
    from mlwright.core.settings import redact
    from mlwright.ledger import meta, outbox

    with project.ledger.read() as connection:
        instance = str(meta.get(connection, "instance"))
        last_event = outbox.last_seq(connection)
    return Health(
        version=__version__,
        instance=instance,
        ledger=redact(project.ledger.url),
        now=project.clock.now(),
        replays=isinstance(project.clock, ReplayClock),
        last_event=last_event,
    )


ENDPOINTS = (
    Endpoint(
        name="health.show",
        method="GET",
        path="/health",
        summary="Tell what this ledger is and where its clock stands.",
        input=ShowHealth,
        output=Health,
        function=show_health,
    ),
)
