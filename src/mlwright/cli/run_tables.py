"""Tables of runs: which ones `runs ls` shows, their cells, and runs side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import Parameter

from mlwright.cli.output import brief, clean, is_coloured, moment, print_heading, print_line, print_table, say, span
from mlwright.core.ids import short
from mlwright.errors import InvalidInput

if TYPE_CHECKING:
    from mlwright.api.compare import Comparison, Row
    from mlwright.api.search import FoundRun


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Shown:
    """Which runs to list.

    Attributes:
        experiment: Only of these: names, or patterns such as 'vision/*'.
        pipeline: Only of this pipeline.
        status: Only of this status: scheduled, running, succeeded, failed or cancelled.
        view: active, deleted (in the bin) or all.
    """

    experiment: list[str] | None = None
    pipeline: str | None = None
    status: str | None = None
    view: Literal["active", "deleted", "all"] = "active"


EVERYTHING = Shown()


def narrowed(where: str, shown: Shown) -> str:
    """Return a filter with the conditions that options of their own stand for."""
    parts = [f"({where})"] if where.strip() else []
    parts += [
        f"{name} = {_quoted(value)}"
        for name, value in (("pipeline", shown.pipeline), ("status", shown.status))
        if value is not None
    ]
    return where if not parts[1:] and where.strip() else " AND ".join(parts)


def sorted_by(orders: list[str]) -> list[str]:
    """Return the params, metrics and tags that runs are sorted by, as columns; none when an order can't be read."""
    from mlwright.core.filters import name_of, parse_orders
    from mlwright.core.filters.fields import RUNS

    try:
        fields = [order.field for order in parse_orders(orders, RUNS)]
    except InvalidInput:
        return []
    return [name_of(field) for field in fields if field.entity in ("metric", "param", "tag")]


def cell(name: str, run: FoundRun) -> str:
    """Return the text of a field of a run, `-` when it has none."""
    value = value_of(name, run)
    return brief(value)


def value_of(name: str, run: FoundRun) -> Any:
    """Return what a field of a run holds, None when nothing."""
    from mlwright.api.search import field_value

    value = field_value(name, run)
    if name in ("duration", "took"):
        return span(value)
    return moment(value) if hasattr(value, "isoformat") else value


def print_comparison(found: Comparison) -> None:
    """Print runs side by side, and how their uncommitted changes differ."""
    heads = [short(run.id) for run in found.runs]
    _table(
        "Runs",
        heads,
        [
            ["name", *(run.name for run in found.runs)],
            ["experiment", *(run.experiment for run in found.runs)],
            ["status", *(run.status for run in found.runs)],
            ["started", *(moment(run.started_at) for run in found.runs)],
            ["took", *(span(run.duration_s) for run in found.runs)],
        ],
    )
    parts = (
        ("Params", found.params),
        ("Metrics", found.metrics),
        ("Tags", found.tags),
        ("Code", found.code),
        ("Environment", found.environment),
        ("Data", found.data),
    )
    for title, rows in parts:
        if rows:
            _table(title, heads, [[row.key, *map(_text, row.values)] for row in rows])
    for diff in found.diffs:
        print_heading(f"Uncommitted changes: {short(diff.before)} and {short(diff.after)}")
        for line in diff.text.splitlines():
            print_line(_tinted(clean(line)))
    if not found.diffs and not any(_differ(rows) for _, rows in parts):
        say("nothing differs")


def _differ(rows: list[Row]) -> bool:
    return any(row.differs for row in rows)


def _table(title: str, heads: list[str], rows: list[list[str]]) -> None:
    print_heading(title)
    print_table(rows, ["", *heads])


def _text(value: Any) -> str:
    text = brief(value)
    return text[:19] if text.startswith("sha256:") else text


def _tinted(line: str) -> str:
    import sys

    if not is_coloured(sys.stdout):
        return line
    tint = {"+": "\x1b[32m", "-": "\x1b[31m"}.get(line[:1])
    return f"{tint}{line}\x1b[0m" if tint else line


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
