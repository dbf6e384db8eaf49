"""Emptying the bin: what goes, what stays and why, and that nothing else is touched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.ledger import Ledger, Transaction, curves, experiments, folders, purging, runs, tracked
from mlwright.ledger.folders import Inherited
from mlwright.ledger.schema import (
    cache_entries,
    journals,
    logged_models,
    metadata,
    params,
    series,
    step_runs,
)
from mlwright.ledger.schema import runs as runs_table

DIGEST = "sha256:" + "a" * 64
OLD = timedelta(days=30)


def begun(tx: Transaction, experiment: str = "e", **fields: Any) -> str:
    run_id = new_id()
    given = {"experiment": experiment, "name": "r", "kind": "script", **fields}
    runs.create_run(tx, runs.NewRun(id=run_id, **given))
    found = [curves.Point(key="loss", step=step, value=1.0, at=tx.now) for step in range(10)]
    curves.add_points(tx, run_id, found)
    tracked.put_params(tx, run_id, {"lr": 0.1, "depth": 3})
    tracked.put_tags(tx, run_id, {"team": "a"})
    kept = tracked.RunArtifact(name="m", digest=DIGEST, codec="bytes", size_bytes=100, step="", created_at=tx.now)
    tracked.put_artifacts(tx, run_id, [kept])
    runs.end_run(tx, run_id, "succeeded")
    return run_id


def binned(tx: Transaction, run_id: str, days: float = 40) -> None:
    runs.update_run(tx, run_id, deleted_at=tx.now - timedelta(days=days))


def planned(tx: Transaction, older_than: timedelta = OLD) -> purging.PurgePlan:
    return purging.plan_purge(tx.connection, now=tx.now, older_than=older_than)


def count(tx: Transaction, table: sa.Table) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_only_what_was_deleted_long_ago_goes(ledger: Ledger) -> None:
    with ledger.write() as tx:
        alive, young, old = begun(tx), begun(tx), begun(tx)
        binned(tx, young, days=10)
        binned(tx, old)
        plan = planned(tx)
        assert [run.id for run in plan.runs] == [old]
        assert (plan.young, plan.kept) == (1, [])
        purging.purge(tx, plan)
        left = set(tx.execute(sa.select(runs_table.c.id)).scalars())
        assert left == {alive, young}
        assert count(tx, params) == 4
        assert count(tx, series) == 2
        assert len(curves.history(tx.connection, alive, "loss")) == 10


def test_a_plan_counts_what_would_go(ledger: Ledger) -> None:
    with ledger.write() as tx:
        one, two = begun(tx), begun(tx)
        binned(tx, one)
        shared = planned(tx).runs[0]
        binned(tx, two)
        both = planned(tx).runs
    assert (shared.points, shared.params, shared.tags, shared.artifacts, shared.size_bytes) == (10, 2, 1, 0, 240)
    assert [(run.artifacts, run.size_bytes) for run in both] == [(1, 340), (0, 240)]


def keep_by_logged_model(tx: Transaction, run_id: str) -> None:
    row = experiments.get_by_name(tx.connection, "e")
    assert row is not None
    values = {"id": "m-1", "experiment_id": row.id, "name": "m", "status": "ready", "run_id": run_id}
    tx.execute(sa.insert(logged_models), {**values, "created_at": tx.now, "changed_at": tx.now})


def keep_by_cache(tx: Transaction, run_id: str) -> None:
    step = {"id": new_id(), "run_id": run_id, "step": "fit", "status": "succeeded", "attempt": 1, "fence": 1}
    tx.execute(sa.insert(step_runs), {**step, "started_at": tx.now})
    entry = {"cache_key": DIGEST, "step_run_id": step["id"], "step": "fit", "parts": {}, "outputs": []}
    tx.execute(sa.insert(cache_entries), {**entry, "created_at": tx.now})


def keep_by_journal(tx: Transaction, run_id: str) -> None:
    journal = {"id": new_id(), "run_id": run_id, "step": "fit", "position": 1}
    tx.execute(sa.insert(journals), journal)
    entry = {"cache_key": DIGEST, "step_run_id": new_id(), "step": "fit", "parts": {}, "outputs": []}
    tx.execute(sa.insert(cache_entries), {**entry, "journal_id": journal["id"], "created_at": tx.now})


def keep_by_part(tx: Transaction, run_id: str) -> None:
    begun(tx, parent_id=run_id)


def keep_by_fork(tx: Transaction, run_id: str) -> None:
    runs.update_run(tx, begun(tx), forked_from=run_id)


@pytest.mark.parametrize(
    ("depend", "reason"),
    [
        (keep_by_logged_model, "the logged model 'm' was made by it"),
        (keep_by_cache, "the cache has the result of its step 'fit'"),
        (keep_by_journal, "the cache has what its step 'fit' logged"),
        (keep_by_part, "its part run"),
        (keep_by_fork, "was forked from it"),
    ],
)
def test_a_run_that_something_depends_on_stays_and_the_plan_says_why(ledger: Ledger, depend: Any, reason: str) -> None:
    with ledger.write() as tx:
        run_id = begun(tx)
        binned(tx, run_id)
        depend(tx, run_id)
        plan = planned(tx)
        assert plan.runs == []
        assert reason in plan.kept[0].reason
        purging.purge(tx, plan)
        assert runs.get_run(tx.connection, run_id).id == run_id


def test_a_chain_of_forks_stays_with_its_last_one(ledger: Ledger) -> None:
    with ledger.write() as tx:
        first, second, third = begun(tx), begun(tx), begun(tx)
        runs.update_run(tx, second, forked_from=first)
        runs.update_run(tx, third, forked_from=second)
        binned(tx, first)
        binned(tx, second)
        assert {kept.id for kept in planned(tx).kept} == {first, second}
        binned(tx, third)
        assert len(planned(tx).runs) == 3


def test_a_run_that_may_still_be_written_to_stays_for_a_day(ledger: Ledger) -> None:
    with ledger.write() as tx:
        run_id = new_id()
        runs.create_run(tx, runs.NewRun(id=run_id, experiment="e", name="r", kind="script"))
        binned(tx, run_id, days=0.5)
        assert [kept.reason for kept in planned(tx, timedelta(0)).kept] == ["it may still be written to"]
        binned(tx, run_id, days=1.5)
        assert [run.id for run in planned(tx, timedelta(0)).runs] == [run_id]


def test_the_setting_of_a_folder_wins_over_what_was_asked_for(ledger: Ledger) -> None:
    with ledger.write() as tx:
        row = experiments.create(tx, "vision")
        folders.put_settings(tx, row.id, Inherited(keep_deleted_days=100))
        binned(tx, begun(tx, "vision/a"))
        assert planned(tx).runs == []
        folders.put_settings(tx, row.id, Inherited(keep_deleted_days=0))
        assert len(planned(tx, timedelta(days=1000)).runs) == 1


def test_an_experiment_goes_with_the_last_of_its_runs(ledger: Ledger) -> None:
    with ledger.write() as tx:
        row = experiments.create(tx, "gone", tags={"a": "b"})
        run_id = begun(tx, "gone")
        experiments.delete(tx, row)
        tx.execute(sa.text("UPDATE experiments SET deleted_at = deleted_at - 100 * 86400000000"))
        assert planned(tx).experiments == []
        binned(tx, run_id)
        plan = planned(tx)
        assert plan.experiments == [(row.id, "gone")]
        purging.purge(tx, plan)
        assert experiments.get_by_name(tx.connection, "gone") is None


def test_every_table_that_refers_to_runs_is_emptied_of_a_purged_one(ledger: Ledger) -> None:
    with ledger.write() as tx:
        run_id = begun(tx)
        step = {"id": new_id(), "run_id": run_id, "step": "fit", "status": "succeeded", "attempt": 1, "fence": 1}
        tx.execute(sa.insert(step_runs), {**step, "started_at": tx.now})
        binned(tx, run_id)
        purging.purge(tx, planned(tx))
        for table in metadata.sorted_tables:
            if "run_id" in table.columns:
                found = tx.execute(sa.select(sa.func.count()).select_from(table).where(table.c.run_id == run_id))
                assert found.scalar_one() == 0, table.name
