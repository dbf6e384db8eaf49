"""Searching runs in a real browser: the expression, its errors, sorting, pages, and addresses that can be shared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filled import NASTY, RUN_ID
from mlwright.ledger import curves, runs, tracked
from mlwright.ledger.curves import Point
from mlwright.project import Project

pytestmark = pytest.mark.browser
MANY = 70


@pytest.fixture
def searched(filled: Project) -> Project:
    """Seventy runs of one experiment beside what else there is; the odd ones have a metric with a strange name."""
    with filled.ledger.write("user:ada") as tx:
        for number in range(MANY):
            run_id = f"02h{number:023d}"
            runs.create_run(tx, runs.NewRun(id=run_id, experiment="vision/nets", name=f"net{number}", kind="script"))
            tracked.put_params(tx, run_id, {"lr": number / 100, "text": NASTY})
            names = ["auc", 'a, "b"'] if number % 2 else ["auc"]
            curves.add_points(tx, run_id, [Point(key=key, step=0, value=number / 70, at=tx.now) for key in names])
    return filled


class Visit:
    """A page in which nothing may go wrong."""

    def __init__(self, browser: Any, url: str) -> None:
        self.wrong: list[str] = []
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.url = url

    def open(self, address: str) -> None:
        """Open an address as somebody does to whom it was sent."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/{address}")

    def ask(self, where: str, columns: str = "") -> None:
        """Search by the form."""
        self.page.fill("input[name=where]", where)
        self.page.fill("input[name=columns]", columns)
        self.page.press("input[name=where]", "Enter")

    def column(self, place: int) -> list[str]:
        """Return the texts of a column of the table, from 1."""
        found: list[str] = self.page.locator(f"#screen-body td:nth-child({place})").all_inner_texts()
        return found

    def keep(self, name: str) -> None:
        """Keep a picture where PICTURES says, for people to look at."""
        if os.environ.get("PICTURES"):
            self.page.screenshot(path=str(Path(os.environ["PICTURES"]) / name), full_page=True)


@pytest.fixture
def visit(browser: Any, url: str, searched: Project) -> Iterator[Visit]:
    """A page of the served project."""
    opened = Visit(browser, url)
    yield opened
    opened.page.close()
    assert opened.wrong == []


def test_an_expression_finds_runs_and_the_address_keeps_it(visit: Visit) -> None:
    visit.open("#/runs")
    visit.page.wait_for_selector("#screen-body td")
    visit.ask("params.lr < 0.03 and not name = 'net1'", "name, params.lr, metrics.auc")
    visit.page.wait_for_selector("text=0.02857")
    assert visit.column(2) == ["net2", "net0"]
    assert visit.column(3) == ["0.02", "0"]
    shared = visit.page.evaluate("location.hash")
    visit.open(shared)
    visit.page.wait_for_selector("text=0.02857")
    assert visit.column(2) == ["net2", "net0"]
    assert visit.page.input_value("input[name=where]") == "params.lr < 0.03 and not name = 'net1'"
    assert visit.page.input_value("input[name=columns]") == "name, params.lr, metrics.auc"
    visit.keep("runs-searched.png")


def test_a_mistyped_field_is_told_under_the_question(visit: Visit) -> None:
    visit.open("#/runs?where=statsu%20%3D%20'failed'")
    visit.page.wait_for_selector("#screen-body [role=alert]")
    told = visit.page.inner_text("#screen-body [role=alert]")
    assert "did you mean 'status'?" in told
    assert "column 1" in told
    visit.keep("runs-refused.png")
    visit.ask("status = 'failed'")
    visit.page.wait_for_selector("#screen-body td")
    assert set(visit.column(3)) == {"failed"}


def test_a_click_on_a_column_sorts_by_it(visit: Visit) -> None:
    visit.open("#/runs?where=metrics.auc%20%3E%200.5&columns=name&columns=metrics.auc")
    visit.page.wait_for_selector("#screen-body td")
    visit.page.click("#screen-body th a:text('metrics.auc')")
    visit.page.wait_for_selector("th[aria-sort=descending]")
    assert visit.column(2)[:2] == ["net69", "net68"]
    visit.page.click("#screen-body th a:text('metrics.auc')")
    visit.page.wait_for_selector("th[aria-sort=ascending]")
    assert visit.column(2)[:2] == ["net36", "net37"]
    visit.page.go_back()
    visit.page.wait_for_selector("th[aria-sort=descending]")
    assert visit.column(2)[0] == "net69"


def test_pages_follow_each_other_by_cursor(visit: Visit) -> None:
    visit.open("#/runs?where=metrics.auc%20%3E%3D%200&sort=metrics.auc%20desc&columns=name")
    visit.page.wait_for_selector("#next")
    first = visit.column(2)
    visit.page.click("#next")
    visit.page.wait_for_selector("text=First page")
    assert first + visit.column(2) == [f"net{number}" for number in reversed(range(MANY))]
    assert visit.page.locator("#next").count() == 0
    visit.open(visit.page.evaluate("location.hash"))
    visit.page.wait_for_selector("text=First page")
    assert visit.column(2)[-1] == "net0"
    visit.page.click("text=First page")
    visit.page.wait_for_selector("#next")
    assert visit.column(2) == first


def test_a_run_is_opened_from_the_list_and_by_the_address_that_mlflow_prints(visit: Visit, searched: Project) -> None:
    with searched.ledger.read() as connection:
        numbers = connection.exec_driver_sql("SELECT name, number FROM experiments").all()
    number = dict(tuple(row) for row in numbers)["vision/nets"]
    visit.open(f"#/experiments/{number}")
    visit.page.wait_for_selector("text=Runs of vision/nets")
    visit.page.wait_for_selector("#screen-body td")
    assert all(name.startswith("net") for name in visit.column(2))
    visit.keep("runs-of-experiment.png")
    visit.page.click("#screen-body td a")
    visit.page.wait_for_selector("text=Run net69")
    visit.open(f"#/experiments/{number}/runs/{RUN_ID}")
    visit.page.wait_for_selector("text=Run train")
    text = visit.page.inner_text("#screen-body")
    assert NASTY in text
    assert RUN_ID in text
    assert "fit" in text
    visit.keep("run.png")
    visit.open("#/runs/nothing")
    visit.page.wait_for_selector("#screen-body [role=alert]")
    visit.open("#/experiments/99")
    visit.page.wait_for_selector("text=there is no experiment with the number 99.")


def test_names_with_quotes_and_commas_are_columns_and_sort_orders(visit: Visit) -> None:
    visit.open("#/runs?where=metrics.%22a%2C%20%22%22b%22%22%22%20IS%20NOT%20NULL")
    visit.page.wait_for_selector("#screen-body td")
    name = 'metrics."a, ""b"""'
    visit.page.click(f"#screen-body th a >> text={name}")
    visit.page.wait_for_selector("th[aria-sort=descending]")
    assert visit.column(2)[0] == "net69"
    visit.ask("true", f"name, {name}")
    visit.page.wait_for_selector("#screen-body th:nth-child(3):last-child")
    assert visit.column(3)[0] == "0.9857"


def test_the_overview_comes_back_and_is_drawn(visit: Visit) -> None:
    visit.open("#/runs")
    visit.page.wait_for_selector("#screen-body td")
    assert not visit.page.is_visible("#overview")
    visit.page.click("nav >> text=Models")
    visit.page.wait_for_selector("#models-body td")
    assert not visit.page.is_visible("#screen")
