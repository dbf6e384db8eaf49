"""Telling webhooks: a thread of its own, so that a receiver that is slow never holds up rollouts and monitors."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from mlwright.errors import MlwrightError

if TYPE_CHECKING:
    from mlwright.project import Project

IDLE_S = 1.0
AFTER_FAULT_S = 5.0
STOP_S = 15.0

_log = logging.getLogger("mlwright.server")


class Posting:
    """A thread that posts to webhooks what was committed, and again what failed.

    Args:
        project: Whose events and webhooks.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the posts under way; one that was not noted is posted again by the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _run(self) -> None:
        from mlwright.registry.posting import post_due

        while not self._stop.is_set():
            try:
                pause_s = 0.0 if post_due(self._project) else IDLE_S
            except MlwrightError as error:
                _log.warning("%s", error)
                pause_s = AFTER_FAULT_S
            except Exception:  # noqa: BLE001  # boundary: worker loop; webhooks must outlive a fault of one round
                _log.exception("posting to webhooks failed")
                pause_s = AFTER_FAULT_S
            if pause_s:
                self._stop.wait(pause_s)
