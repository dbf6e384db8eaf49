from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.core.ids import new_id
from mlwright.ledger import Ledger, curves
from mlwright.ledger import runs as run_rows
from mlwright.ledger.curves import Point
from mlwright.ledger.schema import meta, models, tags

one_ledger = settings(max_examples=60)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones())
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


def add_metric(ledger: Ledger, values: list[float]) -> str:
    run_id = new_id()
    with ledger.write() as tx:
        run_rows.create_run(tx, run_rows.NewRun(id=run_id, experiment="Default", name="r", kind="script"))
        points = [Point(key="k", step=step, value=value, at=tx.now) for step, value in enumerate(values)]
        curves.add_points(tx, run_id, points)
    return run_id


def read_metric(ledger: Ledger, run_id: str) -> list[float]:
    with ledger.read() as connection:
        return [point.value for point in curves.history(connection, run_id, "k")]


@one_ledger
@given(values=st.lists(st.floats(), min_size=1, max_size=5))
def test_every_metric_value_comes_back(ledger: Ledger, values: list[float]) -> None:
    again = read_metric(ledger, add_metric(ledger, values))
    for before, after in zip(values, again, strict=True):
        assert (math.isnan(before) and math.isnan(after)) or before == after


def test_nan_and_the_infinities_are_metric_values(ledger: Ledger) -> None:
    again = read_metric(ledger, add_metric(ledger, [math.nan, math.inf, -math.inf, 0.1]))
    assert math.isnan(again[0])
    assert again[1:] == [math.inf, -math.inf, 0.1]


@one_ledger
@given(moment=moments)
def test_a_moment_comes_back_in_utc_to_the_microsecond(ledger: Ledger, moment: datetime) -> None:
    name = new_id()
    with ledger.write() as tx:
        tx.execute(sa.insert(models).values(name=name, created_at=moment, changed_at=moment))
    with ledger.read() as connection:
        again = connection.execute(sa.select(models.c.created_at).where(models.c.name == name)).scalar_one()
    assert again == moment.astimezone(UTC)
    assert again.tzinfo == UTC


@one_ledger
@given(value=documents)
def test_a_document_comes_back(ledger: Ledger, value: Any) -> None:
    key = new_id()
    with ledger.write() as tx:
        tx.execute(sa.insert(meta).values(key=key, value=[value]))
    with ledger.read() as connection:
        assert connection.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar_one() == [value]


def test_moments_compare_alike_on_both_databases(ledger: Ledger) -> None:
    days = [datetime(year, 1, 1, tzinfo=UTC) for year in (1969, 1970, 2026)]
    with ledger.write() as tx:
        for day in days:
            tx.execute(sa.insert(models).values(name=str(day.year), created_at=day, changed_at=day))
    with ledger.read() as connection:
        query = sa.select(models.c.name).where(models.c.created_at < datetime(1970, 1, 1, tzinfo=UTC))
        assert connection.execute(query).scalars().all() == ["1969"]


def test_a_broken_reference_is_refused(ledger: Ledger) -> None:
    def add() -> None:
        with ledger.write() as tx:
            tx.execute(sa.insert(tags).values(run_id="none", key="k", value="v", text="v"))

    with pytest.raises(sa.exc.IntegrityError):
        add()
