"""Model cards: made from the facts, with what people wrote, as Markdown and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from promoting import add_version, declare, open_project

from mlwright import errors, registry
from mlwright.artifacts.gc import collect
from mlwright.project import Project
from mlwright.registry import cards

NASTY = '<script>alert(1)</script> | pipe\n\nand "quotes"'


@pytest.fixture
def project(project_folder: Path, ledger_url: str) -> Iterator[Project]:
    with open_project(project_folder, ledger_url) as opened:
        declare(opened, reviewer=1)
        add_version(opened)
        registry.promote(opened, "churn/1", "prod", reason="please")
        registry.approve(opened, "churn/1", "prod", actor="user:bob", comment="fine")
        registry.promote(opened, "churn/1", "prod", reason=NASTY)
        yield opened


def test_a_card_tells_the_facts(project: Project) -> None:
    registry.describe(project, "churn/1", "who leaves")
    registry.set_tag(project, "churn/1", "team", "air")
    places = [cards.Place(deployment="web", serves_now=True, predictions=12_345)]
    text = cards.as_markdown(cards.card(project, "churn/1", places))
    for said in (
        "# churn/1",
        "who leaves",
        "| environments | prod |",
        "| tag team | air |",
        "| auc | 0.8 |",
        "| metric-threshold:auc | passed |",
        "user:bob (reviewer) approves: fine",
        "| web | yes | 12,345 |",
        "| environment prod | - | 1 |",
    ):
        assert said in text, said


def test_what_people_write_is_kept_with_its_history(project: Project) -> None:
    first = cards.edit_card(project, "churn/1", "## Use\n\nOnly for adults.\n\n- one\n- two", actor="user:bob")
    cards.edit_card(project, "churn/1", "Never.", actor="user:eve", reason="it was wrong")
    assert "Never." in cards.as_markdown(cards.card(project, "churn/1"))
    told = [entry for entry in registry.history(project, "churn") if entry.what == "card"]
    assert [(entry.actor, entry.old) for entry in told] == [("user:eve", first), ("user:bob", None)]
    assert project.store.read(first).decode().startswith("## Use")
    cards.edit_card(project, "churn/1", "")
    assert "From its people" not in cards.as_markdown(cards.card(project, "churn/1"))
    with pytest.raises(errors.InvalidInput, match="characters"):
        cards.edit_card(project, "churn/1", "x" * 1_000_001)


def test_the_text_of_people_outlives_collection(project: Project) -> None:
    digest = cards.edit_card(project, "churn/1", "Never.")
    collect(project, grace_s=0)
    assert project.store.read(digest) == b"Never."


def test_nothing_that_people_write_becomes_markup(project: Project) -> None:
    cards.edit_card(project, "churn/1", NASTY + "\n\n# Title\n\n- item <b>")
    registry.describe(project, "churn/1", NASTY)
    shown = cards.card(project, "churn/1")
    page = cards.as_html(shown)
    seen: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append(tag)
            assert not any(name in ("src", "href") or name.startswith("on") for name, _ in attrs)

    Tags().feed(page)
    assert "script" not in seen
    assert {"h1", "h2", "h3", "li", "table"} <= set(seen)
    assert "\\|" in cards.as_markdown(shown)


def test_a_card_of_nothing_is_not_found(project: Project) -> None:
    with pytest.raises(errors.NotFound):
        cards.card(project, "churn/9")
