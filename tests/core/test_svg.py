"""Plots are well-formed SVG whose marks lie where the scales say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.scales import Tick
from mlwright.core.svg import PALETTE, SERIES, STYLE, Frame, Margins, Plot, image, series

NO_MARGINS = Margins(0, 0, 0, 0)
NAMESPACE = "{http://www.w3.org/2000/svg}"


def plot(x: tuple[float, float] = (0, 10), y: tuple[float, float] = (0, 1)) -> Plot:
    return Plot(Frame(width=100, height=50, x=x, y=y, margins=NO_MARGINS))


def parsed(*plots: Plot) -> ET.Element:
    return ET.fromstring(image(plots, label="words"))


def test_an_image_has_a_role_a_label_and_a_size() -> None:
    root = ET.fromstring(image([plot(), plot()], label='a < "b"'))
    assert (root.get("role"), root.get("aria-label")) == ("img", 'a < "b"')
    assert root.get("viewBox") == "0 0 100 100"


def test_the_second_plot_lies_below_the_first() -> None:
    upper, lower = plot(), plot()
    lower.rule(0.5, "ink")
    assert parsed(upper, lower).find(f"{NAMESPACE}g").get("transform") == "translate(0 50)"


def test_a_line_goes_through_its_points_and_leaves_gaps() -> None:
    drawn = plot()
    drawn.line([(0, 0.0), (5, 1.0), (6, None), (7, float("nan")), (8, 0.5), (9, None), (10, 0.0)], "s0")
    path = parsed(drawn).find(f"{NAMESPACE}path")
    assert path.get("d") == "M0 50L50 0M80 25h0M100 50h0"


def test_a_line_of_nothing_draws_nothing() -> None:
    drawn = plot()
    drawn.line([(0, None)], "s0")
    assert drawn.content == ""


def test_layers_of_a_stack_lie_upon_each_other() -> None:
    drawn = plot(x=(0, 2))
    drawn.stack([0, 1, 2], [("s0", [0.5, 0.25], "lower"), ("s1", [0.0, 0.5], "upper")])
    first, second = parsed(drawn).findall(f"{NAMESPACE}path")
    assert first.get("d") == "M0 25L50 25L50 37.5L100 37.5L100 50L50 50L50 50L0 50Z"
    assert second.get("d") == "M50 12.5L100 12.5L100 37.5L50 37.5Z"
    assert [path.find(f"{NAMESPACE}title").text for path in (first, second)] == ["lower", "upper"]


def test_bars_grow_from_their_base_in_both_directions() -> None:
    drawn = plot(y=(-1, 1))
    drawn.bars([(0, 5, 1.0, ""), (5, 10, -0.5, "down")], "good", gap=0)
    up, down = parsed(drawn).findall(f"{NAMESPACE}rect")
    assert (up.get("y"), up.get("height")) == ("0", "25")
    assert (down.get("y"), down.get("height")) == ("25", "12.5")


def test_a_span_is_cut_off_at_the_sides_and_never_vanishes() -> None:
    drawn = plot()
    drawn.span(-5, 2, (0, 1), "bad")
    drawn.span(4, 4, (0, 1), "bad")
    cut, thin = parsed(drawn).findall(f"{NAMESPACE}rect")
    assert (cut.get("x"), cut.get("width")) == ("0", "20")
    assert thin.get("width") == "3"


@pytest.mark.parametrize("shape", ["circle", "diamond", "triangle", "square", "cross"])
def test_every_marker_carries_its_tooltip(shape: str) -> None:
    drawn = plot()
    drawn.marker(5, 0.5, "s1", shape=shape, title="a & b")  # type: ignore[arg-type]
    (mark,) = parsed(drawn)
    assert mark.find(f"{NAMESPACE}title").text == "a & b"
    assert mark.get("class") == "s1 mark"


def test_moments_and_numbers_share_the_axis() -> None:
    ends = (datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 3, tzinfo=UTC))
    drawn = Plot(Frame(width=100, height=50, x=ends, y=(0, 1), margins=NO_MARGINS))
    assert drawn.x(datetime(2013, 4, 2, tzinfo=UTC)) == 50
    assert drawn.x(ends[1].timestamp()) == 100


def test_labels_of_an_axis_stay_inside_the_image() -> None:
    drawn = Plot(Frame(width=200, height=80, x=(0, 1), y=(0, 1)))
    drawn.axes(x_ticks=[Tick(0.0, "left"), Tick(1.0, "a long label")])
    words = {text.text: text for text in parsed(drawn).findall(f"{NAMESPACE}text")}
    assert words["left"].get("text-anchor") == "middle"
    assert (words["a long label"].get("text-anchor"), words["a long label"].get("x")) == ("end", "200")


def test_words_are_escaped() -> None:
    drawn = plot()
    drawn.text(0, 0, "<script>")
    drawn.heading("a & b")
    assert "<script>" not in drawn.content
    assert [text.text for text in parsed(drawn)] == ["<script>", "a & b"]


def test_a_standalone_image_brings_its_colours() -> None:
    assert "prefers-color-scheme:dark" in image([plot()], label="x", standalone=True)
    assert "<style>" not in image([plot()], label="x")


def test_every_series_has_a_colour_in_light_and_dark() -> None:
    for place in range(SERIES):
        assert PALETTE.count(f"--s{place}:") == 2
        assert f"var(--s{place})" in STYLE
    assert series(SERIES) == "s0"


@pytest.mark.parametrize("scheme", [0, 1])
def test_every_colour_stands_out_from_the_page(scheme: int) -> None:
    # Web Content Accessibility Guidelines 2.2: 4.5 to 1 for text, 3 to 1 for graphics.
    colours = dict(re.findall(r"--([a-z0-9]+):(#[0-9a-f]{6})", PALETTE.split("@media")[scheme]))
    for name in ("ink", "soft", "good", "bad", "warn", *(f"s{place}" for place in range(SERIES))):
        assert contrast(colours[name], colours["page"]) >= (3.0 if name.startswith("s") and name != "soft" else 4.5)


@given(st.lists(st.tuples(st.floats(0, 10), st.one_of(st.none(), st.floats(0, 1))), max_size=20))
def test_any_line_is_well_formed(points: list[tuple[float, float | None]]) -> None:
    drawn = plot()
    drawn.axes()
    drawn.line(points, "s0")
    parsed(drawn)


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
