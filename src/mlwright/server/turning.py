"""Keeping the controllers turning: a thread that settles what is due, or a replay's clock moved from outside."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from mlwright.api.clock import AdvanceClock, ClockState
from mlwright.core.clock import ReplayClock
from mlwright.errors import MlwrightError
from mlwright.ledger import meta, outbox

if TYPE_CHECKING:
    from mlwright.project import Project

IDLE_S = 1.0
#: Windows of monitors and looks of rollouts become due by the clock alone: how often that is looked for.
LOOK_EVERY_S = 5.0
#: Between two rounds, so that a controller that always finds something to do can't take a whole core.
PAUSE_S = 0.05
AFTER_FAULT_S = 5.0
CLOCK_KEY = "clock"

_log = logging.getLogger("mlwright.server")


class Settling(Protocol):
    """What is kept turning."""

    def settle(self) -> list[str]:
        """Do everything that is due; return one sentence for each thing done."""

    def next_due(self) -> datetime | None:
        """Return when something will be due, None when nothing is planned."""


class Turning:
    """A thread that settles when events were committed, when something became due, and at least looks each second.

    Args:
        project: Whose events wake it.
        controllers: What it settles.
        refresh: Called after each round: makes the gateway see new traffic.
    """

    def __init__(self, project: Project, controllers: Settling, refresh: Callable[[], Any]) -> None:
        self._project = project
        self._controllers = controllers
        self._refresh = refresh
        self._stop = threading.Event()
        self._settled_at = 0.0
        self._thread = threading.Thread(target=self._run, name="controllers", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Ask it to end after its round; return whether it did in time."""
        self._stop.set()
        self._project.ledger.wake()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        seen = -1
        while not self._stop.is_set():
            try:
                seen = self._round(seen)
                pause_s = PAUSE_S
            except MlwrightError as error:
                _log.warning("%s", error)
                pause_s = AFTER_FAULT_S
            except Exception:  # noqa: BLE001  # boundary: worker loop; the controllers must outlive a fault of one round
                _log.exception("the controllers failed")
                pause_s = AFTER_FAULT_S
            self._stop.wait(pause_s)

    def _round(self, seen: int) -> int:
        """Settle if there is reason to; return up to which event everything was seen."""
        with self._project.ledger.read() as connection:
            newest = outbox.last_seq(connection)
        due = self._controllers.next_due()
        now = self._project.clock.now()
        idle_s = time.monotonic() - self._settled_at
        if newest != seen or idle_s >= LOOK_EVERY_S or (due is not None and due <= now):
            self._controllers.settle()
            self._refresh()
            self._settled_at = time.monotonic()
            return newest
        wait_s = IDLE_S if due is None else min(IDLE_S, (due - now).total_seconds())
        self._project.ledger.wait_for_events(wait_s, over=self._stop)
        return seen


class Replay:
    """Moves a replay's clock; nothing happens between two moves.

    Args:
        controllers: Settled after each move.
        refresh: Called after each move: makes the gateway see new traffic.
    """

    def __init__(self, controllers: Settling, refresh: Callable[[], Any]) -> None:
        self._controllers = controllers
        self._refresh = refresh
        self._lock = threading.Lock()

    def advance(self, project: Project, given: AdvanceClock) -> ClockState:
        """Move the clock, do what became due, and tell what was done.

        The moment is in the ledger before anything is done at it: a replay that was killed goes on from there.
        """
        clock = project.clock
        assert isinstance(clock, ReplayClock)
        with self._lock:
            if given.now > clock.now():
                clock.advance(given.now)
                with project.ledger.write("system") as tx:
                    meta.put(tx, CLOCK_KEY, clock.now().isoformat())
            actions = self._controllers.settle()
            self._refresh()
        return ClockState(now=clock.now(), replays=True, actions=list(actions))


def stored_clock(project: Project) -> datetime | None:
    """Return where the ledger's replay clock stands, None when it has none."""
    with project.ledger.read() as connection:
        text = meta.get(connection, CLOCK_KEY)
    return None if text is None else datetime.fromisoformat(text)
