"""Batches of few points of each of many metrics, on both databases: kept as a whole, read like all others."""

from __future__ import annotations

import math
import random

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.core.ids import new_id
from mlwright.errors import IntegrityError, InvalidInput
from mlwright.ledger import Ledger, curves, runs
from mlwright.ledger.packing import BLOCK, Row
from mlwright.ledger.schema import series, sheets
from mlwright.ledger.sheets import KEYS, MOST, pack_sheet, read_key, read_sheet

AT = 1_772_323_200_000_000
LOGGED = tuple[str, int, float, int]


def new_run(ledger: Ledger) -> str:
    id_ = new_id()
    with ledger.write() as tx:
        runs.create_run(tx, runs.NewRun(id=id_, experiment="e", name="n", kind="script"))
    return id_


def wide(step: int, *, keys: int = KEYS) -> list[LOGGED]:
    return [(f"m{number}", step, math.sin(step + number), AT + 1000 * step) for number in range(keys)]


def write(ledger: Ledger, run_id: str, rows: list[LOGGED], origin: str = "") -> None:
    with ledger.write() as tx:
        curves.add_rows(tx, run_id, rows, origin)


def count_sheets(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(sheets)).scalar_one())


def check(ledger: Ledger, run_id: str, logged: list[LOGGED]) -> None:
    """Compare curves and summaries with what was logged."""
    expected: dict[str, list[Row]] = {}
    for key, step, value, at in logged:
        expected.setdefault(key, []).append((step, at, value))
    with ledger.read() as connection:
        found = {row.key: row for row in curves.summaries(connection, [run_id])[run_id]}
        assert set(found) == set(expected)
        for key, rows in expected.items():
            assert curves.rows_of(connection, run_id, key) == sorted(rows)
            summary, last = found[key], max(rows)
            values = [value for _, _, value in rows]
            assert (summary.count, summary.last, summary.last_step) == (len(rows), last[2], last[0])
            assert (summary.min, summary.max) == (min(values), max(values))


def test_a_wide_batch_is_one_row_and_is_read_like_any_other(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    write(ledger, run_id, wide(0))
    assert count_sheets(ledger) == 1
    check(ledger, run_id, wide(0))


def test_a_run_keeps_few_sheets_and_shares_the_others_out(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    logged: list[LOGGED] = []
    for step in range(2 * MOST + 3):
        write(ledger, run_id, wide(step))
        logged += wide(step)
    assert count_sheets(ledger) == 3
    check(ledger, run_id, logged)


def test_wide_and_narrow_batches_of_the_same_metrics_in_any_order_lose_nothing(ledger: Ledger) -> None:
    chance = random.Random(7)
    run_id = new_run(ledger)
    logged: list[LOGGED] = []
    step = 0
    while step < 2600:
        if chance.random() < 0.5:
            batch = wide(step)
            step += 1
        else:
            count = chance.choice([1, 3, 20, 500])
            batch = [("m1", step + place, chance.random(), AT) for place in range(count)]
            step += count
        write(ledger, run_id, batch)
        logged += batch
    check(ledger, run_id, logged)
    with ledger.read() as connection:
        packed = connection.execute(sa.select(series.c.packed).where(series.c.key == "m1")).scalar_one()
    assert packed > 0
    assert packed % BLOCK == 0


def test_points_that_come_late_or_as_nan_on_a_sheet_leave_the_last_value_right(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    for step in (5, 3):
        write(ledger, run_id, [(f"m{number}", step, float(step), AT) for number in range(KEYS)])
    write(ledger, run_id, [(f"m{number}", 4, math.nan, AT) for number in range(KEYS)])
    with ledger.read() as connection:
        found = curves.summaries(connection, [run_id])[run_id][0]
        assert (found.count, found.last, found.min, found.max) == (3, 5.0, 3.0, 5.0)
        assert math.isnan(curves.rows_of(connection, run_id, "m0")[1][2])


def test_origins_have_sheets_of_their_own(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    write(ledger, run_id, wide(0), "first")
    write(ledger, run_id, wide(1), "second")
    with ledger.write() as tx:
        curves.supersede(tx, run_id, "first")
    check(ledger, run_id, wide(1))


def test_a_rewound_run_has_nothing_behind_the_step_and_goes_on(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    for step in range(6):
        write(ledger, run_id, wide(step))
    with ledger.write() as tx:
        curves.truncate(tx, run_id, 2)
    write(ledger, run_id, wide(3))
    check(ledger, run_id, [row for step in range(4) for row in wide(step)])


def test_a_copy_has_what_is_on_sheets_and_a_removed_run_leaves_none(ledger: Ledger) -> None:
    run_id, other = new_run(ledger), new_run(ledger)
    write(ledger, run_id, wide(0))
    with ledger.write() as tx:
        curves.copy_run(tx, run_id, other)
        curves.drop_runs(tx, [run_id])
    assert count_sheets(ledger) == 0
    check(ledger, other, wide(0))


def test_what_is_no_point_is_refused_in_a_wide_batch_too(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    with pytest.raises(InvalidInput, match="can't be kept"):
        write(ledger, run_id, [*wide(0), ("bad", 2**70, 0.5, AT)])
    assert count_sheets(ledger) == 0


POINT = st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**60), st.floats(allow_nan=False))
KEY = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=9)


@settings(deadline=None)
@given(st.dictionaries(KEY, st.lists(POINT, min_size=1, max_size=4), min_size=1, max_size=12), KEY)
def test_a_sheet_gives_back_what_it_was_made_of_as_a_whole_and_key_by_key(
    grouped: dict[str, list[Row]], other: str
) -> None:
    data = pack_sheet(grouped)
    assert read_sheet(data) == grouped
    for key in (*grouped, other):
        assert read_key(data, key) == grouped.get(key, [])


@pytest.mark.parametrize("data", [b"", b"\7" + bytes(20), pack_sheet({"a": [(1, 2, 0.5)]})[:-3]])
def test_what_is_no_sheet_is_named(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="can't be read"):
        read_sheet(data)
    with pytest.raises(IntegrityError, match="can't be read"):
        read_key(data, "a")
