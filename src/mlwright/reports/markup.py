"""HTML from values: everything that comes from outside passes `text`, which escapes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import NewType

#: Text that is HTML already.
Html = NewType("Html", str)


def text(value: object) -> Html:
    """Return a value as HTML that shows just it.

    Example:
        >>> text("a < b")
        'a &lt; b'
    """
    return Html(escape(str(value)))


def tag(name: str, *inside: Html, **attributes: str) -> Html:
    """Return an element.

    Args:
        name: Its name.
        inside: Its content, already HTML.
        attributes: Its attributes; `class_` stands for class and `_` for a hyphen. Empty ones are left out.

    Example:
        >>> tag("p", text("5 > 3"), class_="lead")
        '<p class="lead">5 &gt; 3</p>'
    """
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items() if value
    )
    return Html(f"<{name}{named}>{''.join(inside)}</{name}>")


def join(parts: Iterable[Html]) -> Html:
    """Return elements one after the other."""
    return Html("".join(parts))


def moment(at: datetime) -> Html:
    """Return a moment, in its own time zone, that machines can read, too."""
    return tag("time", text(f"{at:%Y-%m-%d %H:%M}"), datetime=at.isoformat())


def table(
    name: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[Html]],
    *,
    caption: str,
    foot: Sequence[Html] = (),
) -> Html:
    """Return a table that scrolls sideways where it doesn't fit; the first cell of a row is its heading.

    Args:
        name: Id of its caption, unique in the page.
        headings: Of the columns; one that begins with `#` is of numbers.
        rows: Cells, already HTML.
        caption: What the table tells.
        foot: A last row of totals.
    """
    classes = ["number" if heading.startswith("#") else "" for heading in headings]
    columns = [
        tag("th", text(heading.lstrip("#")), scope="col", class_=css)
        for heading, css in zip(headings, classes, strict=True)
    ]
    body = join(_row(cells, classes) for cells in rows)
    parts = [tag("thead", tag("tr", *columns)), tag("tbody", body)]
    if foot:
        parts.append(tag("tfoot", _row(foot, classes)))
    # A <caption> would scroll away with its table, so the words stand before it and name it.
    told = tag("p", text(caption), class_="caption", id=name)
    framed = {"class_": "scroll", "tabindex": "0", "role": "region", "aria_labelledby": name}
    return join([told, tag("div", tag("table", *parts, aria_labelledby=name), **framed)])


def fields(pairs: Iterable[tuple[str, Html]]) -> Html:
    """Return a list of names and values; empty values are left out."""
    return tag("dl", *(join([tag("dt", text(name)), tag("dd", value)]) for name, value in pairs if value))


def _row(cells: Sequence[Html], classes: Sequence[str]) -> Html:
    first, *rest = cells
    others = [tag("td", cell, class_=css) for cell, css in zip(rest, classes[1:], strict=True)]
    return tag("tr", tag("th", first, scope="row"), *others)
