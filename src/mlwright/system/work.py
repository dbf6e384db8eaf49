"""How firings become runs: a thread of its own, so that monitors and rollouts go on while a model trains."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from mlwright.core.ids import short
from mlwright.errors import MlwrightError, Transient
from mlwright.ledger import system as repository
from mlwright.ledger.system import FiringRow
from mlwright.project import Project
from mlwright.system.values import System


class Work:
    """Carries out a system's open firings, one after another, oldest first.

    A firing's run has the firing's name as its idempotency key: after a crash the same run goes on, never a second one.

    Args:
        project: Where the system is applied.
        system: The system.
        on_action: Told one sentence for each run that ended.
    """

    def __init__(self, project: Project, system: System, on_action: Callable[[str], None]) -> None:
        self._project = project
        self._system = system
        self._on_action = on_action
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"work-{system.name}")
        self._taken: dict[tuple[str, str], Future[None]] = {}
        self._lock = threading.Lock()

    def take_open(self) -> int:
        """Start work on all open firings that nobody works on yet; return how many were open."""
        with self._project.ledger.read() as connection:
            firings = repository.open_firings(connection, self._system.name)
        with self._lock:
            self._taken = {key: future for key, future in self._taken.items() if not future.done()}
            for firing in firings:
                key = (firing.source, firing.key)
                if key not in self._taken:
                    self._taken[key] = self._pool.submit(self._carry_out, firing)
        return len(firings)

    def wait(self) -> None:
        """Return when everything taken is over; an error that isn't the pipeline's own is raised here."""
        with self._lock:
            futures = list(self._taken.values())
        for future in futures:
            future.result()

    def close(self) -> None:
        """Start nothing more; what runs is stopped at its next step."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _carry_out(self, firing: FiringRow) -> None:
        from mlwright import pipelines

        run_id: str | None
        try:
            result = pipelines.run(
                self._project,
                self._system.pipeline,
                firing.arguments,
                cause={"source": firing.source, "key": firing.key, "reason": firing.reason},
                idempotency_key=f"{firing.source}/{firing.key}",
                actor=firing.source.replace("/", ":", 1),
            )
            run_id, outcome = result.run_id, result.status
            said = (result.error or {}).get("what", "")
        except Transient:
            # The ledger or the store is away for now: the firing stays open and is taken again.
            return
        except MlwrightError as error:
            run_id, outcome, said = error.context.get("run_id"), "failed", error.what
        if outcome == "running":
            # Another process has it; whoever finds it ended writes the outcome.
            return
        with self._project.ledger.write(f"system:{self._system.name}") as tx:
            repository.end_firing(tx, firing.source, firing.key, outcome=outcome, run_id=run_id)
        self._on_action(f"run {short(run_id or '')} for {firing.source} {outcome}{': ' if said else ''}{said}")
