"""The page in a real browser: it fits narrow and wide screens, in light and dark, and breaks none of its own rules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from invented import invented

from mlwright.reports import render_html

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_breaks_no_rule(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    wrong: list[str] = []
    asked: list[str] = []
    path = tmp_path / "report.html"
    path.write_text(render_html(invented()))
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(120_000)
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = page.locator("svg.plot:visible")
    assert shown.count() == 7
    for place in range(shown.count()):
        box = shown.nth(place).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 28)"
    )
    assert (wrong, asked) == ([], [path.as_uri()])
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(folder) / f"report-{width}-{scheme}.png"), full_page=True)
    page.close()


#: Words of visible plots that stick out of their image.
OUTSIDE = """() => [...document.querySelectorAll('svg.plot')].filter(svg => svg.checkVisibility()).flatMap(svg => {
    const image = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(text => {
        const box = text.getBoundingClientRect();
        return box.left < image.left - 1 || box.right > image.right + 1;
    }).map(text => text.textContent);
})"""
