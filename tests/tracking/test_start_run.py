"""Runs of scripts: nested, resumed, forked, ended by hand; and what may not be logged."""

from __future__ import annotations

import errno
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from logged import journal_files, only_run, run_named, values

from mlwright import current_run, log_metrics, log_params, set_note, set_tags, start_run
from mlwright import project as projects
from mlwright.errors import Conflict, InvalidInput, InvalidUsage, NotFound, StorageFull
from mlwright.ledger import resuming, tracked
from mlwright.project import Project
from mlwright.tracking import recovery
from mlwright.tracking.destinations import LedgerDestination
from mlwright.tracking.journal import Journal, read
from mlwright.tracking.records import NewRun, Opened, Params
from mlwright.tracking.scripts import ScriptRun


@pytest.fixture
def current(project: Project) -> Project:
    projects.use(project)
    return project


def test_a_run_needs_no_block(current: Project) -> None:
    run = start_run("free", tags={"a": "1"}, note="first")
    assert current_run() is run
    log_metrics(x=1)
    set_note("second")
    run.end()
    run.end("failed")
    row = only_run(current)
    assert (row.status, row.name) == ("succeeded", "free")
    assert current_run() is None
    with current.ledger.read() as connection:
        assert tracked.tags_of(connection, run.id)["a"] == "1"


def test_a_run_inside_a_run_is_a_part_of_it(current: Project) -> None:
    with start_run("outer") as outer:
        with start_run("inner") as inner:
            log_params(depth=2)
        assert current_run() is outer
        thread = threading.Thread(target=lambda: start_run("threaded").end())
        thread.start()
        thread.join()
        log_params(depth=1)
    assert run_named(current, "inner").parent_id == outer.id
    assert run_named(current, "threaded").parent_id == outer.id
    assert run_named(current, "outer").parent_id is None
    with current.ledger.read() as connection:
        assert tracked.params_of(connection, inner.id) == {"depth": 2}
        assert tracked.params_of(connection, outer.id) == {"depth": 1}


def test_a_run_is_resumed_by_name_and_its_steps_go_on(current: Project) -> None:
    with pytest.raises(NotFound, match="no run 'resnet' of the experiment 'vision'"):
        start_run("resnet", "vision", resume=True)
    with pytest.raises(RuntimeError), start_run("resnet", "vision", resume="allow") as first:  # noqa: PT012
        for place in range(3):
            log_metrics(loss=float(place))
        raise RuntimeError
    with start_run("resnet", "other"):
        pass
    with start_run("resnet", "vision", resume=True) as second:
        log_metrics(loss=3.0)
        set_tags(again="yes")
    assert second.id == first.id
    assert values(current, first.id, "loss") == [(place, float(place)) for place in range(4)]
    with current.ledger.read() as connection:
        found = resuming.find_resumable(connection, run_id=first.id)
    assert found is not None
    assert (found.status, found.steps) == ("succeeded", {"loss": 4})
    with start_run(resume=first.id) as third:
        assert third.name == "resnet"
    with pytest.raises(InvalidUsage, match="which run"):
        start_run(resume=True)
    with pytest.raises(NotFound, match="no run 'nonsense'"):
        start_run(resume="nonsense")


KILLED = """
import os, signal
from mlwright import start_run
with start_run("resnet") as run:
    for place in range(50):
        run.log_metrics(loss=float(place))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_is_resumed_after_the_last_point_that_was_logged(current: Project, project_folder: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], cwd=project_folder, check=False)
    with start_run("resnet", resume=True) as run:
        run.log_metrics(loss=50.0)
    assert values(current, run.id, "loss") == [(place, float(place)) for place in range(51)]
    assert run_named(current, "resnet").status == "succeeded"


def test_two_writers_of_one_run_lose_nothing(current: Project) -> None:
    first = start_run("shared")
    first.ship()
    second = start_run(resume=first.id)
    for place in range(100):
        first.log_metrics(a=place)
        second.log_metrics(b=place)
    second.end()
    first.log_metrics(a=100)
    first.end()
    assert len(values(current, first.id, "a")) == 101
    assert len(values(current, first.id, "b")) == 100


FORKING = """
import os
from mlwright import log_metrics, start_run
with start_run("forking") as run:
    log_metrics(parent=0)
    children = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            for place in range(100):
                log_metrics({f"child{number}": place})
            raise SystemExit(number)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    log_metrics(parent=1)
"""


def test_what_forked_processes_log_is_the_runs_and_only_its_own_process_ends_it(
    current: Project, project_folder: Path
) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING], cwd=project_folder, check=True)
    row = run_named(current, "forking")
    assert row.status == "succeeded"
    assert values(current, row.id, "parent") == [(0, 0.0), (1, 1.0)]
    for number in range(3):
        assert len(values(current, row.id, f"child{number}")) == 100


def test_a_forked_process_that_outlives_the_run_is_told(current: Project, tmp_path: Path) -> None:
    run = start_run()
    journal = run._journal or run._open_journal()
    run._path.unlink()
    journal.renew_after_fork()
    with pytest.raises(Conflict, match="forked"):
        journal.append(Params(values={"a": 1}))
    journal._forked = False
    run.end()


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: log_metrics({"a\nb": 1}), "is no name for a metric"),
        (lambda: log_metrics({"k" * 251: 1}), "is no name for a metric"),
        (lambda: log_metrics({3: 1}), "3 is no name"),  # type: ignore[dict-item]
        (lambda: log_metrics(x=[1, 2]), "no number"),  # type: ignore[arg-type]
        (lambda: log_metrics(x=1, step=1.5), "step 1.5 is no whole number"),  # type: ignore[arg-type]
        (lambda: log_metrics(x=1, step=2**63), "is no whole number of 64 bits"),
        (lambda: log_params(x="a\x00b"), "parameter 'x' has a text that can't be kept"),
        (lambda: log_params(x={"a": ["\ud800"]}), "parameter 'x' has a text that can't be kept"),
        (lambda: set_tags(x="\x00"), "tag 'x' has a text"),
        (lambda: log_params(x="y" * (17 << 20)), "one call takes at most"),
        (lambda: start_run(""), "'' is no name for a run"),
        (lambda: start_run("a", "e" * 300), "no name for a experiment"),
    ],
)
def test_what_may_not_be_logged_is_named_and_nothing_of_it_is_kept(
    current: Project, act: Callable[[], Any], text: str
) -> None:
    with start_run() as run:
        with pytest.raises(InvalidInput, match=text):
            act()
        log_metrics(fine=1)
    assert values(current, run.id, "fine") == [(0, 1.0)]


def test_strange_but_sound_values_come_back(current: Project) -> None:
    import numpy as np

    with start_run() as run:
        log_params(
            nan=math.nan, big=2**70, array=np.arange(3), scalar=np.float32(0.5), deep={"a": [math.inf]}, none=None
        )
        log_params(long="x" * 100_000, when=datetime(2026, 1, 1, tzinfo=UTC))
        log_metrics(x=math.inf, step=np.int64(7))
        log_metrics({"x": -math.inf, "y": math.nan}, step=-3)
    with current.ledger.read() as connection:
        found = tracked.params_of(connection, run.id)
    assert found["nan"] == "nan"
    assert found["big"] == str(2**70)
    assert found["array"] == [0, 1, 2]
    assert found["scalar"] == 0.5
    assert found["deep"] == {"a": ["inf"]}
    assert len(found["long"]) == 100_000
    assert values(current, run.id, "x") == [(-3, -math.inf), (7, math.inf)]


def test_after_the_last_step_there_is_none_and_nothing_is_lost(current: Project) -> None:
    with start_run() as run:
        log_metrics(x=1, step=2**63 - 1)
        log_metrics(x=2)
        log_metrics(y=3)
    assert {step for step, _ in values(current, run.id, "x")} == {2**63 - 1}
    assert values(current, run.id, "y") == [(0, 3.0)]


def test_a_full_disk_is_a_named_error_and_the_run_goes_on_after_it(
    current: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with start_run() as run:
        log_metrics(x=1)
        with monkeypatch.context() as patch, pytest.raises(StorageFull):  # noqa: PT012
            patch.setattr(os, "write", full)
            log_metrics(x=2)
        log_metrics(x=3)
    assert [value for _, value in values(current, run.id, "x")] == [1.0, 3.0]


def test_a_clock_that_goes_backwards_changes_nothing_of_the_order(current: Project) -> None:
    class Falling:
        def __init__(self) -> None:
            self.at = datetime(2026, 3, 1, tzinfo=UTC)

        def now(self) -> datetime:
            self.at -= timedelta(hours=1)
            return self.at

    with start_run() as run:
        run.clock = Falling()
        for place in range(5):
            log_metrics(x=place)
    assert values(current, run.id, "x") == [(place, float(place)) for place in range(5)]
    assert (only_run(current).duration_s or 0) >= 0


def dead_journal(project: Project, count: int) -> Journal:
    from mlwright.ledger.leases import this_process

    host, pid, _ = this_process().rsplit(":", 2)
    new = NewRun(name="dead", experiment="e", actor="user:test")
    opened = Opened(journal_id="j" * 26, run_id="r" * 26, at=project.clock.now(), owner=f"{host}:{pid}:1", run=new)
    journal = Journal(project.settings.home / "journals" / f"{'j' * 26}.journal", opened)
    for place in range(count):
        journal.append(Params(values={f"p{place}": place}))
    return journal


def test_a_damaged_journal_is_shipped_as_far_as_it_is_sound_and_put_aside(project: Project) -> None:
    journal = dead_journal(project, 10)
    frames = list(read(journal.path))
    content = bytearray(journal.path.read_bytes())
    content[frames[5].position + 10] ^= 1
    journal.path.write_bytes(content)
    found = recovery.recover(LedgerDestination(project))
    assert "damaged" in found.refused[0].reason
    with project.ledger.read() as connection:
        assert tracked.params_of(connection, "r" * 26) == {f"p{place}": place for place in range(4)}
    assert Path(found.refused[0].path).read_bytes() == bytes(content)
    assert [refusal.run_id for refusal in recovery.refusals(project.settings.home / "journals")] == ["r" * 26]


def test_a_torn_tail_is_no_damage(project: Project) -> None:
    journal = dead_journal(project, 3)
    with journal.path.open("ab") as file:
        file.write(b"\x40\x00\x00\x00torn")
    found = recovery.recover(LedgerDestination(project))
    assert (found.journals, found.refused) == (1, [])
    assert only_run(project).status == "failed"
    assert journal_files(project) == []


def test_old_journals_are_still_read(project: Project) -> None:
    import msgspec

    from mlwright.tracking.records import Record

    old = {
        "kind": "open",
        "journal_id": "j" * 26,
        "run_id": "r" * 26,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "step": "",
    }
    run = {"name": "n", "experiment": "e", "actor": "a", "source": {}}
    record = msgspec.msgpack.decode(msgspec.msgpack.encode({**old, "run": run}), type=Record)
    assert isinstance(record, Opened)
    assert record.run == NewRun(name="n", experiment="e", actor="a")


def test_an_exit_without_fault_is_success(current: Project) -> None:
    with pytest.raises(SystemExit), start_run("fine"):
        sys.exit(0)
    with pytest.raises(SystemExit), start_run("bad"):
        sys.exit(3)
    assert run_named(current, "fine").status == "succeeded"
    assert run_named(current, "bad").status == "failed"


def test_many_short_runs_share_one_thread(current: Project) -> None:
    for place in range(20):
        with start_run(f"r{place}"):
            log_metrics(x=place)
    named = [thread.name for thread in threading.enumerate() if thread.name == "mlwright-ship"]
    assert len(named) == 1
    with start_run("typed") as typed:
        assert isinstance(typed, ScriptRun)
