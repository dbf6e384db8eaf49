"""Plots as SVG text: lines, areas, bars and markers over number and time axes. No script, no library, no other origin.

Marks carry CSS classes and no colours: `PALETTE` and `STYLE` give them colours that follow the reader's light or dark
scheme, and a page may give its own. Every plot is one image to a screen reader (`role="img"` with a label); every mark
may carry a tooltip (`<title>`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Literal

import msgspec

from mlwright.core.scales import Scale, Tick, number_ticks, time_ticks

#: Values on the horizontal axis: numbers, or moments.
X = float | datetime
Anchor = Literal["start", "middle", "end"]
Shape = Literal["circle", "diamond", "triangle", "square", "cross"]

#: How many colours series have; series beyond them begin again with the first.
SERIES = 8
_HALF_LETTER = 3.3

_LIGHT = ("#3569c4", "#c2620e", "#12806f", "#b8377a", "#7350bf", "#6f7a10", "#c03a2b", "#1f7d9c")
_DARK = ("#82a9f5", "#eda15c", "#4bc0ae", "#ec88b8", "#b79df2", "#bfc95f", "#f18d80", "#6fc4e3")

#: Variables of all colours: first those of a light page, then what a dark one changes.
PALETTE = (
    ":root{"
    "--ink:#1c2430;--soft:#56606e;--faint:#d9dee6;--page:#ffffff;--good:#1f7a3d;--bad:#b3261e;--warn:#8a5a00;"
    + "".join(f"--s{place}:{colour};" for place, colour in enumerate(_LIGHT))
    + "}@media(prefers-color-scheme:dark){:root{"
    "--ink:#e6eaf0;--soft:#9ca7b5;--faint:#313a47;--page:#12161c;--good:#6fce8d;--bad:#ff8f86;--warn:#e5b456;"
    + "".join(f"--s{place}:{colour};" for place, colour in enumerate(_DARK))
    + "}}"
)

#: What the classes of plots look like.
STYLE = (
    ".plot{display:block;max-width:100%;height:auto;font:12px system-ui,sans-serif;fill:var(--ink)}"
    ".plot text{fill:var(--soft)}.plot .name{fill:var(--ink);font-weight:600}"
    ".plot .grid{stroke:var(--faint);stroke-width:1}.plot .axis{stroke:var(--soft);stroke-width:1}"
    ".plot .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".plot .thin{stroke-width:1.25}.plot .dashed{stroke-dasharray:5 4}"
    ".plot .half{fill-opacity:.6}.plot .faded{fill-opacity:.16}.plot .hit{fill:transparent}"
    ".plot .mark{stroke:var(--page);stroke-width:1.5}"
    ".plot .onfill{fill:var(--page);font-weight:600}"
    + "".join(
        f".plot .{name}{{fill:var(--{name});stroke:var(--{name})}}"
        for name in (*(f"s{place}" for place in range(SERIES)), "ink", "soft", "faint", "good", "bad", "warn")
    )
    + ".plot .area,.plot .bar{stroke:none}.plot .line{fill:none}.plot .mark{stroke:var(--page)}"
)


class Margins(msgspec.Struct, frozen=True):
    """Room around the plotted area, in pixels."""

    top: float = 14
    right: float = 14
    bottom: float = 26
    left: float = 46


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Where a plot lies and what its axes span.

    Attributes:
        width: Width with margins, in pixels.
        height: Height with margins, in pixels.
        x: Domain of the horizontal axis; two moments make it an axis of time.
        y: Domain of the vertical axis.
        margins: Room around the plotted area.
    """

    width: float
    height: float
    x: tuple[X, X]
    y: tuple[float, float]
    margins: Margins = Margins()


def series(place: int) -> str:
    """Return the class that colours the series at a place; there are eight, and then they repeat."""
    return f"s{place % SERIES}"


class Plot:
    """A plot under construction: marks are added in the order in which they are painted.

    Args:
        frame: Where it lies and what its axes span.

    Example:
        >>> plot = Plot(Frame(width=200, height=100, x=(0, 10), y=(0, 1)))
        >>> plot.line([(0, 0.5), (10, 1)], "s0")
        >>> image([plot], label="One line")[:4]
        '<svg'
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        margins = frame.margins
        self.left, self.right = margins.left, frame.width - margins.right
        self.top, self.bottom = margins.top, frame.height - margins.bottom
        self._x = Scale(_number(frame.x[0]), _number(frame.x[1]), self.left, self.right)
        self._y = Scale(frame.y[0], frame.y[1], self.bottom, self.top)
        self._parts: list[str] = []

    def x(self, value: X) -> float:
        """Return the distance from the left edge at which a value lies."""
        return self._x(_number(value))

    def y(self, value: float) -> float:
        """Return the distance from the upper edge at which a value lies."""
        return self._y(value)

    @property
    def content(self) -> str:
        """The marks added so far, as SVG elements."""
        return "".join(self._parts)

    def axes(self, *, x_ticks: Sequence[Tick] | None = None, y_ticks: Sequence[Tick] | None = None) -> None:
        """Draw grid, axis and labels.

        Args:
            x_ticks: Labelled values below; round ones by default.
            y_ticks: Labelled values at the left; round ones by default.
        """
        for tick in number_ticks(*self.frame.y) if y_ticks is None else y_ticks:
            at = _f(self._y(tick.value))
            self._parts.append(f'<path class="grid" d="M{_f(self.left)} {at}H{_f(self.right)}"/>')
            self._text(self.left - 7, self._y(tick.value) + 4, tick.label, "", "end")
        self._parts.append(f'<path class="axis" d="M{_f(self.left)} {_f(self.bottom)}H{_f(self.right)}"/>')
        for tick in self._round_x() if x_ticks is None else x_ticks:
            place = self._x(tick.value)
            self._parts.append(f'<path class="axis" d="M{_f(place)} {_f(self.bottom)}v4"/>')
            # A label that would stick out of the image ends at its edge instead.
            sticks_out = place + len(tick.label) * _HALF_LETTER > self.frame.width
            if sticks_out:
                self._text(self.frame.width, self.bottom + 17, tick.label, "", "end")
            else:
                self._text(place, self.bottom + 17, tick.label, "", "middle")

    def line(self, points: Sequence[tuple[X, float | None]], css: str) -> None:
        """Draw a line through points; a value that is None or NaN leaves a gap."""
        runs: list[list[str]] = [[]]
        for x, y in points:
            if y is None or not math.isfinite(y):
                runs.append([])
            else:
                runs[-1].append(f"{_f(self.x(x))} {_f(self._y(y))}")
        # A point between two gaps still shows: a line of no length with round ends is a dot.
        paths = "".join(f"M{run[0]}" + ("L" + "L".join(run[1:]) if len(run) > 1 else "h0") for run in runs if run)
        if paths:
            self._parts.append(f'<path class="line {css}" d="{paths}"/>')

    def area(self, points: Sequence[tuple[X, float, float]], css: str, *, title: str = "") -> None:
        """Fill between two heights; points are (x, low, high)."""
        if points:
            there = [f"{_f(self.x(x))} {_f(self._y(high))}" for x, _, high in points]
            back = [f"{_f(self.x(x))} {_f(self._y(low))}" for x, low, _ in reversed(points)]
            self._add("path", f'class="area {css}" d="M{"L".join([*there, *back])}Z"', title)

    def stack(self, edges: Sequence[X], layers: Sequence[tuple[str, Sequence[float], str]]) -> None:
        """Draw layers upon each other, each constant between two edges.

        Args:
            edges: Bounds of the intervals, one more than a layer has values.
            layers: From the bottom up: class, heights, tooltip.
        """
        base = [0.0] * (len(edges) - 1)
        for css, heights, title in layers:
            tops = [low + height for low, height in zip(base, heights, strict=True)]
            for start, end in _stretches(heights):
                points: list[tuple[X, float, float]] = []
                for place in range(start, end):
                    points += [(edges[place], base[place], tops[place]), (edges[place + 1], base[place], tops[place])]
                self.area(points, css, title=title)
            base = tops

    def bars(self, values: Sequence[tuple[X, X, float, str]], css: str, *, base: float = 0.0, gap: float = 1.0) -> None:
        """Draw bars from a base line; values are (from, to, height, tooltip)."""
        for start, end, height, title in values:
            left, right = self.x(start) + gap / 2, self.x(end) - gap / 2
            upper, lower = sorted((self._y(height), self._y(base)))
            box = f'x="{_f(left)}" y="{_f(upper)}" width="{_f(max(right - left, 0.5))}" height="{_f(lower - upper)}"'
            self._add("rect", f'class="bar {css}" {box}', title)

    def span(self, start: X, end: X, between: tuple[float, float], css: str, *, title: str = "") -> None:
        """Draw a box over a stretch of the horizontal axis; at least 3 pixels wide, cut off at the plot's sides."""
        left = min(max(self.x(start), self.left), self.right)
        right = max(min(self.x(end), self.right), left + 3)
        upper, lower = sorted((self._y(between[0]), self._y(between[1])))
        box = f'x="{_f(left)}" y="{_f(upper)}" width="{_f(right - left)}" height="{_f(lower - upper)}" rx="2"'
        self._add("rect", f'class="{css}" {box}', title)

    def rule(self, value: float, css: str, text: str = "") -> None:
        """Draw a horizontal line through the whole plot, with words at its right end above it."""
        at = self._y(value)
        self._parts.append(f'<path class="line {css}" d="M{_f(self.left)} {_f(at)}H{_f(self.right)}"/>')
        if text:
            self._text(self.right - 2, at - 5, text, "", "end")

    def upright(self, value: X, css: str, *, title: str = "") -> None:
        """Draw a vertical line through the whole plot."""
        self._add("path", f'class="line {css}" d="M{_f(self.x(value))} {_f(self.top)}V{_f(self.bottom)}"', title)

    def marker(self, x: X, y: float, css: str, *, shape: Shape = "circle", radius: float = 4, title: str = "") -> None:
        """Draw a marker of one of five shapes."""
        across, down = self.x(x), self._y(y)
        if shape == "circle":
            place = f'cx="{_f(across)}" cy="{_f(down)}" r="{_f(radius)}"'
            self._add("circle", f'class="{css} mark" {place}', title)
        else:
            self._add("path", f'class="{css} mark" d="{_outline(shape, across, down, radius)}"', title)

    def whisker(self, x: X, low: float, high: float, css: str) -> None:
        """Draw an upright line between two heights, for an interval."""
        self._parts.append(
            f'<path class="line thin {css}" d="M{_f(self.x(x))} {_f(self._y(low))}V{_f(self._y(high))}"/>'
        )

    def tips(self, values: Sequence[tuple[X, X, str]]) -> None:
        """Lay invisible columns over the plot that carry tooltips; values are (from, to, tooltip)."""
        for start, end, title in values:
            left, right = self.x(start), self.x(end)
            box = f'x="{_f(left)}" y="{_f(self.top)}" width="{_f(right - left)}" height="{_f(self.bottom - self.top)}"'
            self._add("rect", f'class="hit" {box}', title)

    def text(self, x: X, y: float, words: str, *, css: str = "", anchor: Anchor = "start") -> None:
        """Write words at a place given in the axes' values."""
        self._text(self.x(x), self._y(y), words, css, anchor)

    def heading(self, words: str) -> None:
        """Write words at the plot's upper left corner."""
        self._text(0 if self.left < 60 else self.left, 11, words, "name", "start")

    def _round_x(self) -> list[Tick]:
        room = self.right - self.left
        low, high = self.frame.x
        if isinstance(low, datetime) and isinstance(high, datetime):
            return time_ticks(low, high, min(max(int(room / 50), 3), 10))
        return number_ticks(_number(low), _number(high), max(int(room / 80), 2))

    def _text(self, left: float, top: float, words: str, css: str, anchor: Anchor) -> None:
        named = f' class="{css}"' if css else ""
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(f'<text{named} x="{_f(left)}" y="{_f(top)}"{anchored}>{escape(words)}</text>')

    def _add(self, element: str, attributes: str, title: str) -> None:
        inside = f"><title>{escape(title)}</title></{element}>" if title else "/>"
        self._parts.append(f"<{element} {attributes}{inside}")


def image(plots: Sequence[Plot], *, label: str, css: str = "plot", standalone: bool = False) -> str:
    """Return plots, one below the other, as one SVG element.

    Args:
        plots: From the top down.
        label: What the image shows, for readers who can't see it.
        css: Its classes.
        standalone: Whether colours and style go in with it, for an SVG that is no part of a page.
    """
    height, groups = 0.0, []
    for plot in plots:
        groups.append(f'<g transform="translate(0 {_f(height)})">{plot.content}</g>' if height else plot.content)
        height += plot.frame.height
    width = max((plot.frame.width for plot in plots), default=0)
    style = f"<style>{PALETTE}{STYLE}</style>" if standalone else ""
    size = f'viewBox="0 0 {_f(width)} {_f(height)}" width="{_f(width)}" height="{_f(height)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="{css}" role="img" aria-label="{escape(label)}" {size}>'
    return f"{head}{style}{''.join(groups)}</svg>"


def _stretches(heights: Sequence[float]) -> list[tuple[int, int]]:
    """Return where a layer isn't empty, as ranges of places."""
    found: list[tuple[int, int]] = []
    for place, height in enumerate(heights):
        if height <= 0:
            continue
        if found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found


def _outline(shape: Shape, x: float, y: float, r: float) -> str:
    if shape == "diamond":
        corners = [(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]
    elif shape == "triangle":
        corners = [(0.0, -1.2), (1.2, 1.0), (-1.2, 1.0)]
    elif shape == "square":
        corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
    else:
        corners = [(-1.0, -0.5), (-0.5, -1.0), (0.0, -0.5), (0.5, -1.0), (1.0, -0.5), (0.5, 0.0)]
        corners += [(1.0, 0.5), (0.5, 1.0), (0.0, 0.5), (-0.5, 1.0), (-1.0, 0.5), (-0.5, 0.0)]
        r *= 1.2
    return "M" + "L".join(f"{_f(x + a * r)} {_f(y + b * r)}" for a, b in corners) + "Z"


def _number(value: X) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)


def _f(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text
