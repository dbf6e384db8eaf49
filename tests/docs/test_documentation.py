"""Every Python and console block of the documentation is run, in a folder of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.run_page import blocks, run_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_RUN = {"python", "console"}
_SHOWN = {"text", "json", "yaml", "toml", "sh", "mermaid", "html", "sql", "ini", "make"}
_DATABASE = re.compile(r"postgresql://[\w.@/]+")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_a_page_does_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    replaced = {url: str(request.getfixturevalue("postgres_url")) for url in set(_DATABASE.findall(page.read_text()))}
    run_page(page, tmp_path, replaced)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_a_page_says_its_language(page: Path) -> None:
    unknown = [f"line {block.line}: '{block.language}'" for block in blocks(page.read_text())]
    assert [text for text in unknown if text.split("'")[1] not in _RUN | _SHOWN] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = [target for target in _LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_shortest_useful_program_of_the_readme_has_at_most_15_lines() -> None:
    first = next(block for block in blocks((ROOT / "README.md").read_text()) if block.language == "python")
    assert len(first.text.strip().splitlines()) <= 15
