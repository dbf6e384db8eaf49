"""The thread that ships journals while scripts go on: one for the whole process, whatever the number of runs."""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import TYPE_CHECKING, Protocol

from mlwright.errors import MlwrightError, Transient
from mlwright.ledger import debts
from mlwright.tracking import forking
from mlwright.tracking.destinations import LedgerDestination

if TYPE_CHECKING:
    from mlwright.tracking.destinations import Destination, Ended, Shipped
    from mlwright.tracking.records import Opened

SHIP_EVERY_S = 1.0
#: A run that has just begun is shipped after so long, so that one that ends at once is shipped once.
FIRST_AFTER_S = 0.1
RECOVER_EVERY_S = 10.0
#: A transaction takes the ends of so many runs.
MOST_AT_ONCE = 64
#: Whoever ends one more run than so many, none of which is shipped, waits for them.
MOST_WAITING = 256
_log = logging.getLogger("mlwright.tracking")


class Shippable(Protocol):
    """What has a journal.

    Attributes:
        destination: Where its journal is shipped to.
    """

    destination: Destination

    def ship(self) -> None:
        """Ship what is new; what can't be shipped now stays in the journal."""


class ShippableRun(Shippable, Protocol):
    """A run whose end is in its journal, too.

    Attributes:
        opened: What its journal begins with.
    """

    opened: Opened

    def ship_the_rest(self) -> None:
        """Ship what is left of a run that has ended; what can't be shipped now is shipped later."""

    def shipping_end(self) -> AbstractContextManager[Ended | None]:
        """Keep others from shipping the journal for a block; None when there is nothing left to ship."""

    def has_arrived(self, shipped: Shipped) -> None:
        """Take note of how far the journal is shipped."""


class Shipper:
    """Ships the journals of this process's runs, and once in a while those that dead processes left.

    Runs that have ended are shipped a moment later, many in one transaction: a commit that a disk has to confirm takes
    longer than everything else. Whoever reads the ledger in this process waits for it; see `ledger.debts`.
    """

    def __init__(self) -> None:
        self._scripts: list[Shippable] = []
        self._ended: list[ShippableRun] = []
        self._is_forked = False
        self._recovered_at: dict[str, float] = {}
        self._begin()
        forking.watch(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._recovering = threading.Lock()
        self._settling = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, script: Shippable) -> None:
        """Ship a run's journal from now on."""
        with self._lock:
            self._scripts.append(script)
            self._ensure_thread()
        self._wake.set()

    def _ensure_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="mlwright-ship", daemon=True)
            self._thread.start()

    def remove(self, script: Shippable) -> None:
        """Stop shipping a run's journal."""
        with self._lock, suppress(ValueError):
            self._scripts.remove(script)

    def finish(self, script: ShippableRun) -> None:
        """Ship what is left of a run that has ended: a moment later, or now if this process may not live that long."""
        destination = script.destination
        if not isinstance(destination, LedgerDestination) or self._may_vanish() or debts.is_busy():
            script.ship_the_rest()
            return
        with self._lock:
            self._ended.append(script)
            count = len(self._ended)
            self._ensure_thread()
        debts.owe(destination.ledger.url, self.settle)
        self._wake.set()
        if count >= MOST_WAITING:
            self.settle()

    def settle(self) -> None:
        """Ship what is left of the runs that have ended; return when that of all that ended before is shipped."""
        with self._settling, debts.busy():
            while True:
                with self._lock:
                    ended, self._ended = self._ended, []
                if not ended:
                    return
                groups: dict[tuple[str, str], list[ShippableRun]] = {}
                for script in ended:
                    actor = script.opened.run.actor if script.opened.run else ""
                    groups.setdefault((script.destination.describe(), actor), []).append(script)
                for scripts in groups.values():
                    _ship_together(scripts)

    def _may_vanish(self) -> bool:
        """Tell whether this process may end without a word to its threads, as those of pools do."""
        processes = sys.modules.get("multiprocessing.process")
        return self._is_forked or (processes is not None and processes.parent_process() is not None)

    def recover(self, destination: Destination, *, again: bool = False) -> None:
        """Ship what dead processes left for a destination, unless that was done a moment ago.

        Raises:
            Transient: It is out of reach.
        """
        from mlwright.tracking import recovery

        key = f"{destination.settings.home} {destination.describe()}"
        # Who pays debts may recover; who recovers must not wait for them.
        with debts.busy(), self._recovering:
            if again or time.monotonic() - self._recovered_at.get(key, -RECOVER_EVERY_S) >= RECOVER_EVERY_S:
                self._recovered_at[key] = time.monotonic()
                recovery.recover(destination)

    def renew_after_fork(self) -> None:
        """Leave the parent's runs to the parent."""
        self._scripts = []
        self._ended = []
        self._is_forked = True
        self._begin()

    def _work(self) -> None:
        while True:
            with self._lock:
                scripts = list(self._scripts)
            if self._wake.wait(SHIP_EVERY_S if scripts else None):
                self._wake.clear()
                time.sleep(FIRST_AFTER_S)
            with self._lock:
                scripts = list(self._scripts)
            for script in scripts:
                try:
                    script.ship()
                    self.recover(script.destination)
                except Transient:
                    # Its destination is out of reach: the next round tries again.
                    continue
                except MlwrightError as error:
                    _log.warning("%s", error)
                except Exception:  # noqa: BLE001  # boundary: worker loop; the journals stay, and so does this thread
                    _log.exception("a journal could not be shipped")
            self.settle()


def _ship_together(scripts: list[ShippableRun]) -> None:
    """Ship what is left of some runs of one ledger and actor, in as few transactions as it takes."""
    while scripts:
        try:
            done = _ship_some(scripts)
        except Exception:  # noqa: BLE001  # boundary: worker loop; what one of them suffers from is its own
            done = scripts
            for script in scripts:
                script.ship_the_rest()
        scripts = scripts[len(done) :]


def _ship_some(scripts: list[ShippableRun]) -> list[ShippableRun]:
    """Ship what is left of the first of some runs, and return these."""
    scripts = scripts[:MOST_AT_ONCE]
    destination = scripts[0].destination
    assert isinstance(destination, LedgerDestination)
    with ExitStack() as held:
        found = [(script, held.enter_context(script.shipping_end())) for script in scripts]
        left = [(script, ended) for script, ended in found if ended is not None]
        if not left:
            return scripts
        shipped = destination.ship_ended([ended for _, ended in left])
        for (script, _), arrived in zip(left, shipped, strict=True):
            if arrived is not None:
                script.has_arrived(arrived)
    for (script, _), arrived in zip(left, shipped, strict=True):
        if arrived is None or not arrived.closed:
            # The rest of a long journal goes by itself.
            script.ship_the_rest()
    return scripts


shipper = Shipper()
