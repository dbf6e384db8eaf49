"""Curves on both databases: whatever is written in whatever batches, by however many writers, is what is read."""

from __future__ import annotations

import math
import random
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.errors import InvalidInput, NotFound
from mlwright.ledger import Ledger, curves, runs
from mlwright.ledger.curves import Point
from mlwright.ledger.ingest import TAIL
from mlwright.ledger.schema import chunks, points, series

START = datetime(2026, 3, 1, tzinfo=UTC)
START_US = 1_772_323_200_000_000


@pytest.fixture
def run_id(ledger: Ledger) -> str:
    return new_run(ledger)


def new_run(ledger: Ledger) -> str:
    id_ = new_id()
    with ledger.write() as tx:
        runs.create_run(tx, runs.NewRun(id=id_, experiment="e", name="n", kind="script"))
    return id_


def rows(count: int, *, key: str = "loss", since: int = 0) -> list[tuple[str, int, float, int]]:
    return [(key, step, math.sin(step / 50), START_US + 1000 * step) for step in range(since, since + count)]


def write(ledger: Ledger, run_id: str, found: list[tuple[str, int, float, int]], origin: str = "") -> None:
    with ledger.write() as tx:
        curves.add_rows(tx, run_id, found, origin)


def values(ledger: Ledger, run_id: str, key: str = "loss") -> list[tuple[int, float]]:
    with ledger.read() as connection:
        return [(point.step, point.value) for point in curves.history(connection, run_id, key)]


def summary(ledger: Ledger, run_id: str, key: str = "loss") -> curves.Summary:
    with ledger.read() as connection:
        (found,) = [row for row in curves.summaries(connection, [run_id])[run_id] if row.key == key]
    return found


def counted(ledger: Ledger, table: sa.Table) -> int:
    with ledger.read() as connection:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(table.c.count), 0))).scalar_one())


@pytest.mark.parametrize(
    "sizes", [[1] * 5, [1] * 40, [10, 6, 1, 17], [7] * 300, [1000, 1, 1046, 1], [5000], [2047, 1, 2], [1024, 1024, 3]]
)
def test_every_point_is_there_once_in_whatever_batches_it_came(ledger: Ledger, run_id: str, sizes: list[int]) -> None:
    since = 0
    for size in sizes:
        write(ledger, run_id, rows(size, since=since))
        since += size
    assert values(ledger, run_id) == [(step, value) for _, step, value, _ in rows(since)]
    found = summary(ledger, run_id)
    assert (found.count, found.last_step, found.last) == (since, since - 1, math.sin((since - 1) / 50))
    assert found.last_at == START + timedelta(milliseconds=since - 1)
    numbers = [value for _, _, value, _ in rows(since)]
    assert (found.min, found.max) == (min(numbers), max(numbers))
    assert counted(ledger, chunks) % 1024 == 0
    assert since - counted(ledger, chunks) < 2048 + TAIL


def test_nan_and_infinities_are_kept_and_left_out_of_the_extremes_or_not(ledger: Ledger, run_id: str) -> None:
    write(ledger, run_id, [("a", 0, math.nan, 1)])
    found = summary(ledger, run_id, "a")
    assert math.isnan(found.last)
    assert (found.min, found.max) == (None, None)
    write(ledger, run_id, [("a", 1, math.inf, 2), ("a", 2, -math.inf, 3), ("a", 3, math.nan, 4)])
    found = summary(ledger, run_id, "a")
    assert math.isnan(found.last)
    assert (found.min, found.max, found.count) == (-math.inf, math.inf, 4)
    assert [str(value) for _, value in values(ledger, run_id, "a")] == ["nan", "inf", "-inf", "nan"]


def test_the_last_value_is_the_one_at_the_largest_step_and_time_in_whatever_order_they_come(
    ledger: Ledger,
) -> None:
    logged = [("m", 0, 100.0, 1000), ("m", 3, 40.0, 100), ("m", 3, 10.0, 150), ("m", 3, 20.0, 150), ("m", 2, 1.0, 500)]
    for seed in range(4):
        run_id = new_run(ledger)
        order = random.Random(seed).sample(logged, len(logged))
        for start in range(0, len(order), 2):
            write(ledger, run_id, order[start : start + 2])
        found = summary(ledger, run_id, "m")
        assert (found.last_step, found.last, found.count) == (3, 20.0, 5)
        assert [step for step, _ in values(ledger, run_id, "m")] == [0, 2, 3, 3, 3]


def test_a_clock_that_goes_backwards_loses_no_point_and_steps_keep_their_order(ledger: Ledger, run_id: str) -> None:
    found = [("m", step, float(step), START_US - 1000 * step) for step in range(3000)]
    for start in range(0, 3000, 700):
        write(ledger, run_id, found[start : start + 700])
    assert values(ledger, run_id, "m") == [(step, float(step)) for step in range(3000)]
    assert summary(ledger, run_id, "m").last == 2999.0


def test_two_writers_on_one_run_lose_nothing_and_count_right(ledger: Ledger, run_id: str) -> None:
    failed: list[BaseException] = []

    def log(number: int) -> None:
        try:
            for batch in range(30):
                since = 100 * batch
                write(ledger, run_id, rows(100, key="shared", since=since) + rows(3, key=f"own{number}", since=since))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert summary(ledger, run_id, "shared").count == 9000
    assert [step for step, _ in values(ledger, run_id, "shared")] == [step for step in range(3000) for _ in range(3)]
    assert all(summary(ledger, run_id, f"own{number}").count == 90 for number in range(3))


def test_writers_with_origins_of_their_own_leave_one_series_shown(ledger: Ledger, run_id: str) -> None:
    threads = [
        threading.Thread(target=write, args=(ledger, run_id, rows(5) + rows(5, key="b"), origin))
        for origin in ("x", "y", "z")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        query = sa.select(series.c.key, sa.func.sum(series.c.shown)).group_by(series.c.key)
        assert {key: int(shown) for key, shown in connection.execute(query)} == {"loss": 1, "b": 1}


def test_a_superseded_origin_leaves_the_newest_other_one_shown(ledger: Ledger, run_id: str) -> None:
    write(ledger, run_id, rows(2), "first")
    write(ledger, run_id, rows(3, since=10), "second")
    assert summary(ledger, run_id).last_step == 12
    with ledger.write() as tx:
        curves.supersede(tx, run_id, "second")
    assert summary(ledger, run_id).last_step == 1
    assert [step for step, _ in values(ledger, run_id)] == [0, 1]


def test_a_batch_that_fails_leaves_nothing(ledger: Ledger, run_id: str) -> None:
    write(ledger, run_id, rows(2000))
    with pytest.raises(InvalidInput):
        write(ledger, run_id, [*rows(200, since=2000), ("bad", 2**63, 0.1, START_US)])
    assert len(values(ledger, run_id)) == summary(ledger, run_id).count == 2000
    assert counted(ledger, chunks) == 0


def test_points_of_a_run_that_is_not_there_are_refused(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="isn't in the ledger"):
        write(ledger, new_id(), rows(1))


@pytest.mark.parametrize("bad", [("m", 2**63, 1.0, 0), ("m", 0, "high", 0)])
def test_what_is_no_point_is_refused(ledger: Ledger, run_id: str, bad: Any) -> None:
    with pytest.raises(InvalidInput, match="can't be kept"):
        write(ledger, run_id, [bad])
    assert values(ledger, run_id, "m") == []


def test_no_rows_are_no_change(ledger: Ledger, run_id: str) -> None:
    write(ledger, run_id, [])
    with ledger.read() as connection:
        assert curves.summaries(connection, [run_id]) == {run_id: []}
        assert curves.history(connection, run_id, "loss") == []
        assert curves.page(connection, run_id, "loss", limit=3) == []
        assert curves.thinned(connection, run_id, "loss") == []


def test_more_keys_than_a_statement_takes_go_in_one_batch(ledger: Ledger, run_id: str) -> None:
    for step in range(2):
        write(ledger, run_id, [(f"key{number:04}", step, 1.0, START_US) for number in range(1300)])
    with ledger.read() as connection:
        found = curves.summaries(connection, [run_id])[run_id]
    assert [row.key for row in found] == [f"key{number:04}" for number in range(1300)]
    assert {row.count for row in found} == {2}


@pytest.mark.parametrize("limit", [1, 7, 500, 1024, 10_000])
def test_pages_put_together_are_the_whole_curve_by_time(ledger: Ledger, run_id: str, limit: int) -> None:
    chance = random.Random(1)
    count = 60 if limit < 100 else 5000
    logged = [("m", chance.randrange(9), float(n), START_US + chance.randrange(count // 4)) for n in range(count)]
    for start in range(0, count, 900):
        write(ledger, run_id, logged[start : start + 900])
    found: list[Point] = []
    after = None
    with ledger.read() as connection:
        while page := curves.page(connection, run_id, "m", after=after, limit=limit):
            assert len(page) == min(limit, count - len(found))
            found += page
            after = curves.cursor_after(page, after)
    expected = sorted((at, step, value) for _, step, value, at in logged)
    assert [(point.step, point.value) for point in found] == [(step, value) for _, step, value in expected]


def test_the_beginnings_of_several_curves_come_together(ledger: Ledger, run_id: str) -> None:
    other = new_run(ledger)
    write(ledger, run_id, rows(10))
    write(ledger, other, rows(2))
    with ledger.read() as connection:
        found = curves.histories(connection, [run_id, other, new_id()], "loss", limit=5)
    assert [len(page) for page in found.values()] == [5, 2, 0]


def test_a_thinned_curve_keeps_the_extremes_of_every_stretch(ledger: Ledger, run_id: str) -> None:
    chance = random.Random(2)
    logged = [("m", step, chance.gauss(0, 1), START_US + step) for step in range(150_000)]
    logged[77_777] = ("m", 77_777, 99.0, START_US + 77_777)
    write(ledger, run_id, logged)
    whole = [value for _, _, value, _ in logged]
    with ledger.read() as connection:
        found = curves.thinned(connection, run_id, "m")
        part = curves.thinned(connection, run_id, "m", points=100, first_step=10_500, last_step=90_000)
        near = curves.thinned(connection, run_id, "m", first_step=77_770, last_step=77_780)
    assert 500 < len(found) <= 1000
    assert (found[0].step, found[-1].step) == (0, 149_999)
    assert max(point.value for point in found) == 99.0
    assert min(point.value for point in found) == min(whole)
    assert all(before.step < after.step for before, after in pairwise(found))
    assert (part[0].step, part[-1].step) == (10_500, 90_000)
    assert min(point.value for point in part) == min(whole[10_500:90_001])
    assert [point.step for point in near] == list(range(77_770, 77_781))


def test_a_run_is_rewound_to_a_step_and_goes_on_from_there(ledger: Ledger, run_id: str) -> None:
    write(ledger, run_id, [*rows(5000), *rows(10, key="short"), ("late", 4000, 1.0, START_US)])
    write(ledger, run_id, rows(5, key="loss", since=5000), "of-a-step")
    with ledger.write() as tx:
        curves.truncate(tx, run_id, 2999)
    assert [step for step, _ in values(ledger, run_id)] == list(range(3000))
    assert (summary(ledger, run_id).count, summary(ledger, run_id).last_step) == (3000, 2999)
    assert len(values(ledger, run_id, "short")) == 10
    assert values(ledger, run_id, "late") == []
    write(ledger, run_id, rows(3, since=3000))
    assert [step for step, _ in values(ledger, run_id)] == list(range(3003))
    with ledger.read() as connection:
        assert [row.key for row in curves.summaries(connection, [run_id])[run_id]] == ["loss", "short"]


def test_the_extremes_of_a_rewound_curve_are_those_of_what_is_left(ledger: Ledger, run_id: str) -> None:
    write(ledger, run_id, [("m", step, float(step), START_US) for step in range(10)])
    with ledger.write() as tx:
        curves.truncate(tx, run_id, 4)
    found = summary(ledger, run_id, "m")
    assert (found.min, found.max, found.last, found.count) == (0.0, 4.0, 4.0, 5)


def test_a_fork_begins_with_the_curves_up_to_a_step(ledger: Ledger, run_id: str) -> None:
    write(ledger, run_id, rows(3000) + rows(4, key="short"))
    fork = new_run(ledger)
    with ledger.write() as tx:
        curves.copy_run(tx, run_id, fork, up_to_step=2500)
    assert values(ledger, fork) == values(ledger, run_id)[:2501]
    assert values(ledger, fork, "short") == values(ledger, run_id, "short")


def test_curves_of_runs_that_are_deleted_for_good_leave_nothing(ledger: Ledger, run_id: str) -> None:
    kept = new_run(ledger)
    write(ledger, run_id, rows(3000))
    write(ledger, kept, rows(20))
    with ledger.write() as tx:
        curves.drop_runs(tx, [run_id])
    assert (counted(ledger, points), counted(ledger, chunks), counted(ledger, series)) == (20, 0, 20)
    assert len(values(ledger, kept)) == 20


def test_the_curves_of_a_step_are_written_again_for_a_run_that_took_its_result(ledger: Ledger, run_id: str) -> None:
    write(ledger, run_id, rows(30), "a-step")
    write(ledger, run_id, rows(5, key="other"), "another")
    later = new_run(ledger)
    with ledger.write() as tx:
        curves.copy(tx, "a-step", of_run=run_id, to_origin="its-copy", to_run=later)
    assert values(ledger, later) == values(ledger, run_id)
    assert values(ledger, later, "other") == []
