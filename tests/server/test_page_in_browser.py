"""The page in a real browser: what it shows, that it keeps fresh, and that nothing goes wrong on the way."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from filled import NASTY, RUN_ID
from mlwright.api.client import LocalClient
from mlwright.project import Project
from mlwright.server.main import background

pytestmark = pytest.mark.browser


class Visit:
    """A page that writes down what goes wrong, and every request that it makes."""

    def __init__(self, browser: Any, url: str, **context: Any) -> None:
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page = browser.new_page(**context)
        self.page.set_default_timeout(120_000)
        self.page.on("console", lambda message: self._note(message))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)
        self.page.wait_for_selector("#state.live")

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def keep(self, name: str) -> None:
        """Keep a picture where PICTURES says, for people to look at."""
        folder = os.environ.get("PICTURES")
        if folder:
            self.page.screenshot(path=str(Path(folder) / name), full_page=True)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_what_there_is_and_nothing_goes_wrong(browser: Any, url: str, width: int, scheme: str) -> None:
    visit = Visit(browser, url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    text = visit.page.inner_text("main")
    assert "v1 90% stable" in text
    assert "v2 10% candidate" in text
    assert RUN_ID[-8:] in text
    assert "gate.refused" in text
    assert "prod → v1" in text
    visit.keep(f"page-{width}-{scheme}.png")
    assert visit.wrong == []
    assert all(address.startswith(url) for address in visit.asked)
    overflow = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    visit.page.close()


def test_text_from_the_ledger_stays_text(browser: Any, url: str) -> None:
    visit = Visit(browser, url)
    assert visit.page.locator("main img").count() == 0
    assert NASTY in visit.page.inner_text("#alerts")
    visit.page.close()


def test_numbers_on_the_page_are_those_of_the_api(browser: Any, url: str, local: LocalClient) -> None:
    visit = Visit(browser, url)
    tiles = dict(
        reversed(tile.split("\n"))
        for tile in visit.page.locator(".tile").all_inner_texts()  # type: ignore[misc]
    )
    assert tiles["open alerts"] == str(len(local.call("alerts.list", only_open=True).items))
    assert tiles["models"] == str(len(local.call("models.list").items))
    assert tiles["rollouts under way"] == "1"
    assert visit.page.locator("#events li").count() == len(local.call("events.list").items)
    visit.page.close()


def test_the_page_follows_what_happens(browser: Any, url: str, filled: Project) -> None:
    visit = Visit(browser, url)
    with filled.ledger.write("user:ada") as tx:
        tx.emit("alert.resolved", "alert/x", why="it was nothing")
    visit.page.wait_for_selector("text=it was nothing", timeout=60_000)
    visit.page.close()


def test_older_events_are_fetched_when_they_are_asked_for(browser: Any, url: str, filled: Project) -> None:
    with filled.ledger.write("user:ada") as tx:
        for number in range(100):
            tx.emit("run.succeeded", f"run/{number}")
    visit = Visit(browser, url)
    assert visit.page.locator("#events li").count() == 60
    visit.page.click("#older")
    visit.page.wait_for_selector("#events li:nth-child(101)")
    assert not visit.page.is_visible("#older")
    assert visit.wrong == []
    visit.page.close()


def test_an_empty_project_shows_how_to_fill_it(browser: Any, project: Project) -> None:
    with background(project) as url:
        visit = Visit(browser, url)
        assert "mlwright run FILE.py:PIPELINE" in visit.page.inner_text("#runs")
        visit.keep("page-empty.png")
        assert visit.wrong == []
        visit.page.close()


def test_a_lost_connection_is_told(browser: Any, project: Project) -> None:
    with background(project) as url:
        visit = Visit(browser, url)
    visit.page.wait_for_selector("#state.lost", timeout=60_000)
    assert "connection lost" in visit.page.inner_text("#state")
    visit.page.close()


def test_the_page_is_reached_by_keyboard(browser: Any, url: str) -> None:
    visit = Visit(browser, url)
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(20):
        visit.page.keyboard.press("Tab")
        reached.add(visit.page.evaluate("document.activeElement.textContent.trim().slice(0, 20)"))
    assert {"Deployments", "Runs", "API"} <= reached
    visit.page.close()


def test_the_documentation_page_is_readable(browser: Any, url: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_default_timeout(120_000)
    page.goto(f"{url}/api/docs")
    assert re.search(r"GET /api/v1/models", page.inner_text("main"))
    page.click("text=OpenAPI document")
    assert '"openapi":"3.1.0"' in page.inner_text("body").replace(" ", "").replace("\n", "")
    page.close()
