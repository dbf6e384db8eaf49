"""What every executor must do.

class TestQueueExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, project): ...      # a fresh executor; the suite closes it

The steps below are imported by the workers, which need this package and its extra `dev`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlwright import tracking
from mlwright.artifacts import codecs
from mlwright.core.clock import parse_time
from mlwright.core.ids import new_id
from mlwright.errors import Unsupported
from mlwright.pipelines.faults import LOST
from mlwright.pipelines.port import LOG_FILE, Cap, Ended, Executor, Many, Plain, Stored, Task
from mlwright.pipelines.spec import Entry, Output
from mlwright.project import Project
from mlwright.testing import refuse_overrides
from mlwright.tracking import journal as journals

_PATIENCE_S = 60.0
_WORD = "PASSED_ON"


def add(left: int, right: int = 1) -> int:
    """Return the sum."""
    return left + right


def both(text: str) -> tuple[str, int]:
    """Return two values."""
    return text.upper(), len(text)


def fail(message: str) -> int:
    """Raise."""
    raise ValueError(message)


def talk(text: str) -> str | None:
    """Print, and return an environment variable."""
    print(text)  # noqa: T201
    print(text, file=sys.stderr)  # noqa: T201
    return os.environ.get(_WORD)


def track(value: float) -> dict[str, str]:
    """Log, and tell what the step sees of its run and project."""
    tracking.log_metrics({"value": value})
    tracking.log_params(size=3)
    run = tracking.current_run()
    project = tracking.current_project()
    return {
        "run": run.id if run else "",
        "step": run.step if run else "",
        "home": str(project.settings.home),
        "now": project.clock.now().isoformat(),
    }


def process_id() -> int:
    """Return the process that the step runs in."""
    return os.getpid()


def leave_children(pid_file: str) -> int:
    """Start processes that would outlive the step: one in its group, and one that has left it."""
    pids = []
    for detached in (False, True):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=detached)
        pids.append(child.pid)
    Path(pid_file).write_text(" ".join(map(str, pids)))
    return len(pids)


def hang(pid_file: str) -> None:
    """Start processes, and never end."""
    leave_children(pid_file)
    time.sleep(600)


def die() -> None:
    """Be killed, as by the kernel when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def lie() -> int:
    """Return another type than is declared."""
    return "text"  # type: ignore[return-value]


def unknown() -> Any:
    """Return what no codec knows."""
    return iter([])


def leave() -> None:
    """End the interpreter."""
    sys.exit(3)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie doesn't."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, and fail when it doesn't come."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


class ExecutorContract:
    """Tests of an `Executor`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_overrides(ExecutorContract, cls)

    @pytest.fixture
    def executor(self, project: Project) -> Iterator[Executor]:
        """The executor under test."""
        raise NotImplementedError

    @pytest.fixture
    def begin(self, executor: Executor, project: Project, tmp_path: Path) -> Callable[..., Task]:
        """Start a function of this module as a task."""

        def start(function: Callable[..., Any], /, **facts: Any) -> Task:
            task = _task(project, tmp_path, function, **facts)
            assert executor.start(task)
            return task

        return start

    def test_a_result_is_stored_and_named_by_its_digest(
        self, executor: Executor, begin: Callable[..., Task], project: Project
    ) -> None:
        """Inputs from the store and from the task."""
        saved = codecs.save(project.store, 41)
        begin(add, inputs={"left": Stored(digest=saved.digest, codec=saved.codec)})
        (output,) = _one(executor).report.outputs
        assert codecs.load(project.store, output.digest, output.codec) == 42
        assert (output.name, output.type) == ("result", "int")

    def test_several_outputs_have_their_names(
        self, executor: Executor, begin: Callable[..., Task], project: Project
    ) -> None:
        """A tuple of fixed length."""
        begin(
            both,
            inputs={"text": Plain(value="abc")},
            outputs=(Output(name="0", type="str"), Output(name="1", type="int")),
            shape="tuple",
        )
        outputs = _one(executor).report.outputs
        values = {one.name: codecs.load(project.store, one.digest, one.codec) for one in outputs}
        assert values == {"0": "ABC", "1": 3}

    def test_an_exception_is_kept_with_its_place_and_its_traceback_is_in_the_log(
        self, executor: Executor, begin: Callable[..., Task]
    ) -> None:
        """User code that raises."""
        task = begin(fail, inputs={"message": Plain(value="too cold")})
        failure = _one(executor).report.failure
        assert failure is not None
        assert (failure.type, failure.what, failure.own) == ("ValueError", "too cold", True)
        assert "executors.py" in (failure.why or "")
        assert "raise ValueError(message)" in (failure.why or "")
        assert "Traceback" in _log(task)

    @pytest.mark.parametrize(
        ("function", "kind"), [(lie, "TypeMismatch"), (unknown, "TypeMismatch"), (leave, "SystemExit")]
    )
    def test_a_step_that_breaks_its_promise_fails_with_a_named_error(
        self, executor: Executor, begin: Callable[..., Task], function: Callable[..., Any], kind: str
    ) -> None:
        """A wrong type, a type that no codec knows, an exit."""
        begin(function)
        failure = _one(executor).report.failure
        assert failure is not None
        assert failure.type == kind

    def test_an_argument_of_another_type_is_refused_before_the_function_is_called(
        self, executor: Executor, begin: Callable[..., Task]
    ) -> None:
        """A value that doesn't match the annotation."""
        begin(add, inputs={"left": Many(items=[Plain(value=1)])})
        failure = _one(executor).report.failure
        assert failure is not None
        assert failure.type == "TypeMismatch"
        assert "'left'" in failure.what

    def test_what_a_step_prints_is_in_its_log_and_its_variables_are_set(
        self, executor: Executor, begin: Callable[..., Task], project: Project
    ) -> None:
        """Logs and environment."""
        task = begin(talk, inputs={"text": Plain(value="good morning")}, env={_WORD: "yes"})
        (output,) = _one(executor).report.outputs
        assert codecs.load(project.store, output.digest, output.codec) == "yes"
        assert _log(task).count("good morning") == 2
        assert _WORD not in os.environ

    def test_a_step_sees_its_run_and_its_project_at_the_replayed_time_and_logs_to_the_journal(
        self, executor: Executor, begin: Callable[..., Task], project: Project
    ) -> None:
        """Tracking inside of a step."""
        now = parse_time("2013-05-01T06:00:00Z")
        task = begin(track, inputs={"value": Plain(value=0.5)}, event_time=now)
        report = _one(executor).report
        (output,) = report.outputs
        seen = codecs.load(project.store, output.digest, output.codec)
        assert (seen["run"], seen["step"], seen["home"]) == (task.run_id, task.step, str(project.settings.home))
        assert "ledger" in report.uncacheable
        frames = list(journals.read(Path(task.folder) / "journal"))
        assert [type(frame.record).__name__ for frame in frames] == ["Opened", "Points", "Params"]
        assert frames[1].record.at == now  # type: ignore[union-attr]

    def test_every_task_is_returned_once_however_many_there_are(
        self, executor: Executor, begin: Callable[..., Task]
    ) -> None:
        """Accounting."""
        begun = {begin(add, inputs={"left": Plain(value=place)}).step_run_id for place in range(5)}
        seen: list[str] = []

        def all_seen() -> bool:
            seen.extend(one.handle for one in executor.wait(0.2))
            return len(seen) >= len(begun)

        wait_until(all_seen, "the end of the tasks")
        assert sorted(seen) == sorted(begun)
        assert executor.wait(0) == []

    def test_the_use_of_the_processor_is_known(self, executor: Executor, begin: Callable[..., Task]) -> None:
        """Usage."""
        begin(add, inputs={"left": Plain(value=1)})
        ended = _one(executor)
        assert ended.cpu_s is not None
        assert ended.cpu_s >= 0

    def test_steps_run_in_processes_of_their_own(
        self, executor: Executor, begin: Callable[..., Task], project: Project
    ) -> None:
        """Isolation; what is lacking has a reason."""
        pids = set()
        for _ in range(2):
            begin(process_id)
            (output,) = _one(executor).report.outputs
            pids.add(codecs.load(project.store, output.digest, output.codec))
        if Cap.ISOLATION in executor.lacks:
            assert pids == {os.getpid()}
            assert executor.lacks[Cap.ISOLATION]
        else:
            assert len(pids | {os.getpid()}) == 3

    def test_a_step_with_a_timeout_can_be_stopped_or_is_refused_with_the_reason(
        self, executor: Executor, project: Project, tmp_path: Path
    ) -> None:
        """Timeouts, and nothing left behind."""
        pid_file = tmp_path / "pids"
        task = _task(project, tmp_path, hang, inputs={"pid_file": Plain(value=str(pid_file))}, timeout_s=1.0)
        if Cap.TIMEOUT in executor.lacks:
            with pytest.raises(Unsupported, match=re.escape(executor.lacks[Cap.TIMEOUT])):
                executor.start(task)
            return
        handle = executor.start(task)
        wait_until(pid_file.exists, "the start of the step")
        executor.stop(handle)
        pids = [int(pid) for pid in pid_file.read_text().split()]
        wait_until(lambda: not any(map(is_alive, pids)), "the end of the step's children")
        assert executor.wait(0.1) == []

    def test_a_step_can_be_stopped_or_that_is_refused_with_the_reason(self, executor: Executor) -> None:
        """Stopping."""
        if Cap.STOP in executor.lacks:
            with pytest.raises(Unsupported, match=re.escape(executor.lacks[Cap.STOP])):
                executor.stop("handle")
        else:
            executor.stop("no such handle")

    def test_children_of_a_step_end_with_it(
        self, executor: Executor, begin: Callable[..., Task], tmp_path: Path
    ) -> None:
        """No orphans after success."""
        if Cap.ISOLATION in executor.lacks:
            assert executor.lacks[Cap.ISOLATION]
            return
        pid_file = tmp_path / "pids"
        begin(leave_children, inputs={"pid_file": Plain(value=str(pid_file))})
        assert _one(executor).report.failure is None
        pids = [int(pid) for pid in pid_file.read_text().split()]
        wait_until(lambda: not any(map(is_alive, pids)), "the end of the step's children")

    def test_a_worker_that_is_killed_is_named_and_the_executor_goes_on(
        self, executor: Executor, begin: Callable[..., Task]
    ) -> None:
        """A lost worker is a failure that may pass."""
        if Cap.ISOLATION in executor.lacks:
            assert executor.lacks[Cap.ISOLATION]
            return
        begin(die)
        failure = _one(executor).report.failure
        assert failure is not None
        assert (failure.type, failure.transient) == (LOST, True)
        assert "SIGKILL" in (failure.why or "")
        begin(add, inputs={"left": Plain(value=1)})
        assert _one(executor).report.failure is None

    def test_closing_stops_what_runs(self, executor: Executor, begin: Callable[..., Task], tmp_path: Path) -> None:
        """Nothing outlives the executor."""
        if Cap.STOP in executor.lacks:
            executor.close()
            return
        pid_file = tmp_path / "pids"
        begin(hang, inputs={"pid_file": Plain(value=str(pid_file))})
        wait_until(pid_file.exists, "the start of the step")
        executor.close()
        pids = [int(pid) for pid in pid_file.read_text().split()]
        wait_until(lambda: not any(map(is_alive, pids)), "the end of the step's children")


def _task(project: Project, folder: Path, function: Callable[..., Any], **facts: Any) -> Task:
    id_ = new_id()
    names = ("root", "home", "ledger", "artifacts", "actor", "durability")
    return Task(
        run_id=new_id(),
        step=function.__name__,
        step_run_id=id_,
        entry=Entry(module=__name__, qualname=function.__qualname__),
        folder=str(folder / "work" / id_),
        settings={name: str(getattr(project.settings, name)) for name in names},
        **facts,
    )


def _one(executor: Executor) -> Ended:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for ended in executor.wait(0.5):
            return ended
    raise AssertionError("the task did not end")


def _log(task: Task) -> str:
    return (Path(task.folder) / LOG_FILE).read_text()
