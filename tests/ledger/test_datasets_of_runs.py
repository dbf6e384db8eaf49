"""Datasets that runs used, and runs that are gone on with, on both databases."""

from __future__ import annotations

import pytest

from mlwright.ledger import Ledger, curves, datasets, resuming, runs
from mlwright.ledger.datasets import Dataset

IDS = [f"01k0000000000000000000{place:04d}" for place in range(4)]


def begin(ledger: Ledger, place: int, name: str = "resnet", **more: object) -> str:
    new = {"id": IDS[place], "experiment": "vision", "name": name, "kind": "script", **more}
    with ledger.write("user:test") as tx:
        runs.create_run(tx, runs.NewRun(**new))  # type: ignore[arg-type]
    return IDS[place]


def test_a_content_is_there_once_under_its_name_and_is_used_by_many_runs(ledger: Ledger) -> None:
    first, second, third = begin(ledger, 0), begin(ledger, 1), begin(ledger, 2)
    data = Dataset(name="flights", digest="sha256:1", source_type="file", source="a.csv", profile='{"rows": 1}')
    moved = Dataset(name="flights", digest="sha256:1", source="b.csv")
    renamed = Dataset(name="delays", digest="sha256:1")
    with ledger.write("user:test") as tx:
        id_ = datasets.put_dataset(tx, data)
        assert datasets.put_dataset(tx, moved) == id_
        other = datasets.put_dataset(tx, renamed)
        assert other != id_
        datasets.use_dataset(tx, first, id_, context="training")
        datasets.use_dataset(tx, first, id_, context="test", tags={"fold": "1"})
        datasets.use_dataset(tx, first, other)
        datasets.use_dataset(tx, third, id_)
    with ledger.read() as connection:
        used = datasets.datasets_of(connection, first)
        assert [(one.dataset, one.context, one.tags) for one in used] == [
            (renamed, "", {}),
            (data, "test", {"fold": "1"}),
        ]
        many = datasets.datasets_of_many(connection, [first, second, third])
        assert {run_id: len(found) for run_id, found in many.items()} == {first: 2, second: 0, third: 1}
        assert datasets.datasets_of_many(connection, []) == {}
        assert datasets.runs_using(connection, "sha256:1") == [third, first]
        assert datasets.runs_using(connection, "sha256:2") == []


def test_the_newest_script_of_a_name_and_experiment_is_gone_on_with(ledger: Ledger) -> None:
    begin(ledger, 0)
    begin(ledger, 1)
    begin(ledger, 2, experiment="other")
    begin(ledger, 3, kind="pipeline")

    def found(**wanted: str) -> str | None:
        with ledger.read() as connection:
            one = resuming.find_resumable(connection, **wanted)
        return one and one.run_id

    assert found(name="resnet", experiment="vision") == IDS[1]
    assert found(name="resnet", experiment="other") == IDS[2]
    assert found(name="alexnet", experiment="vision") is None
    assert found(run_id=IDS[0]) == IDS[0]
    assert found(run_id="nonsense") is None
    with ledger.write("user:test") as tx:
        runs.delete_run(tx, IDS[1])
    assert found(name="resnet", experiment="vision") == IDS[0]


def test_a_run_that_ended_is_opened_again_once_and_its_steps_go_on(ledger: Ledger) -> None:
    run_id = begin(ledger, 0)
    with ledger.write("user:test") as tx:
        points = [curves.Point(key="loss", step=step, value=1.0, at=tx.now) for step in (0, 7, 3)]
        curves.add_points(tx, run_id, [*points, curves.Point(key="early", step=-5, value=1.0, at=tx.now)])
        assert not resuming.reopen(tx, run_id)
        runs.update_run(tx, run_id, status="failed", ended_at=tx.now, duration_s=1.0, error={"type": "E"})
    with ledger.read() as connection:
        one = resuming.find_resumable(connection, run_id=run_id)
        assert one is not None
        assert (one.name, one.experiment, one.status) == ("resnet", "vision", "failed")
        assert one.steps == {"loss": 8, "early": -4}
    with ledger.write("user:test") as tx:
        assert resuming.reopen(tx, run_id)
        assert not resuming.reopen(tx, run_id)
        assert not resuming.reopen(tx, "nonsense")
    with ledger.read() as connection:
        row = runs.get_run(connection, run_id)
        assert (row.status, row.ended_at, row.duration_s, row.error) == ("running", None, None, None)
        assert resuming.exists(connection, run_id)
        assert not resuming.exists(connection, "nonsense")


@pytest.mark.parametrize("note", ["", "a note — ü"])
def test_what_is_known_later_is_set_and_the_rest_stays(ledger: Ledger, note: str) -> None:
    run_id = begin(ledger, 0, note="before")
    with ledger.write("user:test") as tx:
        resuming.describe_run(tx, run_id)
        resuming.describe_run(tx, run_id, source={"entry": "train.py", "argv": ["--lr", "0.1"]})
    with ledger.read() as connection:
        assert runs.get_run(connection, run_id).note == "before"
    with ledger.write("user:test") as tx:
        resuming.describe_run(tx, run_id, note=note)
    with ledger.read() as connection:
        row = runs.get_run(connection, run_id)
    assert (row.note, row.source) == (note, {"entry": "train.py", "argv": ["--lr", "0.1"]})
