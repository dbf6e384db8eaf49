"""Logging from plain scripts, and the way of what was logged to the ledger."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlwright import current_run, log_artifact, log_metrics, log_params, set_tags, start_run
from mlwright import project as projects
from mlwright.artifacts import codecs
from mlwright.errors import Conflict, InvalidInput, LedgerUnavailable, NotFound, TypeMismatch
from mlwright.ledger import curves, runs, tracked
from mlwright.ledger.outbox import read_events
from mlwright.project import Project
from mlwright.tracking import recover, ship, shipping
from mlwright.tracking.journal import Journal
from mlwright.tracking.records import NewRun, Opened, Params, Points


@pytest.fixture
def current(project: Project) -> Project:
    projects.use(project)
    return project


def only_run(project: Project) -> runs.RunRow:
    with project.ledger.read() as connection:
        (row,) = runs.list_runs(connection)
    return row


def values(project: Project, run_id: str, key: str) -> list[tuple[int, float]]:
    with project.ledger.read() as connection:
        return [(point.step, point.value) for point in curves.history(connection, run_id, key)]


def journal_files(project: Project) -> list[Path]:
    return list((project.settings.home / "journals").glob("*"))


def test_what_a_block_logs_is_in_the_ledger_when_it_ends(current: Project) -> None:
    with start_run("baseline", experiment="churn") as run:
        assert current_run() is run
        log_params({"model": {"depth": 3}}, lr=0.1, layers=[1, 2])
        for place in range(3):
            log_metrics({"loss": 1.0 / (place + 1)}, auc=place)
        log_metrics({"loss": math.nan}, step=10)
        set_tags(team="risk")
        digest = log_artifact("report", {"rows": 3})
    row = only_run(current)
    assert (row.id, row.name, row.experiment, row.kind, row.status) == (
        run.id,
        "baseline",
        "churn",
        "script",
        "succeeded",
    )
    with current.ledger.read() as connection:
        assert tracked.params_of(connection, run.id) == {"model": {"depth": 3}, "lr": 0.1, "layers": [1, 2]}
        assert tracked.tags_of(connection, run.id) == {"team": "risk"}
        last = curves.last_metrics(connection, run.id)
        (artifact,) = tracked.artifacts_of(connection, run.id)
        types = [event.type for event in read_events(connection)]
    assert values(current, run.id, "loss")[:3] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert last["auc"] == 2.0
    assert math.isnan(last["loss"])
    assert (artifact.name, artifact.digest) == ("report", digest)
    assert codecs.load(current.store, digest, artifact.codec) == {"rows": 3}
    assert types == ["run.started", "run.succeeded"]
    assert journal_files(current) == []
    assert current_run() is None


def test_a_block_that_raises_is_a_failed_run_and_an_interrupted_one_a_cancelled_run(current: Project) -> None:
    with pytest.raises(ZeroDivisionError), start_run():
        log_metrics(x=1 / 0)
    row = only_run(current)
    assert row.status == "failed"
    assert row.error == {"type": "ZeroDivisionError", "what": "division by zero"}
    with pytest.raises(KeyboardInterrupt), start_run("second"):
        raise KeyboardInterrupt
    with current.ledger.read() as connection:
        assert runs.list_runs(connection)[0].status == "cancelled"


def test_logging_to_a_run_that_has_ended_is_refused(current: Project) -> None:
    with start_run() as run:
        pass
    with pytest.raises(Conflict, match="has ended"):
        run.log_metrics({"x": 1})


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: log_metrics(x="high"), "metric 'x' has the value 'high', which is no number"),
        (lambda: log_params(x=object()), "parameter 'x' is a object, which is not JSON"),
        (lambda: log_metrics({"": 1}), "'' is no name for a metric"),
        (lambda: set_tags({"k" * 300: "v"}), "is no name for a tag"),
    ],
)
def test_what_cannot_be_logged_is_named(current: Project, act: Callable[[], Any], text: str) -> None:
    with start_run(), pytest.raises(InvalidInput, match=text):
        act()


def test_an_artifact_of_an_unknown_type_or_a_missing_file_is_named(current: Project) -> None:
    with start_run():
        with pytest.raises(TypeMismatch, match="function"):
            log_artifact("f", lambda: 1)
        with pytest.raises(NotFound, match="nowhere"):
            log_artifact("f", Path("nowhere"))


def test_threads_started_in_a_block_log_to_its_run(current: Project) -> None:
    with start_run() as run:
        thread = threading.Thread(target=lambda: log_metrics(x=1.0))
        thread.start()
        thread.join()
    assert values(current, run.id, "x") == [(0, 1.0)]


def open_journal(project: Project, owner: str = "elsewhere:1:1") -> Journal:
    new = NewRun(name="n", experiment="e", actor="user:test")
    opened = Opened(journal_id="j" * 26, run_id="r" * 26, at=project.clock.now(), owner=owner, run=new)
    return Journal(project.settings.home / "journals" / "j.journal", opened)


def test_shipping_again_and_again_counts_nothing_twice(project: Project) -> None:
    journal = open_journal(project)
    for place in range(7):
        journal.append(Points(values={"a": (place, 1.0), "b": (place, 2.0)}, at=project.clock.now()))
        assert ship(project, journal.path) == (2 if place == 0 else 1)
        assert ship(project, journal.path) == 0
    assert len(values(project, "r" * 26, "a")) == 7


def test_concurrent_shippers_and_a_torn_tail_count_nothing_twice(project: Project) -> None:
    journal = open_journal(project)
    for place in range(500):
        journal.append(Points(values={"a": (place, float(place))}, at=project.clock.now()))
    with journal.path.open("ab") as file:
        file.write(b"\x40\x00\x00\x00torn")
    threads = [threading.Thread(target=ship, args=(project, journal.path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [step for step, _ in values(project, "r" * 26, "a")] == list(range(500))


def test_a_transaction_that_fails_half_way_ships_nothing_and_the_next_ships_all(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = open_journal(project)
    journal.append(Points(values={"a": (0, 1.0)}, at=project.clock.now()))
    journal.append(Params(values={"p": 1}))
    real = tracked.write_journal

    def fail(*_: Any) -> None:
        raise LedgerUnavailable("gone.")

    monkeypatch.setattr(tracked, "write_journal", fail)
    with pytest.raises(LedgerUnavailable):
        ship(project, journal.path)
    monkeypatch.setattr(tracked, "write_journal", real)
    assert values(project, "r" * 26, "a") == []
    assert ship(project, journal.path) == 3
    assert values(project, "r" * 26, "a") == [(0, 1.0)]


def test_batches_smaller_than_the_journal_ship_it_whole(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "BATCH", 3)
    journal = open_journal(project)
    for place in range(10):
        journal.append(Points(values={"a": (place, 1.0)}, at=project.clock.now()))
    assert ship(project, journal.path) == 11
    assert len(values(project, "r" * 26, "a")) == 10


def test_the_journal_of_a_dead_process_is_recovered_and_its_run_has_failed(project: Project) -> None:
    from mlwright.ledger.leases import this_process

    alive = open_journal(project, owner=this_process())
    assert recover(project) == 0
    alive.close()
    alive.path.unlink()
    host, pid, _ = this_process().rsplit(":", 2)
    dead = open_journal(project, owner=f"{host}:{pid}:1")
    dead.append(Points(values={"a": (0, 1.0)}, at=project.clock.now()))
    assert recover(project) == 1
    row = only_run(project)
    assert (row.status, (row.error or {})["type"]) == ("failed", "ProcessDied")
    assert values(project, row.id, "a") == [(0, 1.0)]
    assert journal_files(project) == []


SCRIPT = """
import sys, time
from mlwright import log_metrics, log_params
log_params(script=1)
for place in range(int(sys.argv[1])):
    log_metrics({"loss": float(place)})
    print(place, flush=True)
    time.sleep(float(sys.argv[2]))
if len(sys.argv) > 3:
    raise RuntimeError(sys.argv[3])
"""


def script(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    (folder / "train.py").write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, "train.py", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("arguments", "status"), [((), "succeeded"), (("no luck",), "failed")])
def test_a_plain_script_that_logs_is_a_run_that_ends_with_the_process(
    project: Project, project_folder: Path, arguments: tuple[str, ...], status: str
) -> None:
    script(project_folder, "3", "0", *arguments).communicate()
    row = only_run(project)
    assert row.status == status
    assert row.name.startswith("train-")
    assert (row.source or {})["entry"] == "train.py"
    assert len(values(project, row.id, "loss")) == 3
    if arguments:
        assert row.error == {"type": "RuntimeError", "what": "no luck"}


def test_a_script_killed_at_random_moments_loses_nothing_that_was_logged(
    project: Project, project_folder: Path
) -> None:
    for _ in range(3):
        process = script(project_folder, "100000", "0.001")
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline())
        time.sleep(random.uniform(0.0, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged = max([acknowledged, *map(int, rest.split())])
        assert recover(project) == 1
        with project.ledger.read() as connection:
            row = runs.list_runs(connection)[0]
        assert row.status == "failed"
        seen = [step for step, _ in values(project, row.id, "loss")]
        assert seen == list(range(len(seen)))
        assert len(seen) in (acknowledged + 1, acknowledged + 2)
        assert recover(project) == 0


@pytest.mark.parametrize("count", [3])
def test_runs_are_found_by_what_people_type(project: Project, count: int) -> None:
    with project.ledger.read() as connection, pytest.raises(NotFound, match="no run yet"):
        runs.find_run(connection, "@latest")
    ids = [f"01k{place}{'0' * 12}{place}abcdefghi"[:26] for place in range(count)]
    with project.ledger.write("user:test") as tx:
        for id_ in ids:
            runs.create_run(tx, runs.NewRun(id=id_, experiment="e", name=id_, kind="script"))
    with project.ledger.read() as connection:
        assert runs.find_run(connection, "@latest").id == ids[-1]
        assert runs.find_run(connection, ids[0]).id == ids[0]
        assert runs.find_run(connection, ids[1][-10:].upper()).id == ids[1]
        assert runs.find_run(connection, ids[2][:4]).id == ids[2]
        with pytest.raises(Conflict, match="several runs"):
            runs.find_run(connection, "abcdefghi")
        with pytest.raises(NotFound, match="too short"):
            runs.find_run(connection, "ghi")
        with pytest.raises(NotFound, match="does not exist"):
            runs.find_run(connection, "zzzz")
        first = runs.list_runs(connection, limit=2)
        assert [row.id for row in first] == ids[:0:-1]
        assert [row.id for row in runs.list_runs(connection, before=first[-1].id)] == [ids[0]]
        assert runs.list_runs(connection, runs.RunFilter(experiment="other")) == []
        assert runs.count_runs(connection) == {"running": 3}
