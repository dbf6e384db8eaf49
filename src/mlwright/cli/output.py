"""What commands print: data to stdout, talk to stderr."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from mlwright.core.ids import short

#: Version of the shape of everything printed with `--json`.
JSON_VERSION = 1
_GAP = "  "
_LONG = 80
_MOST_WHOLE = 1e15
#: Control characters in data (C0, DEL, C1) would be commands to the terminal.
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "�") | {9: " ", 10: " ", 13: " "}

Column = tuple[str, Callable[[Any], str]]


def say(text: str) -> None:
    """Print talk: hints, progress, warnings."""
    sys.stderr.write(text + "\n")


def print_line(text: str) -> None:
    """Print one line of data now, for what goes on for a while."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json(**fields: Any) -> None:
    """Print one JSON object, its version first."""
    body = msgspec.json.encode({"version": JSON_VERSION, **fields}, enc_hook=str)
    print_line(body.decode())


def print_items(
    items: Sequence[Any], columns: Sequence[Column], *, as_json: bool, next_page: str | None = None
) -> None:
    """Print a listing.

    Args:
        items: What to list.
        columns: Heading and text of each column.
        as_json: Whether to print JSON instead of a table.
        next_page: Cursor of what follows.
    """
    if as_json:
        print_json(items=items, **({"next": next_page} if next_page else {}))
    elif items:
        print_table([[text(item) for _, text in columns] for item in items], [heading for heading, _ in columns])


def print_table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    """Print a table with aligned columns; on a terminal the last column is cut to fit."""
    rows = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in (headings, *rows)) for place in range(len(headings))]
    room = _room(widths)
    bold, plain = ("\x1b[1m", "\x1b[0m") if is_coloured(sys.stdout) else ("", "")
    sys.stdout.write(f"{bold}{_line(headings, widths, room)}{plain}\n")
    for row in rows:
        sys.stdout.write(_line(row, widths, room) + "\n")


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one to a line; empty values are left out."""
    shown = [(name, str(value)) for name, value in fields if value not in (None, "", {}, [])]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        sys.stdout.write(f"{name:<{width}}{_GAP}{clean(value)}\n")


def print_heading(text: str) -> None:
    """Print the heading of a part, with an empty line before it."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if is_coloured(sys.stdout) else ("", "")
    sys.stdout.write(f"\n{bold}{text}{plain}\n")


def clean(text: str) -> str:
    r"""Return a text on one line and without control characters, fit for a terminal.

    Example:
        >>> clean("two\nlines\x07")
        'two lines�'
    """
    return text.translate(_CONTROLS)


def moment(at: datetime | None) -> str:
    """Return a moment in UTC, to the second.

    Example:
        >>> from datetime import UTC
        >>> moment(datetime(2013, 4, 1, 5, tzinfo=UTC))
        '2013-04-01 05:00:00Z'
    """
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def span(seconds: float | None) -> str:
    """Return a duration.

    Example:
        >>> span(0.25), span(75), span(7300)
        ('0.25s', '1m15s', '2h01m')
    """
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.2f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def number(value: float | None) -> str:
    """Return a number in at most five digits, a whole one in all of them.

    Example:
        >>> number(2 / 3), number(336776.0), number(None)
        ('0.66667', '336776', '-')
    """
    if value is None:
        return "-"
    return str(int(value)) if abs(value) < _MOST_WHOLE and value == int(value) else f"{value:.5g}"


def brief(value: Any) -> str:
    """Return a value on one line that fits beside others: `-` for none, JSON for what has parts, long ones cut.

    Example:
        >>> brief({"layers": [64, 64]}), brief(None), brief("x" * 5000)[-21:]
        ('{"layers":[64,64]}', '-', 'x… (5,000 characters)')
    """
    if value is None:
        return "-"
    if isinstance(value, float):
        return number(value)
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text):,} characters)"


def facts(values: dict[str, Any]) -> str:
    """Return a few names and values on one line; ids are shortened."""
    return " ".join(f"{name}={_brief(value)}" for name, value in values.items())


def is_coloured(stream: Any) -> bool:
    """Tell whether a stream may get colours: a terminal, and no NO_COLOR."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def subject(text: str) -> str:
    """Return an event's subject with its ids shortened.

    Example:
        >>> subject("run/01m84vj9jccxdz4xjt70a8js6y/step/fit")
        'run/70a8js6y/step/fit'
    """
    return "/".join(short(part) if is_id(part) else part for part in text.split("/"))


def is_id(text: str) -> bool:
    """Tell whether a text has the form of an id."""
    return len(text) == 26 and text.isalnum() and text == text.lower()


def _brief(value: Any) -> str:
    if isinstance(value, str):
        return short(value) if is_id(value) else value
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict) and isinstance(value.get("what"), str):
        return str(value["what"])
    return msgspec.json.encode(value, enc_hook=str).decode()


def _room(widths: Sequence[int]) -> int | None:
    if not sys.stdout.isatty():
        return None
    taken = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    return max(shutil.get_terminal_size().columns - taken, 12)


def _line(cells: Sequence[str], widths: Sequence[int], room: int | None) -> str:
    *front, last = cells
    if room is not None and len(last) > room:
        last = last[: room - 1] + "…"
    padded = [f"{cell:<{width}}" for cell, width in zip(front, widths, strict=False)]
    return _GAP.join([*padded, last]).rstrip()
