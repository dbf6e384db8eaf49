"""The engine: decides which step runs next, on which inputs, and what becomes of it. One engine runs one run.

It sees the IR, an executor and a recorder, and knows nothing of Python functions. Every step costs the same, however
many there are: nothing here goes through all nodes for one of them.
"""

from __future__ import annotations

import heapq
import random
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from mlwright.core.clock import ReplayClock
from mlwright.core.ids import new_id
from mlwright.errors import StoreUnavailable
from mlwright.ledger import steps
from mlwright.pipelines import cache
from mlwright.pipelines.facts import Ending, Recorder
from mlwright.pipelines.faults import TIMEOUT, Failure
from mlwright.pipelines.inputs import Results, given
from mlwright.pipelines.jobs import Job, OnProgress, Progress
from mlwright.pipelines.port import JOURNAL_FILE, LOG_FILE, Ended, Executor, Report, StoredValue, Task
from mlwright.pipelines.spec import StepNode, upstream
from mlwright.project import Project
from mlwright.tracking import journal as journals

_WAIT_S = 0.5
Status = Literal["succeeded", "failed"]


class _Attempt(msgspec.Struct):
    """A step that is running."""

    node: StepNode
    row: steps.StepRunRow
    parts: cache.Parts | None
    folder: Path
    started_s: float
    deadline_s: float


class Engine:
    """Runs one job to its end.

    Args:
        project: Whose ledger and artifacts.
        job: What to run.
        executor: What runs the steps.
        recorder: What writes down the facts.
        on_progress: Told of every step.
    """

    def __init__(
        self, project: Project, job: Job, executor: Executor, recorder: Recorder, on_progress: OnProgress | None = None
    ) -> None:
        self._project = project
        self._job = job
        self._executor = executor
        self._recorder = recorder
        self._on_progress = on_progress
        self._keys = cache.Keys(job.roots)
        self._nodes = {node.key: node for node in job.spec.nodes}
        self._results: Results = dict(job.done)
        self._attempts = dict(job.attempts)
        self._tries: dict[str, int] = {}
        self._running: dict[str, _Attempt] = {}
        self._delayed: list[tuple[float, str]] = []
        self._fresh: dict[str, steps.CacheEntry] = {}
        self._newest: dict[str, cache.Parts | None] = {}
        self.failures: dict[str, Failure] = {}
        waits = upstream(job.spec)
        self._missing = {key: sum(one not in self._results for one in needed) for key, needed in waits.items()}
        self._followers: dict[str, list[str]] = {key: [] for key in waits}
        for key, needed in waits.items():
            for one in needed:
                self._followers[one].append(key)
        self._ready = deque(key for key, count in self._missing.items() if not count and key not in self._results)
        self._settings = _settings_of(project)

    def run(self) -> Status:
        """Run every step that can run; return how it went. `failures` then says which steps failed and why.

        Raises:
            LostLease: Another engine has taken the run over.
            KeyboardInterrupt: The user interrupts; workers are stopped, and the run can be resumed.
        """
        try:
            while self._ready or self._running or self._delayed:
                self._recorder.check()
                self._start_ready()
                for ended in self._executor.wait(self._patience_s()) if self._running else ():
                    self._ended(ended)
                self._stop_overdue()
                self._wake_delayed()
        except BaseException:
            self._abandon()
            raise
        return "failed" if self.failures else "succeeded"

    def _start_ready(self) -> None:
        capacity = self._executor.capacity()
        while self._ready and len(self._running) < capacity:
            node = self._nodes[self._ready.popleft()]
            inputs = {name: given(source, self._job.arguments, self._results) for name, source in node.inputs.items()}
            parts = self._keys.parts(node, inputs) if node.cache else None
            key = cache.key_of(parts) if parts is not None else None
            hit = self._lookup(key) if key is not None and self._newest_of(node) is not None else None
            if hit is not None:
                self._take(node, hit)
            else:
                self._start(node, inputs, parts, key)

    def _lookup(self, key: str) -> steps.CacheEntry | None:
        if key in self._fresh:
            return self._fresh[key]
        with self._project.ledger.read() as connection:
            found = steps.find_cached(connection, key)
        if found is None or all(self._project.store.has(output.digest) for output in found.outputs):
            return found
        with self._project.ledger.write(self._project.actor) as tx:
            steps.forget_cached(tx, key)
        return None

    def _take(self, node: StepNode, hit: steps.CacheEntry) -> None:
        """Complete a step with the result of an earlier one."""
        origin: str | None = self._job.run_id
        if hit.cache_key not in self._fresh:
            with self._project.ledger.read() as connection:
                origin = steps.run_of_step_run(connection, hit.step_run_id)
        now = self._project.clock.now()
        row = self._row(
            node, "cached", cache_key=hit.cache_key, cached_from=hit.step_run_id, reason=cache.why_hit(origin)
        )
        row = msgspec.structs.replace(row, ended_at=now, duration_s=0.0)
        outputs = tuple(msgspec.convert(msgspec.structs.asdict(output), StoredValue) for output in hit.outputs)
        copied = (hit.journal_id, new_id()) if hit.journal_id else None
        data = {"pipeline": self._job.spec.name, "cached_from": hit.step_run_id, "reason": row.reason}
        self._recorder.end(Ending(row=row, outputs=outputs, copied=copied, event="step.cached", data=data))
        self._complete(node, outputs)
        self._tell("step-cached", row)

    def _start(self, node: StepNode, inputs: dict[str, Any], parts: cache.Parts | None, key: str | None) -> None:
        row = self._row(node, "running", cache_key=key, reason=self._why(node, parts))
        folder = self._job.folder / row.id
        clock = self._project.clock
        task = Task(
            run_id=self._job.run_id,
            run_name=self._job.run_name,
            step=node.key,
            attempt=row.attempt,
            step_run_id=row.id,
            entry=node.entry,
            roots=tuple(self._job.roots),
            inputs=inputs,
            outputs=node.outputs,
            shape=node.shape,
            folder=str(folder),
            settings=self._settings,
            event_time=clock.now() if isinstance(clock, ReplayClock) else None,
            env=node.env,
            timeout_s=node.timeout_s,
            allow_pickle=node.allow_pickle,
        )
        self._recorder.begin(row, folder / JOURNAL_FILE)
        self._tell("step-started", row)
        started_s = time.monotonic()
        deadline_s = started_s + node.timeout_s if node.timeout_s is not None else float("inf")
        attempt = _Attempt(node, row, parts, folder, started_s, deadline_s)
        self._running[row.id] = attempt
        handle = self._executor.start(task)
        if handle != row.id:
            self._running[handle] = self._running.pop(row.id)

    def _row(self, node: StepNode, status: str, **facts: Any) -> steps.StepRunRow:
        attempt = self._attempts[node.key] = self._attempts.get(node.key, 0) + 1
        return steps.StepRunRow(
            id=new_id(),
            run_id=self._job.run_id,
            step=node.key,
            status=status,
            attempt=attempt,
            fence=self._job.fence,
            started_at=self._project.clock.now(),
            **facts,
        )

    def _why(self, node: StepNode, parts: cache.Parts | None) -> str:
        tries = self._tries.get(node.key, 0)
        if tries:
            return f"tried again after attempt {self._attempts[node.key]} failed"
        if parts is None:
            return "caching is switched off for this step"
        return cache.why_miss(parts, self._newest_of(node))

    def _newest_of(self, node: StepNode) -> cache.Parts | None:
        """Return what the newest cached result of a step's function was made of; None when it has none."""
        name = cache.name_of(node.entry)
        if name not in self._newest:
            with self._project.ledger.read() as connection:
                found = steps.newest_cached(connection, name)
            self._newest[name] = None if found is None else found.parts
        return self._newest[name]

    def _ended(self, ended: Ended) -> None:
        attempt = self._running.pop(ended.handle)
        report = ended.report
        usage: dict[str, Any] = {"cpu_s": ended.cpu_s, "peak_memory_bytes": ended.peak_memory_bytes}
        log = self._keep_log(attempt.folder)
        row = msgspec.structs.replace(
            attempt.row,
            status="succeeded" if report.failure is None else "failed",
            log_digest=log[0] if log else None,
            error=None if report.failure is None else msgspec.to_builtins(report.failure),
            usage={name: value for name, value in usage.items() if value is not None},
            ended_at=self._project.clock.now(),
            duration_s=time.monotonic() - attempt.started_s,
        )
        if report.failure is None:
            self._succeeded(attempt, row, report, log)
        else:
            self._failed(attempt, row, report.failure, log)

    def _succeeded(self, attempt: _Attempt, row: steps.StepRunRow, report: Report, log: tuple[str, int] | None) -> None:
        node, entry = attempt.node, None
        if report.uncacheable:
            row = msgspec.structs.replace(row, reason=f"{row.reason}; not cached: {report.uncacheable}")
        elif attempt.parts is not None and row.cache_key is not None:
            path = attempt.folder / JOURNAL_FILE
            opened = journals.header(path) if path.exists() else None
            entry = steps.CacheEntry(
                cache_key=row.cache_key,
                step_run_id=row.id,
                step=cache.name_of(node.entry),
                parts=attempt.parts,
                outputs=[_as_output(value) for value in report.outputs],
                journal_id=opened.journal_id if opened else None,
            )
        if entry is not None:
            self._fresh[entry.cache_key] = entry
            self._newest[entry.step] = entry.parts
        self._recorder.end(
            Ending(
                row=row,
                outputs=report.outputs,
                log=log,
                cached=entry,
                folder=_if_there(attempt.folder),
                event="step.succeeded",
                data={"pipeline": self._job.spec.name, "attempt": row.attempt, "duration_s": row.duration_s},
            )
        )
        self._complete(node, report.outputs)
        self._tell("step-succeeded", row)

    def _failed(self, attempt: _Attempt, row: steps.StepRunRow, failure: Failure, log: tuple[str, int] | None) -> None:
        node = attempt.node
        tries = self._tries[node.key] = self._tries.get(node.key, 0) + 1
        again = not self.failures and tries < node.retry.attempts and _is_worth_it(node, failure)
        self._recorder.end(
            Ending(
                row=row,
                log=log,
                folder=_if_there(attempt.folder),
                event="step.retried" if again else "step.failed",
                data={"pipeline": self._job.spec.name, "attempt": row.attempt, "error": row.error},
            )
        )
        if again:
            pause_s = node.retry.pause_s(tries, random.random())
            heapq.heappush(self._delayed, (time.monotonic() + pause_s, node.key))
            self._tell("step-retried", msgspec.structs.replace(row, reason=failure.what))
            return
        self.failures[node.key] = failure
        self._ready.clear()
        self._delayed.clear()
        self._tell("step-failed", msgspec.structs.replace(row, reason=failure.what))

    def _complete(self, node: StepNode, outputs: tuple[StoredValue, ...]) -> None:
        self._results[node.key] = {value.name: value for value in outputs}
        for follower in self._followers[node.key]:
            self._missing[follower] -= 1
            if not self._missing[follower] and not self.failures:
                self._ready.append(follower)

    def _patience_s(self) -> float:
        now = time.monotonic()
        soonest = min((attempt.deadline_s for attempt in self._running.values()), default=now + _WAIT_S)
        if self._delayed:
            soonest = min(soonest, self._delayed[0][0])
        return min(max(soonest - now, 0.0), _WAIT_S)

    def _stop_overdue(self) -> None:
        now = time.monotonic()
        overdue = [handle for handle, attempt in self._running.items() if attempt.deadline_s <= now]
        for handle in overdue:
            node = self._running[handle].node
            self._executor.stop(handle)
            failure = Failure(
                type=TIMEOUT,
                what=f"it took longer than its timeout of {node.timeout_s:g} s and was stopped.",
                fix="give it a longer timeout_s, or see in its log what it waited for",
                kinds=(TIMEOUT, "TimeoutError"),
                transient=True,
            )
            self._ended(Ended(handle=handle, report=Report(failure=failure)))

    def _wake_delayed(self) -> None:
        if self._delayed and not self._running and not self._ready:
            time.sleep(max(self._delayed[0][0] - time.monotonic(), 0.0))
        while self._delayed and self._delayed[0][0] <= time.monotonic():
            self._ready.append(heapq.heappop(self._delayed)[1])

    def _abandon(self) -> None:
        """Stop all workers, and note that their attempts ended without a result."""
        self._executor.close()
        for attempt in self._running.values():
            log = self._keep_log(attempt.folder)
            row = msgspec.structs.replace(
                attempt.row,
                status="cancelled",
                log_digest=log[0] if log else None,
                ended_at=self._project.clock.now(),
                duration_s=time.monotonic() - attempt.started_s,
            )
            self._recorder.end(Ending(row=row, log=log, folder=_if_there(attempt.folder)))
        self._running.clear()

    def _keep_log(self, folder: Path) -> tuple[str, int] | None:
        path = folder / LOG_FILE
        with suppress(FileNotFoundError, StoreUnavailable):
            if path.stat().st_size:
                blob = self._project.store.put(path)
                return blob.digest, blob.size_bytes
        return None

    def _tell(self, kind: Any, row: steps.StepRunRow) -> None:
        if self._on_progress is not None:
            self._on_progress(
                Progress(
                    kind=kind,
                    run_id=self._job.run_id,
                    step=row.step,
                    reason=row.reason,
                    attempt=row.attempt,
                    done=len(self._results),
                    total=len(self._nodes),
                )
            )


def _is_worth_it(node: StepNode, failure: Failure) -> bool:
    """Tell whether a failure may pass: mlwright knows so, or the user named it (any of the step's own, by default)."""
    if failure.transient:
        return True
    return any(kind in node.retry.on for kind in failure.kinds) if node.retry.on else failure.own


def _if_there(folder: Path) -> Path | None:
    return folder if folder.exists() else None


def _as_output(value: StoredValue) -> steps.StoredOutput:
    return steps.StoredOutput(
        name=value.name, digest=value.digest, codec=value.codec, type=value.type, size_bytes=value.size_bytes
    )


def _settings_of(project: Project) -> dict[str, str]:
    names = ("root", "home", "ledger", "artifacts", "actor", "durability")
    return {name: str(getattr(project.settings, name)) for name in names}
