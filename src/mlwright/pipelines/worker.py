"""The process that runs one task: `mlwright exec <task file>`.

Started by the process executor it is two processes. The guard holds the engine's lifeline (a pipe that closes when the
engine dies, however it dies), and runs the step in a child with a process group of its own. When the engine is gone, or
the step has ended, the guard kills whatever is left of the group and of the processes that the step started, so nothing
outlives it. The guard imports nothing that it doesn't need.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys

_LIFELINE = "--lifeline"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run the task of a file.

    Args:
        arguments: The task file; before it `--lifeline` when standard input is a pipe that the engine holds open.

    Returns:
        0 when the step succeeded, 1 when it failed; the report is beside the task file.
    """
    if arguments and arguments[0] == _LIFELINE:
        return _guard(arguments[1])
    return run_file(arguments[0])


def run_file(path: str) -> int:
    """Run the task of a file in this process and write its report beside it."""
    from pathlib import Path

    import msgspec

    from mlwright.pipelines.execution import execute
    from mlwright.pipelines.port import Task, write_report

    task = msgspec.json.decode(Path(path).read_bytes(), type=Task)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    report = execute(task)
    sys.stdout.flush()
    sys.stderr.flush()
    write_report(Path(path).parent, report)
    return 0 if report.failure is None else 1


def _guard(path: str) -> int:
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        _become_step(path, guard)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    code = _watch(child)
    _kill_all(child)
    return code


def _become_step(path: str, guard: int) -> None:
    """Run the task in the forked child; never returns."""
    code = 1
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        code = run_file(path)
    except BaseException:  # noqa: BLE001  # boundary: the child must end here, whatever happens
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _watch(child: int) -> int:
    """Wait until the child ends or the lifeline breaks; return the child's exit code."""
    if not hasattr(os, "pidfd_open"):
        return _watch_by_polling(child)
    process = os.pidfd_open(child)
    ready, _, _ = select.select([0, process], [], [])
    os.close(process)
    if process not in ready:
        _kill_all(child)
    return _reap(child)


def _watch_by_polling(child: int) -> int:
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return _exit_code(status)
        if select.select([0], [], [], 0.02)[0]:
            _kill_all(child)
            return _reap(child)


def _reap(child: int) -> int:
    try:
        return _exit_code(os.waitpid(child, 0)[1])
    except ChildProcessError:
        return -signal.SIGKILL


def _exit_code(status: int) -> int:
    # A child killed by a signal makes the guard end with 128 + that signal, as shells have it.
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _kill_all(child: int) -> None:
    """Kill the step's process group, and then whatever else it started (orphans become the guard's children)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    for _ in range(100):
        orphans = [pid for pid in _children() if pid != child]
        if not orphans:
            return
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    me = os.getpid()
    try:
        with open(f"/proc/{me}/task/{me}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _prctl(option: int, value: int) -> None:
    """Ask the Linux kernel; elsewhere the lifeline alone has to do."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
