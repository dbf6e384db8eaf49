"""`mlwright runs ls` as a search, and `mlwright runs diff`."""

from __future__ import annotations

from commanding import Command

from filled import FAILED_RUN_ID, RUN_ID
from mlwright.project import Project


def test_runs_are_searched_and_sorted_with_the_columns_that_are_asked_for(command: Command, filled: Project) -> None:
    found = command(
        "runs", "ls", "--where", "not status = 'failed'", "--columns", "status,duration", "--sort", "started desc"
    )
    assert (found.code, found.talk) == (0, "")
    assert found.out.splitlines()[0].split() == ["RUN", "NAME", "STATUS", "STARTED", "status", "duration"]
    assert FAILED_RUN_ID[-8:] not in found.out
    assert RUN_ID[-8:] in found.out


def test_options_narrow_an_expression(command: Command, filled: Project) -> None:
    found = command("runs", "ls", "--where", "true or false", "--status", "failed", "--json")
    assert {run["status"] for run in found.data["items"]} == {"failed"}


def test_a_mistyped_field_is_a_usage_error_with_a_hint(command: Command, filled: Project) -> None:
    found = command("runs", "ls", "--where", "statsu = 'failed'")
    assert found.code == 2
    assert "column 1" in found.talk
    assert "did you mean 'status'?" in found.talk


def test_a_search_that_finds_nothing_says_so(command: Command, filled: Project) -> None:
    assert command("runs", "ls", "--where", "false").talk == "no run fits\n"


def test_runs_are_shown_side_by_side(command: Command, filled: Project) -> None:
    found = command("runs", "diff", RUN_ID, FAILED_RUN_ID)
    assert found.code == 0
    assert "Runs" in found.out
    assert "failed" in found.out
    data = command("runs", "diff", RUN_ID, FAILED_RUN_ID, "--all", "--json").data
    assert [run["id"] for run in data["item"]["runs"]] == [RUN_ID, FAILED_RUN_ID]
    assert command("runs", "diff", RUN_ID, RUN_ID).talk == "nothing differs\n"
    assert command("runs", "diff", RUN_ID).code == 2


def test_models_versions_and_experiments_are_searched_in_the_same_language(command: Command, filled: Project) -> None:
    for words, found in (
        (("models", "ls", "--where", "alias = 'prod' and name like 'del%'"), ["delay"]),
        (("models", "ls", "--where", "tags.team = 'red'"), []),
        (("models", "versions", "--where", "version > 1", "--sort", "created desc"), [2]),
        (("models", "versions"), [2, 1]),
        (("experiments", "ls", "--where", "name = 'flights'"), ["flights"]),
        (("experiments", "ls", "vision", "--where", "name = 'flights'"), []),
    ):
        items = command(*words, "--json").data["items"]
        assert [item.get("version") or item["name"] for item in items] == found, words
    assert "delay/2" in command("models", "versions", "--where", "version = 2").out
    assert "flights" in command("experiments", "ls", "--where", "tags.x is null").out
    assert command("models", "ls", "--where", "false").talk == "no model fits\n"
    refused = command("models", "ls", "--where", "nmae = 'x'")
    assert refused.code == 2
    assert "did you mean 'name'?" in refused.talk
