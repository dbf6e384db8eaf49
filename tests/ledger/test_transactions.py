from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from mlwright.core.clock import ReplayClock
from mlwright.errors import LedgerUnavailable
from mlwright.ledger import Ledger, meta, outbox, store
from mlwright.ledger.schema import events, models

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def add_experiment(tx: object, name: str) -> None:
    tx.execute(sa.insert(models).values(name=name, created_at=tx.now, changed_at=tx.now))  # type: ignore[attr-defined]


def names(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return list(connection.execute(sa.select(models.c.name).order_by(models.c.name)).scalars())


def all_events(ledger: Ledger, **conditions: object) -> list[outbox.Event]:
    with ledger.read() as connection:
        return outbox.read_events(connection, **conditions)  # type: ignore[arg-type]


def test_a_change_and_its_event_appear_together(ledger: Ledger) -> None:
    with ledger.write("user:ada") as tx:
        add_experiment(tx, "first")
        tx.emit("experiment.created", "experiment/first", colour="red")
    assert names(ledger) == ["first"]
    (event,) = all_events(ledger)
    assert (event.type, event.subject, event.actor) == ("experiment.created", "experiment/first", "user:ada")
    assert event.data == {"colour": "red"}


def test_an_exception_takes_back_the_change_and_its_event(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.write() as tx:
            add_experiment(tx, "first")
            tx.emit("experiment.created", "experiment/first")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert names(ledger) == []
    assert all_events(ledger) == []


def test_nothing_is_visible_before_the_commit(ledger: Ledger) -> None:
    with ledger.write() as tx:
        add_experiment(tx, "first")
        tx.emit("experiment.created", "experiment/first")
        assert names(ledger) == []
        assert all_events(ledger) == []


def test_a_reader_sees_one_state_for_as_long_as_it_reads(ledger: Ledger) -> None:
    with ledger.read() as connection:
        count = sa.select(sa.func.count()).select_from(models)
        assert connection.execute(count).scalar() == 0
        with ledger.write() as tx:
            add_experiment(tx, "first")
        assert connection.execute(count).scalar() == 0
    assert names(ledger) == ["first"]


def test_all_facts_of_a_transaction_carry_one_moment_of_the_ledgers_clock(ledger_url: str) -> None:
    clock = ReplayClock(MARCH)
    with Ledger(ledger_url, clock=clock) as ledger:
        with ledger.write() as tx:
            first = tx.emit("a.happened", "a")
            clock.advance(MARCH + timedelta(hours=1))
            second = tx.emit("b.happened", "b")
        assert first.time == second.time == MARCH
        with ledger.write() as tx:
            assert tx.now == MARCH + timedelta(hours=1)
        assert abs(all_events(ledger)[0].recorded_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_events_are_numbered_in_the_order_of_their_commits(ledger: Ledger) -> None:
    """A reader that follows by number must not miss an event whose transaction began early and ended late."""
    writers, each = 6, 15
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        while True:
            is_last = done.is_set()
            found = all_events(ledger, after=seen[-1] if seen else 0)
            seen.extend(event.seq for event in found)
            if is_last and not found:
                return

    def write(writer: int) -> None:
        for number in range(each):
            with ledger.write() as tx:
                tx.emit("thing.happened", f"thing/{writer}/{number}")
                time.sleep(0.001 * (writer % 3))

    with ThreadPoolExecutor(writers + 1) as pool:
        follower = pool.submit(follow)
        list(pool.map(write, range(writers)))
        done.set()
        follower.result(timeout=60)
    assert len(seen) == writers * each
    assert seen == sorted(seen)


def test_concurrent_writers_all_commit(ledger: Ledger) -> None:
    def write(number: int) -> None:
        with ledger.write() as tx:
            known = tx.execute(sa.select(sa.func.count()).select_from(models)).scalar()
            add_experiment(tx, f"{number:03}-{known}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(60)))
    assert len(names(ledger)) == 60


def test_events_are_found_by_type_subject_time_and_place(ledger_url: str) -> None:
    clock = ReplayClock(MARCH)
    with Ledger(ledger_url, clock=clock) as ledger:
        for day, (type_, subject) in enumerate(
            [("run.started", "run/a"), ("run.failed", "run/a"), ("run.started", "run/a_b"), ("alias.set", "model/m/1")]
        ):
            clock.advance(MARCH + timedelta(days=day))
            with ledger.write() as tx:
                tx.emit(type_, subject)

        def found(**conditions: object) -> list[int]:
            return [event.seq for event in all_events(ledger, **conditions)]

        assert found() == [1, 2, 3, 4]
        assert found(types=["run.started", "alias.set"]) == [1, 3, 4]
        assert found(subject="run/a") == [1, 2]
        assert found(subject="run/") == [1, 2, 3]
        assert found(subject="model/m/") == [4]
        assert found(subject="run/%") == []
        assert found(since=MARCH + timedelta(days=1), until=MARCH + timedelta(days=3)) == [2, 3]
        assert found(after=1, before=4) == [2, 3]
        assert found(limit=2, newest_first=True) == [4, 3]


def test_an_event_is_found_by_its_id(ledger: Ledger) -> None:
    with ledger.write() as tx:
        event = tx.emit("thing.happened", "thing", number=1)
    with ledger.read() as connection:
        assert outbox.find_event(connection, event.id) == event
        assert outbox.find_event(connection, "none") is None
        assert outbox.last_seq(connection) == event.seq


def test_a_place_in_the_order_is_never_used_twice(ledger: Ledger) -> None:
    with ledger.write() as tx:
        last = tx.emit("thing.happened", "thing").seq
    with ledger.write() as tx:
        tx.execute(sa.delete(events))
    with ledger.write() as tx:
        assert tx.emit("thing.happened", "thing").seq > last


def test_a_subscriber_that_dies_before_it_moves_its_cursor_sees_the_event_again(ledger: Ledger) -> None:
    for number in range(3):
        with ledger.write() as tx:
            tx.emit("thing.happened", "thing", number=number)

    def handle_one(*, dies: bool) -> int:
        with ledger.write() as tx:
            after = outbox.read_cursor(tx.connection, "counter")
            event = outbox.read_events(tx.connection, after=after, limit=1)[0]
            add_experiment(tx, f"handled-{event.data['number']}")
            if dies:
                raise RuntimeError("killed")
            outbox.move_cursor(tx.connection, "counter", event.seq)
            return int(event.data["number"])

    assert handle_one(dies=False) == 0
    with pytest.raises(RuntimeError):
        handle_one(dies=True)
    assert handle_one(dies=False) == 1
    assert handle_one(dies=False) == 2
    assert names(ledger) == ["handled-0", "handled-1", "handled-2"]


def test_a_cursor_never_moves_backwards_and_each_subscriber_has_its_own(ledger: Ledger) -> None:
    with ledger.write() as tx:
        outbox.move_cursor(tx.connection, "a", 5)
        outbox.move_cursor(tx.connection, "a", 3)
        outbox.move_cursor(tx.connection, "b", 1)
    with ledger.read() as connection:
        assert [outbox.read_cursor(connection, name) for name in ("a", "b", "new")] == [5, 1, 0]


def test_waiting_for_events_ends_with_a_commit_or_with_the_time(ledger: Ledger) -> None:
    woken = threading.Event()

    def write_until_it_is_seen() -> None:
        # Nobody can tell from outside when the other thread has begun to wait.
        while not woken.wait(0.05):
            with ledger.write() as tx:
                tx.emit("thing.happened", "thing")

    writer = threading.Thread(target=write_until_it_is_seen, daemon=True)
    writer.start()
    ledger.wait_for_events(3600)
    woken.set()
    writer.join()
    ledger.wait_for_events(0.01)


def test_facts_about_the_ledger_are_set_and_changed(ledger: Ledger) -> None:
    with ledger.write() as tx:
        assert meta.get(tx.connection, "clock") is None
        meta.put(tx, "clock", {"at": 1})
        meta.put(tx, "clock", {"at": 2})
    with ledger.read() as connection:
        assert meta.get(connection, "clock") == {"at": 2}
        assert len(meta.get(connection, "instance")) == 26


def test_a_folder_with_odd_letters_can_hold_a_ledger(tmp_path: Path) -> None:
    folder = tmp_path / "été #1 50% ?x=y"
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        with ledger.write() as tx:
            add_experiment(tx, "first")
        assert names(ledger) == ["first"]
    assert (folder / "ledger.db").is_file()


def test_writers_of_one_process_take_turns_even_if_the_database_would_not_wait(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", durability="normal") as ledger:
        ledger.engine.dispose()

        @sa.event.listens_for(ledger.engine, "connect")
        def never_wait(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA busy_timeout=0")

        def write(number: int) -> None:
            with ledger.write() as tx:
                add_experiment(tx, f"number {number}")
                time.sleep(0.01)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(32)))
        assert len(names(ledger)) == 32


def test_a_write_inside_a_write_of_the_same_process_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_TIMEOUT_S", 0.1)
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", durability="normal") as ledger:
        with ledger.write() as tx:
            add_experiment(tx, "outer")
            with pytest.raises(LedgerUnavailable, match="another thread of this process") as caught, ledger.write():
                pass
            assert "never open one inside another" in str(caught.value)
        assert names(ledger) == ["outer"]
