"""Runs that have ended are shipped a moment later, many at once; nobody in their process can tell."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from mlwright.ledger import Ledger, curves, debts, folders, runs, tracked
from mlwright.ledger.outbox import read_events
from mlwright.ledger.schema import journals
from mlwright.project import Project
from mlwright.testing.executors import wait_until
from mlwright.tracking import shipping, start_run
from mlwright.tracking.destinations import journals_folder
from mlwright.tracking.scripts import ScriptRun


@pytest.fixture
def project(tmp_path: Path, ledger_url: str) -> Iterator[Project]:
    with Project.open(tmp_path, home=tmp_path / "home", ledger=ledger_url, capture="none") as found:
        yield found


def ended(project: Project, name: str, **tags: str) -> str:
    with start_run(name, project=project, tags=tags) as run:
        run.log_metrics({"loss": 0.5})
        run.log_params(c=1)
    return run.id


def statuses(project: Project) -> dict[str, str]:
    with project.ledger.read() as connection:
        return {row.name: row.status for row in runs.list_runs(connection, limit=500)}


def test_who_reads_the_ledger_finds_every_run_that_has_ended(project: Project) -> None:
    ids = [ended(project, f"r{number}", owner="kim") for number in range(70)]
    assert statuses(project) == {f"r{number}": "succeeded" for number in range(70)}
    assert not list(journals_folder(project.settings).glob("*.journal"))
    with project.ledger.read() as connection:
        assert curves.last_metrics(connection, ids[-1]) == {"loss": 0.5}
        assert tracked.params_of(connection, ids[-1]) == {"c": 1}
        assert tracked.tags_of(connection, ids[-1]) == {"owner": "kim"}
        assert connection.execute(sa.select(sa.func.count()).select_from(journals)).scalar_one() == 70
        events = read_events(connection, subject=f"run/{ids[0]}")
    assert [event.type for event in events] == ["run.started", "run.succeeded"]


def test_another_ledger_object_of_the_same_database_finds_them_too(project: Project) -> None:
    ended(project, "mine")
    with Ledger(project.ledger.url, create=False) as other, other.read() as connection:
        assert [row.name for row in runs.list_runs(connection)] == ["mine"]


def test_they_arrive_though_nobody_reads(project: Project) -> None:
    ended(project, "mine")
    wait_until(lambda: not list(journals_folder(project.settings).glob("*.journal")), "shipping the run")


def test_a_run_that_ends_within_a_transaction_does_not_wait_for_that(project: Project) -> None:
    with project.ledger.write():
        run = start_run("inner", project=project)
        if not project.ledger.is_sqlite:
            run.end()
    run.end()
    assert statuses(project) == {"inner": "succeeded"}


def test_readers_in_many_threads_see_the_runs_of_their_own(project: Project) -> None:
    missing: list[str] = []

    def work(number: int) -> None:
        for place in range(6):
            name = f"t{number}-{place}"
            ended(project, name)
            if statuses(project).get(name) != "succeeded":
                missing.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not missing


def test_a_run_that_cannot_be_written_does_not_hold_up_the_others(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shipping.ship_whole

    def refuse(tx: object, found: list[object]) -> object:
        raise RuntimeError("not together")

    monkeypatch.setattr(shipping, "ship_whole", refuse)
    ended(project, "one")
    ended(project, "two")
    assert statuses(project) == {"one": "succeeded", "two": "succeeded"}
    monkeypatch.setattr(shipping, "ship_whole", whole)


def test_runs_that_are_long_or_were_shipped_in_part_end_with_the_others(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "BATCH", 5)
    monkeypatch.setattr(shipping, "MOST_ROWS", 8)
    with debts.busy():
        found: list[ScriptRun] = []
        for number in range(4):
            run = start_run(f"r{number}", project=project)
            for step in range(3 * number):
                run.log_metrics({"loss": float(step)})
            found.append(run)
    found[3].ship()
    for run in found:
        run.end()
    assert set(statuses(project).values()) == {"succeeded"}
    with project.ledger.read() as connection:
        assert [len(curves.history(connection, run.id, "loss")) for run in found] == [0, 3, 6, 9]
    assert not list(journals_folder(project.settings).glob("*.journal"))


def test_they_inherit_what_their_experiment_hands_down(project: Project) -> None:
    with project.ledger.write() as tx:
        settings = folders.Inherited(tags={"team": "vision", "owner": "lee"}, note="see the wiki")
        folders.put_settings(tx, runs.ensure_experiment(tx, "e"), settings)
    with start_run("mine", "e", project=project, tags={"owner": "kim"}) as run:
        pass
    with project.ledger.read() as connection:
        assert tracked.tags_of(connection, run.id) == {"team": "vision", "owner": "kim"}
        assert runs.get_run(connection, run.id).note == "see the wiki"
