"""From the command line: declare environments, promote, approve, go back, and hear of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commanding import Command

from mlwright.project import Project

PROD = [
    {"name": "dev"},
    {
        "name": "prod",
        "gates": [{"kind": "metric-threshold", "metric": "log_loss", "at_most": 0.6}],
        "approvals": {"reviewer": 1},
    },
]


@pytest.fixture
def declared(command: Command, filled: Project, project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A model whose prod asks for a metric and a reviewer, who is user:bob."""
    monkeypatch.setenv("MLWRIGHT_ROLES", "reviewer=user:bob")
    file = project_folder / "environments.json"
    file.write_text(json.dumps(PROD))
    assert command("models", "environments", "delay", "--file", str(file), "--reason", "as agreed").code == 0
    return filled


def test_a_promotion_waits_is_approved_and_is_undone(
    command: Command, declared: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = command("models", "promote", "delay/2", "--to", "prod", "--dry-run")
    assert plan.code == 8
    assert "log_loss is 0.51, wanted at most 0.6" in plan.out
    assert "nothing was changed" in plan.talk
    waiting = command("models", "promote", "delay/2", "--to", "prod", "--reason", "better")
    assert (waiting.code, "may give it: user:bob" in waiting.out) == (8, True)
    assert "mlwright models approve delay/2 --env prod" in waiting.talk
    assert command("models", "approve", "delay/2", "--env", "prod").code == 7
    monkeypatch.setenv("MLWRIGHT_ACTOR", "user:bob")
    approved = command("models", "approve", "delay/2", "--env", "prod", "--comment", "fine")
    assert "is approved; go on with" in approved.talk
    done = command("models", "promote", "delay/2", "--to", "prod", "--json")
    assert (done.code, done.data["item"]["state"]) == (0, "assigned")
    assert "used" in command("models", "approvals", "delay").out
    assert "has delay/2 already" in command("models", "promote", "delay/2", "--to", "prod").talk
    assert command("models", "rollback", "delay", "--env", "prod").code == 9


def test_a_refusal_is_told_with_its_comment(
    command: Command, declared: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("models", "promote", "delay/2", "--to", "prod")
    monkeypatch.setenv("MLWRIGHT_ACTOR", "user:bob")
    assert command("models", "refuse", "delay/2", "--env", "prod", "--comment", "too old").code == 0
    refused = command("models", "promote", "delay/2", "--to", "prod")
    assert (refused.code, "user:bob refused: too old" in refused.out) == (8, True)
    assert command("models", "promote", "delay/2", "--to", "prod", "--ask-again").code == 8
    monkeypatch.setenv("MLWRIGHT_ACTOR", "user:ada")
    assert command("models", "withdraw", "delay/2", "--env", "prod").code == 0


def test_an_environment_without_rules_is_promoted_to_and_back(command: Command, filled: Project) -> None:
    for version in ("1", "2"):
        assert command("models", "promote", f"delay/{version}", "--to", "staging").code == 0
    assert "staging has version 1" in command("models", "rollback", "delay", "--env", "staging").talk
    assert "staging=1" in command("models", "show", "delay").out


def test_tags_and_descriptions_are_set_and_their_past_is_told(command: Command, filled: Project) -> None:
    assert command("models", "tag", "delay/2", "checked", "yes", "--reason", "by hand").code == 0
    assert "checked=yes" in command("models", "describe", "delay/2", "the second").talk
    assert command("models", "untag", "delay/2", "checked").code == 0
    told = command("models", "history", "delay/2", "--json").data["items"]
    assert [(row["what"], row["old"], row["new"]) for row in told if row["what"] in ("tag", "description")] == [
        ("tag", "yes", None),
        ("description", "", "the second"),
        ("tag", None, "yes"),
    ]


def test_a_webhook_is_made_changed_tried_and_removed(command: Command, filled: Project, project_folder: Path) -> None:
    made = command("webhooks", "new", "ops", "http://127.0.0.1:9/x", "--event", "alias.*")
    assert (made.code, len(made.out.strip()) > 20) == (0, True)
    (project_folder / "secret").write_text("s3cret\n")
    assert command("webhooks", "change", "ops", "--no-active", "--secret-file", "secret").code == 0
    assert "no" in command("webhooks", "show", "ops").out
    tried = command("webhooks", "test", "ops")
    assert (tried.code, "did not arrive" in tried.talk) == (75, True)
    assert "given-up" in command("webhooks", "deliveries", "ops").out
    assert "1 deliveries wait" in command("webhooks", "replay", "ops").talk
    assert command("webhooks", "rm", "ops").code == 0
    assert command("webhooks", "show", "ops").code == 4
    assert command("webhooks", "new", "bad", "http://127.0.0.1:9/", "--secret-file", "nowhere").code == 2


def test_a_card_is_printed_edited_and_written_as_a_page(
    command: Command, filled: Project, project_folder: Path
) -> None:
    assert "| log_loss | 0.51 |" in command("models", "card", "delay/1").out
    (project_folder / "words.md").write_text("Only for flights.")
    assert command("models", "card", "delay/1", "--edit", "words.md").code == 0
    assert "Only for flights." in command("models", "card", "delay@prod").out
    assert command("models", "card", "delay/1", "--html", "card.html").code == 0
    assert (project_folder / "card.html").read_text().startswith("<!doctype html>")
    assert command("models", "card", "delay/1", "--edit", "nowhere.md").code == 2


def test_the_lineage_of_a_version_names_its_deployments(command: Command, filled: Project) -> None:
    assert "stable" in command("models", "lineage", "delay/1").out
    found = command("models", "lineage", "delay/2", "--json").data["item"]
    assert [row["deployment"] for row in found["deployments"]] == ["delay"]
