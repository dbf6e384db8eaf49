"""Runs that are amended, rewound, forked and deleted, by the endpoints that people call."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlwright import fork_run
from mlwright.api.client import LocalClient
from mlwright.errors import Conflict, InvalidInput, NotFound
from mlwright.ledger import curves, runs, tracked
from mlwright.ledger.outbox import read_events
from mlwright.project import Project
from mlwright.testing.executors import wait_until
from mlwright.tracking import start_run


@pytest.fixture
def world(project_folder: Path, ledger_url: str) -> Iterator[Project]:
    """A project whose ledger is on either database."""
    with Project.open(project_folder, ledger=ledger_url) as opened:
        yield opened


@pytest.fixture
def client(world: Project) -> LocalClient:
    return LocalClient(world)


def trained(world: Project, steps: int = 20, **fields: Any) -> str:
    """A finished run with two curves, one of which has what isn't a number."""
    with start_run("base", "vision/a", project=world, **fields) as run:
        run.log_params({"lr": 0.1})
        run.set_tags({"team": "x"})
        for step in range(steps):
            run.log_metrics({"loss": 1 / (step + 1), "odd": [math.nan, math.inf, 1.0][step % 3]}, step=step)
    return run.id


def curve(world: Project, run_id: str, key: str) -> list[tuple[int, str]]:
    with world.ledger.read() as connection:
        return [(point.step, repr(point.value)) for point in curves.history(connection, run_id, key)]


def told(world: Project, type_: str) -> list[dict[str, Any]]:
    with world.ledger.read() as connection:
        return [event.data for event in read_events(connection, types=[type_])]


def test_a_finished_run_is_amended_and_the_event_has_old_and_new(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    changed = client.call("runs.amend", run=run_id, name="better", note="good", tags={"a": "b"}, untag=["team"])
    with world.ledger.read() as connection:
        row, tags = runs.get_run(connection, run_id), tracked.tags_of(connection, run_id)
    assert (row.name, row.note, row.status, tags) == ("better", "good", "succeeded", {"a": "b"})
    assert changed.old == {"name": "base", "note": "", "tags": {"team": "x"}}
    assert told(world, "run.amended") == [{"old": changed.old, "new": changed.new}]


def test_to_amend_nothing_leaves_no_event(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    client.call("runs.amend", run=run_id, name="base", tags={"team": "x"}, untag=["unknown"])
    assert told(world, "run.amended") == []


def test_a_rewound_run_ends_at_its_step_and_unrewinding_brings_every_point_back(
    world: Project, client: LocalClient
) -> None:
    run_id = trained(world)
    before = {key: curve(world, run_id, key) for key in ("loss", "odd")}
    found = client.call("runs.rewind", run=run_id, to_step=4, reason="diverged")
    assert found.points == 30
    assert curve(world, run_id, "loss") == before["loss"][:5]
    with world.ledger.read() as connection:
        summary = {one.key: one for one in curves.summaries(connection, [run_id])[run_id]}
    assert (summary["loss"].last_step, summary["loss"].count) == (4, 5)
    back = client.call("runs.unrewind", run=run_id)
    assert back.points == 30
    assert {key: curve(world, run_id, key) for key in ("loss", "odd")} == before
    assert told(world, "run.rewound")[0]["reason"] == "diverged"


def test_rewindings_are_undone_in_the_opposite_order(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    before = curve(world, run_id, "loss")
    for step in (15, 10, 5):
        client.call("runs.rewind", run=run_id, to_step=step)
    assert [client.call("runs.unrewind", run=run_id).to_step for _ in range(3)] == [5, 10, 15]
    assert curve(world, run_id, "loss") == before
    with pytest.raises(NotFound, match="was not rewound"):
        client.call("runs.unrewind", run=run_id)


def test_a_run_rewound_before_its_first_step_has_no_curve_and_gets_it_back(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    before = curve(world, run_id, "odd")
    client.call("runs.rewind", run=run_id, to_step=-1)
    assert curve(world, run_id, "odd") == []
    client.call("runs.unrewind", run=run_id)
    assert curve(world, run_id, "odd") == before


def test_to_rewind_to_where_a_run_ends_changes_nothing(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    assert client.call("runs.rewind", run=run_id, to_step=19).points == 0
    assert told(world, "run.rewound") == []


def test_a_long_curve_is_rewound_within_its_packed_blocks(world: Project, client: LocalClient) -> None:
    run_id = trained(world, steps=1)
    with world.ledger.write() as tx:
        curves.add_rows(tx, run_id, [("long", step, float(step), step) for step in range(50_000)])
    client.call("runs.rewind", run=run_id, to_step=29_999)
    assert len(curve(world, run_id, "long")) == 30_000
    client.call("runs.unrewind", run=run_id)
    found = curve(world, run_id, "long")
    assert found == [(step, repr(float(step))) for step in range(50_000)]


def test_a_run_that_went_on_after_it_was_rewound_is_not_given_two_continuations(
    world: Project, client: LocalClient
) -> None:
    run_id = trained(world)
    client.call("runs.rewind", run=run_id, to_step=4)
    with start_run(resume=run_id, project=world) as run:
        run.log_metrics({"loss": 7.0})
    assert curve(world, run_id, "loss")[-1] == (5, "7.0")
    with pytest.raises(Conflict, match="has gone on since"):
        client.call("runs.unrewind", run=run_id)


def test_a_running_run_is_not_rewound(world: Project, client: LocalClient) -> None:
    with start_run(project=world) as run:
        run.log_metrics({"loss": 1.0})
        run.ship()
        with pytest.raises(Conflict, match="is running"):
            client.call("runs.rewind", run=run.id, to_step=0)


def test_a_pipelines_run_is_not_rewound(world: Project, client: LocalClient) -> None:
    with world.ledger.write() as tx:
        runs.create_run(tx, runs.NewRun(id="01k5qj3v" + "0" * 18, experiment="e", name="p", kind="pipeline"))
        runs.end_run(tx, "01k5qj3v" + "0" * 18, "succeeded")
    with pytest.raises(Conflict, match="is a pipeline's"):
        client.call("runs.rewind", run="01k5qj3v", to_step=0)


def test_a_fork_begins_with_what_the_run_had_at_a_step(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    found = client.call("runs.fork", run=run_id, at_step=9)
    with world.ledger.read() as connection:
        row = runs.get_run(connection, found.run_id)
        params, tags = tracked.params_of(connection, row.id), tracked.tags_of(connection, row.id)
    assert (row.forked_from, row.forked_step, row.name, row.experiment) == (run_id, 9, "base-fork", "vision/a")
    assert (params, tags["team"]) == ({"lr": 0.1}, "x")
    assert curve(world, row.id, "odd") == curve(world, run_id, "odd")[:10]
    assert len(curve(world, run_id, "odd")) == 20


def test_a_script_goes_on_from_where_another_run_was(world: Project) -> None:
    run_id = trained(world)
    with fork_run(run_id, at_step=9, name="other", project=world) as run:
        run.log_metrics({"loss": 0.5})
    assert curve(world, run.id, "loss")[-2:] == [(9, "0.1"), (10, "0.5")]
    with world.ledger.read() as connection:
        row = runs.get_run(connection, run.id)
    assert (row.name, row.status, row.forked_from) == ("other", "succeeded", run_id)


def test_a_deleted_run_is_hidden_and_comes_back_whole(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    before = curve(world, run_id, "loss")
    assert client.call("runs.delete", runs=[run_id]).runs == [run_id]
    assert client.call("runs.list").items == []
    with pytest.raises(NotFound):
        client.call("runs.show", run="@latest")
    assert client.call("runs.delete", runs=[run_id]).runs == []
    assert client.call("runs.restore", runs=[run_id[-8:]]).runs == [run_id]
    assert [run.id for run in client.call("runs.list").items] == [run_id]
    assert curve(world, run_id, "loss") == before


def test_a_run_is_deleted_with_its_parts(world: Project, client: LocalClient) -> None:
    with start_run("outer", project=world) as outer:
        with start_run("inner", project=world) as inner:
            with start_run("innermost", project=world) as innermost:
                pass
    assert set(client.call("runs.delete", runs=[outer.id]).runs) == {outer.id, inner.id, innermost.id}


def test_what_is_logged_to_a_run_after_it_was_deleted_is_kept(world: Project, client: LocalClient) -> None:
    with start_run(project=world) as run:
        run.log_metrics({"loss": 1.0})
        run.ship()
        client.call("runs.delete", runs=[run.id])
        run.log_metrics({"loss": 2.0})
    assert [value for _, value in curve(world, run.id, "loss")] == ["1.0", "2.0"]
    with world.ledger.read() as connection:
        row = runs.get_run(connection, run.id)
    assert row.status == "succeeded"
    assert row.deleted_at is not None


def test_what_is_logged_to_a_run_that_was_removed_for_good_is_put_aside_with_the_reason(
    world: Project, client: LocalClient
) -> None:
    from mlwright.ledger import purging
    from mlwright.tracking import recovery
    from mlwright.tracking.destinations import journals_folder

    run = start_run(project=world)
    run.log_metrics({"loss": 1.0})
    run.ship()
    client.call("runs.delete", runs=[run.id])
    assert "written to" in client.call("runs.purge", older_than_s=0.0).kept[0].reason
    with world.ledger.write() as tx:
        gone = purging.Goner(
            id=run.id,
            name="",
            experiment="",
            deleted_at=tx.now,
            points=0,
            params=0,
            tags=0,
            artifacts=0,
            size_bytes=0,
        )
        purging.purge(tx, purging.PurgePlan(runs=[gone], experiments=[], kept=[], young=0))
    run.log_metrics({"loss": 2.0})
    run.end()
    wait_until(lambda: any(recovery.refusals(journals_folder(world.settings))), "putting the journal aside")
    refused = list(recovery.refusals(journals_folder(world.settings)))
    assert [found.run_id for found in refused] == [run.id]
    assert "was deleted while it was being written" in refused[0].reason


def test_the_bin_is_emptied_after_a_dry_run_that_says_the_same(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    client.call("runs.delete", runs=[run_id])
    dry = client.call("runs.purge", older_than_s=0.0, dry_run=True)
    with world.ledger.read() as connection:
        assert runs.get_run(connection, run_id).id == run_id
    wet = client.call("runs.purge", older_than_s=0.0)
    assert (dry.runs, dry.points, dry.params) == (wet.runs, wet.points, wet.params) == (1, 40, 1)
    assert told(world, "run.purged")[0]["points"] == 40
    with pytest.raises(NotFound):
        client.call("runs.restore", runs=[run_id])


def test_experiments_are_made_moved_deleted_and_restored(world: Project, client: LocalClient) -> None:
    run_id = trained(world)
    client.call("experiments.new", name="vision/b", note="n", tags={"k": "v"})
    assert client.call("experiments.move", name="vision", to="old/vision").names == ["old/vision/a", "old/vision/b"]
    with pytest.raises(Conflict, match="say --below"):
        client.call("experiments.delete", name="old/vision")
    client.call("experiments.delete", name="old/vision", below=True)
    assert client.call("experiments.list").items == []
    assert client.call("runs.list").items == []
    client.call("experiments.restore", name="old/vision/a")
    shown = client.call("experiments.show", name="old/vision/a")
    assert shown.runs == {"succeeded": 1}
    assert client.call("runs.show", run=run_id).run.experiment == "old/vision/a"


def test_settings_of_a_folder_reach_the_runs_of_scripts(world: Project, client: LocalClient) -> None:
    client.call("experiments.set", name="vision", tags={"site": "b", "team": "folder"}, run_note="see wiki")
    run_id = trained(world)
    with world.ledger.read() as connection:
        row, tags = runs.get_run(connection, run_id), tracked.tags_of(connection, run_id)
    assert row.note == "see wiki"
    assert tags == {"site": "b", "team": "x"}
    found = client.call("experiments.set", name="vision", untag=["site"], run_note="", keep_deleted_days=-1)
    assert (found.settings.tags, found.settings.note, found.settings.keep_deleted_days) == (
        {"team": "folder"},
        "",
        None,
    )


@pytest.mark.parametrize("name", ["a//b", " ", "a/ /b", "/"])
def test_a_path_with_an_empty_part_is_refused(world: Project, client: LocalClient, name: str) -> None:
    with pytest.raises(InvalidInput, match="no path"):
        client.call("experiments.new", name=name)


def test_a_misspelt_experiment_gets_a_proposal(world: Project, client: LocalClient) -> None:
    trained(world)
    with pytest.raises(NotFound, match="did you mean 'vision/a'"):
        client.call("experiments.show", name="vison/a")
