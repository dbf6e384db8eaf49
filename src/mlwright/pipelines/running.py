"""How a run begins, and how it is taken up again."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypedDict, Unpack

import msgspec

from mlwright.core import adapters
from mlwright.core.digest import canonical_json
from mlwright.core.environment import describe_environment
from mlwright.core.ids import new_id, short
from mlwright.errors import AlreadyRunning, InvalidDefinition, LostLease, MlwrightError, Transient
from mlwright.ledger import artifacts as artifact_rows
from mlwright.ledger import leases, runs, steps
from mlwright.ledger.store import Transaction
from mlwright.pipelines.cache import Keys
from mlwright.pipelines.definition import Pipeline, bind
from mlwright.pipelines.engine import Engine
from mlwright.pipelines.entry import MainPartReached, entry_of
from mlwright.pipelines.facts import LEASE_TTL_S, Recorder, ship_in
from mlwright.pipelines.faults import Failure
from mlwright.pipelines.jobs import Job, OnProgress, Progress
from mlwright.pipelines.port import JOURNAL_FILE, Cap, Executor, refuse
from mlwright.pipelines.result import RunResult, open_result, results_of, spec_of
from mlwright.pipelines.spec import PipelineSpec
from mlwright.pipelines.validation import validate
from mlwright.project import Project
from mlwright.tracking import shipping
from mlwright.tracking.context import is_importing_for_a_step

_INLINE = "inline"
_lock = threading.Lock()
_held_here: set[str] = set()


class RunOptions(TypedDict, total=False):
    """What `run` takes besides the pipeline and its arguments.

    Attributes:
        cause: What started the run, for example `{"trigger": ..., "event_id": ...}`.
        idempotency_key: At most one run has it: asked for again, that run is resumed, or its result returned.
        experiment: The experiment it belongs to; the pipeline's name by default.
        actor: Who runs it; the project's actor by default.
        executor: What runs the steps; the project's setting by default.
        on_progress: Told of every step.
        name: What people call the run.
    """

    cause: dict[str, Any] | None
    idempotency_key: str | None
    experiment: str | None
    actor: str | None
    executor: str | None
    on_progress: OnProgress | None
    name: str | None


def run(
    project: Project, pipeline: Pipeline, arguments: dict[str, Any] | None = None, **options: Unpack[RunOptions]
) -> RunResult:
    """Run a pipeline and wait for its end; a failed step is told by the result, not raised.

    Args:
        project: Where its facts and artifacts go.
        pipeline: What to run.
        arguments: Parameter to value.
        options: See `RunOptions`.

    Raises:
        InvalidDefinition: The pipeline is wrong; nothing has run.
        InvalidUsage: A parameter is missing, unknown or of another type; nothing has run.
        Unsupported: The executor can't do what a step asks for; nothing has run.
        AlreadyRunning: Another process runs the run of this idempotency key.
        KeyboardInterrupt: The user interrupted; the run is cancelled, and can be resumed.
    """
    refuse_while_importing()
    spec, key = pipeline.spec, options.get("idempotency_key")
    bound = bind(pipeline, arguments or {})
    executor, note = _choose_executor(project, pipeline, options.get("executor"))
    if key is not None:
        with project.ledger.read() as connection:
            found = runs.run_of_key(connection, key)
        if found is not None:
            return resume(project, found.id, executor=executor, on_progress=options.get("on_progress"))
    _check_executor(executor, spec)
    shipping.recover(project)
    new, environment = _new_run(project, pipeline, bound, options, note)
    with _held(project, new.id) as lease:
        row = _create(project, new, environment, options.get("actor") or project.actor)
        if row.id == new.id:
            job = _job(project, row, spec, pipeline.roots, lease.fence)
            return _carry_out(project, job, lease, executor, row.actor, options.get("on_progress"))
    # Another process was faster with the same key.
    return resume(project, row.id, executor=executor, on_progress=options.get("on_progress"))


def resume(
    project: Project, run: str, *, executor: str | None = None, on_progress: OnProgress | None = None
) -> RunResult:
    """Take up a run that was interrupted, cancelled or has failed; outputs that are committed are not made again.

    Args:
        project: Where it is.
        run: Its id, a part of the id, or `@latest`.
        executor: What runs the steps; the project's setting by default.
        on_progress: Told of every step.

    Returns:
        Its result; at once when it has succeeded before.

    Raises:
        NotFound: There is no such run.
        AlreadyRunning: Another process runs it.
    """
    refuse_while_importing()
    with project.ledger.read() as connection:
        row = runs.find_run(connection, run)
    spec = spec_of(project, row)
    if row.status == "succeeded":
        return open_result(project, row.id)
    validate(spec)
    name = executor or (row.source or {}).get("executor") or project.settings.executor
    _check_executor(name, spec)
    shipping.recover(project)
    with _held(project, row.id) as lease:
        _take_up(project, row)
        roots = [root for root in (row.source or {}).get("roots", []) if Path(root).is_dir()]
        job = _job(project, row, spec, roots or [str(project.settings.root)], lease.fence)
        return _carry_out(project, job, lease, name, row.actor, on_progress)


def interrupted(project: Project) -> list[str]:
    """Return the ids of pipelines' runs that say they are running and that no living process runs, oldest first."""
    found: list[str] = []
    before: str | None = None
    where = runs.RunFilter(status="running", kind="pipeline")
    while True:
        with project.ledger.read() as connection:
            page = runs.list_runs(connection, where, before=before, limit=200)
        found += [row.id for row in page if leases.holder(project.ledger, f"run:{row.id}") is None]
        if len(page) < 200:
            return found[::-1]
        before = page[-1].id


def refuse_while_importing() -> None:
    """Stop the import of a script, which is made only to find its steps, where it begins to run pipelines."""
    if is_importing_for_a_step():
        raise MainPartReached


@contextmanager
def _held(project: Project, run_id: str) -> Iterator[leases.Lease]:
    """Hold the right to run a run: against other processes by its lease, against other threads of this one by a set."""
    with _lock:
        if run_id in _held_here:
            raise _already_running(project, run_id)
        _held_here.add(run_id)
    try:
        lease = leases.acquire(project.ledger, f"run:{run_id}", ttl_s=LEASE_TTL_S)
        if lease is None:
            raise _already_running(project, run_id)
        try:
            yield lease
        finally:
            with suppress(Transient):
                leases.release(project.ledger, lease)
    finally:
        with _lock:
            _held_here.discard(run_id)


def _create(project: Project, new: runs.NewRun, artifacts: dict[str, tuple[str, int]], actor: str) -> runs.RunRow:
    """Create a run; return it, or the one that has its idempotency key."""
    with project.ledger.write(actor) as tx:
        runs.create_run(tx, new)
        key = new.idempotency_key
        row = runs.run_of_key(tx.connection, key) if key is not None else None
        row = row or runs.get_run(tx.connection, new.id)
        if row.id == new.id:
            artifact_rows.record_many(tx, artifacts)
            cause = {"cause": new.cause} if new.cause else {}
            tx.emit("run.started", f"run/{new.id}", pipeline=new.pipeline, arguments=new.arguments, **cause)
        return row


def _take_up(project: Project, row: runs.RunRow) -> None:
    """Set a run to running again, and bring to the ledger what killed workers had logged."""
    with project.ledger.write(project.actor) as tx:
        runs.reopen_run(tx, row.id)
        lost = steps.cancel_running(tx, row.id, "its engine stopped before the step had ended")
        tx.emit("run.resumed", f"run/{row.id}", pipeline=row.pipeline, status_before=row.status, lost=lost)
        left_over = _ship_left_over(tx, project, row.id)
    for folder in left_over:
        shutil.rmtree(folder, ignore_errors=True)


def _carry_out(
    project: Project, job: Job, lease: leases.Lease, executor: str, actor: str, on_progress: OnProgress | None
) -> RunResult:
    """Run a job to its end, and write down how it ended."""
    started_s = time.monotonic()
    recorder = Recorder(project, job.run_id, lease, actor)
    runner: Executor = adapters.load("executor", executor)(project)
    engine = Engine(project, job, runner, recorder, on_progress)
    watched = Progress(kind="run-started", run_id=job.run_id, done=len(job.done), total=len(job.spec.nodes))
    try:
        try:
            if on_progress is not None:
                on_progress(watched)
            status: str = engine.run()
        finally:
            runner.close()
            recorder.close()
        error = _error_of(job, engine.failures) if engine.failures else None
    except KeyboardInterrupt:
        _end(project, job, lease, actor, ("cancelled", None), started_s)
        raise
    except LostLease:
        # Whoever took the run over has the say.
        raise
    except MlwrightError as fault:
        # The engine itself could not go on; the run can be resumed.
        _end(project, job, lease, actor, ("failed", fault.as_dict()), started_s)
        raise
    _end(project, job, lease, actor, (status, error), started_s)
    if on_progress is not None:
        on_progress(msgspec.structs.replace(watched, kind="run-finished", reason=status))
    return open_result(project, job.run_id)


def _end(
    project: Project,
    job: Job,
    lease: leases.Lease,
    actor: str,
    outcome: tuple[str, dict[str, Any] | None],
    started_s: float,
) -> None:
    status, error = outcome
    duration_s = time.monotonic() - started_s
    with project.ledger.write(actor) as tx:
        leases.check(tx, lease)
        if runs.end_run(tx, job.run_id, status, error=error, duration_s=duration_s):
            facts = {"error": error} if error else {}
            tx.emit(f"run.{status}", f"run/{job.run_id}", pipeline=job.spec.name, duration_s=duration_s, **facts)
    shutil.rmtree(job.folder, ignore_errors=True)


def _new_run(
    project: Project, pipeline: Pipeline, bound: dict[str, Any], options: RunOptions, executor: str
) -> tuple[runs.NewRun, dict[str, tuple[str, int]]]:
    """Return the run that is to be created, and the artifacts that it refers to."""
    spec, id_ = pipeline.spec, new_id()
    ir = project.store.put(spec.to_json())
    environment = project.store.put(canonical_json(describe_environment()))
    source = {
        "entry": str(entry_of(pipeline.function)[0]),
        "roots": pipeline.roots,
        "commit": _commit(pipeline.roots),
        "executor": executor,
    }
    new = runs.NewRun(
        id=id_,
        experiment=options.get("experiment") or spec.name,
        name=options.get("name") or f"{spec.name}-{short(id_)}",
        kind="pipeline",
        pipeline=spec.name,
        ir_digest=ir.digest,
        code_digest=Keys(pipeline.roots).code_digest(spec.nodes),
        environment_digest=environment.digest,
        source={name: value for name, value in source.items() if value},
        arguments=bound,
        cause=options.get("cause"),
        idempotency_key=options.get("idempotency_key"),
    )
    return new, {blob.digest: ("blob", blob.size_bytes) for blob in (ir, environment)}


def _job(project: Project, row: runs.RunRow, spec: PipelineSpec, roots: list[str], fence: int) -> Job:
    with project.ledger.read() as connection:
        done = results_of(steps.outputs_of(connection, row.id))
        attempts: dict[str, int] = {}
        for attempt in steps.step_runs_of(connection, row.id):
            attempts[attempt.step] = max(attempts.get(attempt.step, 0), attempt.attempt)
    return Job(
        run_id=row.id,
        run_name=row.name,
        spec=spec,
        arguments=row.arguments,
        roots=roots,
        folder=work_folder(project, row.id),
        fence=fence,
        done=done,
        attempts=attempts,
    )


def work_folder(project: Project, run_id: str) -> Path:
    """Return the folder for what a run's attempts write while they run."""
    return project.settings.home / "work" / run_id


def _ship_left_over(tx: Transaction, project: Project, run_id: str) -> list[Path]:
    """Bring what killed workers had logged to the ledger; return their folders."""
    found = [folder for folder in work_folder(project, run_id).glob("*") if folder.is_dir()]
    for folder in found:
        ship_in(tx, folder / JOURNAL_FILE)
    return found


def _choose_executor(project: Project, pipeline: Pipeline, wanted: str | None) -> tuple[str, str]:
    """Return what runs the steps, and the same for the run's facts (empty when any may take the run up again)."""
    name = wanted or project.settings.executor
    reason = pipeline.unfindable() if name != _INLINE else ""
    if not reason:
        return name, wanted or ""
    if wanted is None and project.settings.sources.get("executor") == "default":
        # Code typed into an interpreter exists in this process only, so this process runs it.
        return _INLINE, _INLINE
    raise InvalidDefinition(
        f"pipeline '{pipeline.name}' can't run on the executor '{name}': {reason}.",
        fix="define its steps at the top of a file, or use the executor 'inline'",
    )


def _check_executor(name: str, spec: PipelineSpec) -> None:
    executor: Executor = adapters.load("executor", name)
    for node in spec.nodes:
        if node.timeout_s is not None:
            refuse(executor, Cap.TIMEOUT, f"step '{node.key}' has a timeout, which the executor '{name}' can't keep")


def _already_running(project: Project, run_id: str) -> AlreadyRunning:
    holder = leases.holder(project.ledger, f"run:{run_id}")
    return AlreadyRunning(
        f"run {short(run_id)} is being run by another process.",
        why=f"its lease is held by {holder or 'a process that has just ended'}",
        fix="wait for it, or stop that process",
        run_id=run_id,
    )


def _error_of(job: Job, failures: dict[str, Failure]) -> dict[str, Any]:
    """Return the error of a run of which some steps have failed."""
    key, failure = next(iter(failures.items()))
    first = failure.as_error(key)
    return {
        "code": first.code,
        "what": first.what,
        "why": first.why,
        "fix": first.fix or f"mend it, then: mlwright run --resume {short(job.run_id)}",
        "steps": {step: msgspec.to_builtins(one) for step, one in failures.items()},
    }


def _commit(roots: list[str]) -> str:
    """Return the git commit that is checked out where the code is, empty when there is none."""
    for root in roots:
        for folder in (Path(root), *Path(root).parents):
            head = folder / ".git" / "HEAD"
            try:
                text = head.read_text().strip()
                if text.startswith("ref: "):
                    return (folder / ".git" / text[5:]).read_text().strip()
                return text
            except OSError:
                continue
    return ""
