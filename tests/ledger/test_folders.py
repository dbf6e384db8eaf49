"""Folders of experiments: what lies in them, what they hand down, and moving them."""

from __future__ import annotations

import pytest

from mlwright.core.ids import new_id
from mlwright.errors import AlreadyExists, Conflict
from mlwright.ledger import Ledger, Transaction, experiments, folders, runs, tracked
from mlwright.ledger.folders import Inherited


def made(tx: Transaction, *names: str) -> None:
    for name in names:
        experiments.create(tx, name)


def begun(tx: Transaction, experiment: str, note: str = "") -> str:
    run_id = new_id()
    runs.create_run(tx, runs.NewRun(id=run_id, experiment=experiment, name="r", kind="script", note=note))
    return run_id


def test_a_folder_lists_what_lies_directly_in_it(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made(tx, "vision/defects/resnet", "vision/defects/vit", "vision", "vision_2/a", "text")
        begun(tx, "vision/defects/vit")
    with ledger.read() as connection:
        outer = folders.places_in(connection)
        inner = folders.places_in(connection, "vision")
    assert [(place.name, place.is_folder, place.is_experiment, place.experiments, place.runs) for place in outer] == [
        ("text", False, True, 1, 0),
        ("vision", True, True, 3, 1),
        ("vision_2", True, False, 1, 0),
    ]
    assert [place.name for place in inner] == ["vision/defects"]


def test_what_lies_deeper_wins_over_what_its_folder_says(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made(tx, "vision", "vision/defects")
        for name, settings in (
            ("vision", Inherited(tags={"team": "v", "site": "a"}, note="outer", keep_deleted_days=3)),
            ("vision/defects", Inherited(tags={"site": "b"}, note="inner")),
        ):
            row = experiments.get_by_name(tx.connection, name)
            assert row is not None
            folders.put_settings(tx, row.id, settings)
        found = folders.settings_of(tx.connection, "vision/defects/resnet")
    assert found == Inherited(tags={"team": "v", "site": "b"}, note="inner", keep_deleted_days=3)


def test_a_new_run_gets_what_its_folder_hands_down_unless_it_says_otherwise(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made(tx, "vision")
        row = experiments.get_by_name(tx.connection, "vision")
        assert row is not None
        folders.put_settings(tx, row.id, Inherited(tags={"team": "v"}, note="see wiki"))
        plain, own = begun(tx, "vision/new"), begun(tx, "vision", note="mine")
        other = begun(tx, "visionary")
        tags = [tracked.tags_of(tx.connection, run_id) for run_id in (plain, own, other)]
        notes = [runs.get_run(tx.connection, run_id).note for run_id in (plain, own, other)]
    assert tags == [{"team": "v"}, {"team": "v"}, {}]
    assert notes == ["see wiki", "mine", ""]


def test_a_folder_moves_with_all_that_lies_below_it_and_nothing_else(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made(tx, "a", "a/b", "a/b/c", "ab", "a%b/c")
        moved = folders.move(tx, "a", "old/a")
        left = sorted(row.name for row in experiments.list_experiments(tx.connection))
    assert moved == [("a", "old/a"), ("a/b", "old/a/b"), ("a/b/c", "old/a/b/c")]
    assert left == ["a%b/c", "ab", "old/a", "old/a/b", "old/a/b/c"]


def test_a_folder_does_not_move_over_what_is_there_or_into_itself(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made(tx, "a/x", "b/x")
        with pytest.raises(AlreadyExists, match="can't be moved"):
            folders.move(tx, "a", "b")
        with pytest.raises(Conflict, match="lies within"):
            folders.move(tx, "a", "a/c")


def test_a_deep_tree_can_move_one_level_up(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made(tx, "a/a/x", "a/a/y")
        folders.move(tx, "a/a", "a")
        assert folders.names_at(tx.connection, "a") == ["a/x", "a/y"]


def test_the_bin_is_another_view_of_the_folders(ledger: Ledger) -> None:
    with ledger.write() as tx:
        made(tx, "a/x", "a/y")
        row = experiments.get_by_name(tx.connection, "a/x")
        assert row is not None
        experiments.delete(tx, row)
        assert [place.name for place in folders.places_in(tx.connection, "a")] == ["a/y"]
        assert [place.name for place in folders.places_in(tx.connection, "a", deleted=True)] == ["a/x"]
