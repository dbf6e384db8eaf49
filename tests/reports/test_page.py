"""The page is one file that loads nothing and runs nothing; it is well formed and escapes what it shows."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from invented import invented
from msgspec import structs
from small_loop import SmallLoop

from mlwright.reports import LoopReport, collect, render_html

NASTY = "<img src=x onerror=alert(1)> & \"quotes\" 'single'"
VOID = {"meta", "path", "rect", "circle"}


class Page(HTMLParser):
    """Reads a page strictly: every element that opens closes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.feed(text)
        self.close()
        assert not self.opened

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.opened.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.shown.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(self.shown)


@pytest.fixture(scope="module")
def html() -> str:
    return render_html(invented())


def test_the_page_is_well_formed_and_its_links_have_targets(html: str) -> None:
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [link["href"] for link in page.named("a")] == [f"#{section['id']}" for section in page.named("section")]
    references = {value for _, attributes in page.elements for key, value in attributes.items() if key.endswith("by")}
    assert references <= set(ids)


def test_the_page_loads_nothing_and_runs_nothing(html: str) -> None:
    page = Page(html)
    tags = {name for name, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "image", "use", "foreignobject"}
    assert set(re.findall(r"https?://[^\s\"'<)]+", html)) == {"http://www.w3.org/2000/svg"}
    assert not any(key.startswith("on") or key == "style" for _, found in page.elements for key in found)


def test_the_policy_allows_just_the_one_style_sheet(html: str) -> None:
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    policy = next(meta for meta in Page(html).named("meta") if "http-equiv" in meta)["content"]
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_every_plot_is_an_image_with_words(html: str) -> None:
    plots = Page(html).named("svg")
    assert len(plots) == 14
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)
    assert html.count("How to read this") == len(plots) // 2


def test_headings_skip_no_level(html: str) -> None:
    levels = [int(name[1]) for name, _ in Page(html).elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_class_of_a_mark_has_a_style(html: str) -> None:
    style = html[html.index("<style>") : html.index("</style>")]
    used = {name for _, attributes in Page(html).elements for name in (attributes.get("class") or "").split()}
    unstyled = {name for name in used if not re.search(rf"\.{re.escape(name)}\b", style)}
    assert unstyled <= {"warning"}


def test_what_comes_from_outside_is_escaped() -> None:
    plain = invented()
    version = structs.replace(plain.versions[0], description=NASTY, actor=NASTY, arguments={NASTY: NASTY})
    nasty = structs.replace(
        plain,
        system=NASTY,
        outcome=NASTY,
        model=NASTY,
        notes=[NASTY],
        versions=[version, *plain.versions[1:]],
        alerts=[structs.replace(plain.alerts[0], sentence=NASTY, monitor=NASTY, led_to=[NASTY])],
        monitors=[structs.replace(plain.monitors[0], name=NASTY, kind=NASTY)],
        firings=[structs.replace(plain.firings[0], reason=NASTY)],
    )
    html = render_html(nasty)
    assert "<img" not in html
    assert NASTY in Page(html).text


def test_the_numbers_of_the_report_stand_on_the_page(report: LoopReport) -> None:
    text = Page(render_html(report)).text
    assert f"{report.losses.served:.4f}" in text
    assert f"{report.losses.baseline:.4f}" in text
    for version in report.versions:
        assert f"Version {version.version}" in text
        assert version.cause.sentence in text
    for rollout in report.rollouts:
        assert rollout.sentence in text


def test_a_loop_that_lost_is_shown_as_such() -> None:
    html = render_html(invented(unit=-1.0))
    assert "So the loop was worse by 0.0172 a row" in html
    assert '<dd class="value is-bad">+0.0172</dd>' in html


def test_an_empty_and_an_unlabelled_report_have_pages(fresh: SmallLoop) -> None:
    assert "Nothing was served" in Page(render_html(collect(fresh.project, "delays"))).text
    fresh.begin()
    assert "no request has come" in Page(render_html(collect(fresh.project, "delays"))).text
    fresh.play(0)
    assert "No outcome is known yet" in Page(render_html(collect(fresh.project, "delays"))).text
