"""The thread that ships journals while scripts go on: one for the whole process, whatever the number of runs."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from mlwright.errors import MlwrightError, Transient
from mlwright.tracking import forking

if TYPE_CHECKING:
    from mlwright.tracking.destinations import Destination

SHIP_EVERY_S = 1.0
#: A run that has just begun is shipped after so long, so that one that ends at once is shipped once.
FIRST_AFTER_S = 0.1
RECOVER_EVERY_S = 10.0
_log = logging.getLogger("mlwright.tracking")


class Shippable(Protocol):
    """A run that has a journal."""

    destination: Destination

    def ship(self) -> None:
        """Ship what is new; what can't be shipped now stays in the journal."""


class Shipper:
    """Ships the journals of this process's runs, and once in a while those that dead processes left."""

    def __init__(self) -> None:
        self._scripts: list[Shippable] = []
        self._recovered_at: dict[str, float] = {}
        self._begin()
        forking.watch(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._recovering = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, script: Shippable) -> None:
        """Ship a run's journal from now on."""
        with self._lock:
            self._scripts.append(script)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mlwright-ship", daemon=True)
                self._thread.start()
        self._wake.set()

    def remove(self, script: Shippable) -> None:
        """Stop shipping a run's journal."""
        with self._lock, suppress(ValueError):
            self._scripts.remove(script)

    def recover(self, destination: Destination, *, again: bool = False) -> None:
        """Ship what dead processes left for a destination, unless that was done a moment ago.

        Raises:
            Transient: It is out of reach.
        """
        from mlwright.tracking import recovery

        key = f"{destination.settings.home} {destination.describe()}"
        with self._recovering:
            if again or time.monotonic() - self._recovered_at.get(key, -RECOVER_EVERY_S) >= RECOVER_EVERY_S:
                self._recovered_at[key] = time.monotonic()
                recovery.recover(destination)

    def renew_after_fork(self) -> None:
        """Leave the parent's runs to the parent."""
        self._scripts = []
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


shipper = Shipper()
