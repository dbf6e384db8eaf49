"""Drawings of evaluations as SVG text, in the house's colours."""

from __future__ import annotations

from typing import Any

import msgspec

from mlwright.core.scales import Tick
from mlwright.core.svg import Frame, Margins, Plot, image, series

_SIZE = 360
_SHARES = [Tick(share / 5, f"{share * 20}%") for share in range(6)]
_LINE = 16
#: With more classes than this their names and counts would cover each other.
_NAMED = 25
_LETTER = 6.6


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A curve between 0 and 1.

    Attributes:
        name: The class that it is about.
        value: Its summary: the area under it.
        x: From left to right.
        y: Its heights.
        threshold: The score at which each point is reached.
    """

    name: str
    value: float
    x: list[float]
    y: list[float]
    threshold: list[float]


def curves(found: list[Curve], across: str, up: str, title: str, *, diagonal: bool) -> str:
    """Draw curves between 0 and 1, one for each class, with their areas.

    Args:
        found: The curves.
        across: What the horizontal axis is.
        up: What the vertical axis is.
        title: What the drawing is called.
        diagonal: Whether guessing is drawn too.
    """
    shown = found[:12]
    below = 40 + _LINE * len(shown)
    plot = Plot(_unit(below, title=True))
    plot.heading(f"{up} over {across}")
    plot.axes(x_ticks=_SHARES, y_ticks=_SHARES)
    if diagonal:
        plot.line([(0.0, 0.0), (1.0, 1.0)], "soft dashed thin")
    for place, curve in enumerate(shown):
        plot.line(list(zip(curve.x, curve.y, strict=True)), series(place))
        height = -(44 + _LINE * place) / (plot.bottom - plot.top)
        plot.line([(0.0, height + 0.012), (0.06, height + 0.012)], series(place))
        plot.text(0.08, height, f"{curve.name}: {curve.value:.4f}")
    return image([plot], label=f"{title}, {up} over {across}", standalone=True)


def calibration(bins: list[dict[str, Any]]) -> str:
    """Draw how often what was given a probability came true, and below how many rows were given it."""
    upper = Plot(_unit(26, title=True))
    upper.heading("share that came true over probability")
    upper.axes(x_ticks=_SHARES, y_ticks=_SHARES)
    upper.line([(0.0, 0.0), (1.0, 1.0)], "soft dashed thin")
    upper.line([(part["mean"], part["share"]) for part in bins], "s0")
    for part in bins:
        tip = f"{part['rows']} rows: given {part['mean']:.3f}, came true {part['share']:.3f}"
        upper.marker(part["mean"], part["share"], "s0", title=tip)
    most = max(part["rows"] for part in bins)
    lower = Plot(Frame(width=_SIZE, height=110, x=(0.0, 1.0), y=(0.0, float(most)), margins=Margins(top=22, right=18)))
    lower.heading("rows")
    lower.axes(x_ticks=_SHARES, y_ticks=[Tick(0.0, "0"), Tick(float(most), f"{most:,}")])
    half = 0.4 / max(len(bins), 10)
    bars = [(part["mean"] - half, part["mean"] + half, float(part["rows"]), "") for part in bins]
    lower.bars([(max(low, 0.0), min(high, 1.0), rows, tip) for low, high, rows, tip in bars], "s0 half")
    return image([upper, lower], label="Calibration: share that came true over probability given", standalone=True)


def confusion(names: list[str], counts: list[list[int]]) -> str:
    """Draw a confusion matrix: a row for each true class, a column for each predicted one, darker where rows agree."""
    count = len(names)
    named = count <= _NAMED
    cell = max(56.0 if count <= 6 else 32.0, 1.0) if named else 600 / count
    left = 30 + (min(max(map(len, names)), 24) * _LETTER if named else 0)
    margins = Margins(top=22, right=18, bottom=46, left=left)
    width, height = left + 18 + cell * count, 68 + cell * count
    plot = Plot(
        Frame(width=max(width, 330.0), height=height, x=(0.0, float(count)), y=(0.0, float(count)), margins=margins)
    )
    plot.heading("true class (rows), predicted class (columns)")
    for row, line in enumerate(counts):
        total = sum(line)
        for column, value in enumerate(line):
            share = value / total if total else 0.0
            _cell(plot, (row, column, count), share, f"{names[row]} taken for {names[column]}: {value} of {total}")
            if named:
                css = "onfill" if share > 0.5 else ""
                plot.text(column + 0.5, count - row - 0.58, f"{value}", css=css, anchor="middle")
    if named:
        for place, name in enumerate(names):
            plot.text(-0.08, count - place - 0.58, _cut(name, 24), anchor="end")
            plot.text(place + 0.5, -20 / cell, _cut(name, max(int(cell / _LETTER), 3)), anchor="middle")
    return image([plot], label="Confusion matrix", standalone=True)


def _cell(plot: Plot, place: tuple[int, int, int], share: float, title: str) -> None:
    row, column, count = place
    for css, above in (("s0 faded area", 0.0), ("s0 half area", 0.25), ("s0 area", 0.5)):
        if share > above:
            plot.span(column, column + 1, (count - row - 1.0, float(count - row)), css, title=title)
            title = ""
    if share == 0:
        plot.span(column, column + 1, (count - row - 1.0, float(count - row)), "hit", title=title)


def _unit(below: float, *, title: bool) -> Frame:
    top = 24 if title else 14
    margins = Margins(top=top, right=18, bottom=below)
    return Frame(width=_SIZE, height=_SIZE - 26 + below, x=(0.0, 1.0), y=(0.0, 1.0), margins=margins)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
