"""What Python code gets from a search: a table of runs, for notebooks and for data frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, overload

from mlwright.api.endpoint import MAX_LIMIT
from mlwright.api.search import value_at
from mlwright.errors import MissingExtra, missing_extra

if TYPE_CHECKING:
    from mlwright.api.client import Client
    from mlwright.api.compare import Comparison
    from mlwright.api.search import FoundRun
    from mlwright.project import Project

_FIXED = ("run_id", "name", "experiment", "status", "started", "ended", "duration", "user")
_SHOWN = 20


class RunTable(Sequence["FoundRun"]):
    """The runs that a search found, with what they logged.

    Its columns are the fixed fields, then `params.KEY`, `metrics.KEY` and `tags.KEY`; or those that were asked for.

    Args:
        runs: In order.
        columns: Names in the language of searches; all when None.
    """

    def __init__(self, runs: list[FoundRun], columns: Sequence[str] | None = None) -> None:
        self._runs = runs
        self.columns = list(columns) if columns else _all_columns(runs)

    @overload
    def __getitem__(self, place: int) -> FoundRun: ...

    @overload
    def __getitem__(self, place: slice) -> RunTable: ...

    def __getitem__(self, place: int | slice) -> FoundRun | RunTable:
        if isinstance(place, slice):
            return RunTable(self._runs[place], self.columns)
        return self._runs[place]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[FoundRun]:
        return iter(self._runs)

    def __repr__(self) -> str:
        return f"RunTable({len(self)} runs, {len(self.columns)} columns)"

    def _repr_html_(self) -> str:
        rows = self.to_rows(self._runs[:_SHOWN])
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(_text(value))}</td>" for value in row) + "</tr>" for row in rows)
        rest = f"<p>and {len(self) - _SHOWN} more</p>" if len(self) > _SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"

    def to_rows(self, runs: Sequence[FoundRun] | None = None) -> list[list[Any]]:
        """Return the values of runs (all of them by default), one list a run, in the order of the columns."""
        from mlwright.core.filters import parse_columns
        from mlwright.core.filters.fields import RUNS

        fields = [parse_columns([name], RUNS)[0] for name in self.columns]
        return [[value_at(field, run) for field in fields] for run in (self._runs if runs is None else runs)]

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the values by column."""
        rows = self.to_rows()
        return {name: [row[place] for row in rows] for place, name in enumerate(self.columns)}

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table`; a column whose values are of several types is one of texts.

        Raises:
            MissingExtra: pyarrow isn't installed.
        """
        try:
            import pyarrow
        except ImportError:
            raise missing_extra("pyarrow", "ml", needed_for="a table for Arrow") from None
        return pyarrow.table({name: pyarrow.array(values) for name, values in self._alike().items()})

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame`.

        Raises:
            MissingExtra: pandas isn't installed.
        """
        return _frame_of("pandas", self._alike())

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`.

        Raises:
            MissingExtra: polars isn't installed.
        """
        return _frame_of("polars", self._alike())

    def _alike(self) -> dict[str, list[Any]]:
        """Return the values by column, those of each column of one type."""
        return {name: _of_one_type(values) for name, values in self.to_dict().items()}


def search_runs(
    where: str = "",
    *,
    order_by: str | Sequence[str] = (),
    experiments: str | Sequence[str] = (),
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    project: Project | None = None,
) -> RunTable:
    """Find runs by an expression over what they logged.

    Args:
        where: Such as `metrics.auc > 0.9 and (params.lr < 0.01 or not status = 'failed')`; empty for all.
        order_by: Such as `metrics.auc desc`, or several; the newest first by default.
        experiments: Names, or patterns such as `vision/*`; all by default.
        columns: Columns of the table, such as `params.lr`; everything by default.
        limit: How many at most; all by default.
        project: Where to look; the process's own project, or the server that is set, by default.

    Raises:
        InvalidInput: The expression can't be read, or names what no run has.
        NotFound: There is no such experiment.
    """
    asked = {
        "where": where,
        "order_by": [order_by] if isinstance(order_by, str) else list(order_by),
        "experiments": [experiments] if isinstance(experiments, str) else list(experiments),
        "columns": list(columns or ()),
    }
    found: list[FoundRun] = []
    cursor: str | None = None
    with _client(project) as client:
        while limit is None or len(found) < limit:
            size = MAX_LIMIT if limit is None else min(MAX_LIMIT, limit - len(found))
            page = client.call("runs.search", **asked, cursor=cursor, limit=size)
            found += page.items
            cursor = page.next
            if cursor is None:
                break
    return RunTable(found, columns)


def compare_runs(*runs: str, everything: bool = False, project: Project | None = None) -> Comparison:
    """Return runs side by side: what differs in params, metrics, tags, code, environment and data.

    Args:
        runs: Two or more: ids, ends of them, or `@latest`.
        everything: List what is the same, too.
        project: Where to look; the process's own project, or the server that is set, by default.

    Raises:
        NotFound: There is no such run.
    """
    with _client(project) as client:
        found: Comparison = client.call("runs.compare", runs=list(runs), everything=everything)
        return found


class _Borrowed:
    """A client of a project that stays open."""

    def __init__(self, client: Client, *, closing: bool) -> None:
        self._client = client
        self._closing = closing

    def __enter__(self) -> Client:
        return self._client

    def __exit__(self, *exc_info: object) -> None:
        if self._closing:
            self._client.close()


def _client(project: Project | None) -> _Borrowed:
    from mlwright import project as projects
    from mlwright.api.client import LocalClient, RemoteClient
    from mlwright.core.settings import resolve

    if project is None and projects.opened() is None:
        settings = resolve()
        if settings.server:
            return _Borrowed(RemoteClient(settings.server, actor=settings.actor), closing=True)
    return _Borrowed(LocalClient(project or projects.current()), closing=False)


def _all_columns(runs: list[FoundRun]) -> list[str]:
    from mlwright.core.filters import Field, name_of

    found = [Field("attribute", name) for name in _FIXED]
    for entity, part in (("param", ""), ("metric", "last"), ("tag", "")):
        keys = {key for run in runs for key in getattr(run, f"{entity}s")}
        found += [Field(entity, key, part) for key in sorted(keys)]
    return [name_of(field) for field in found]


def _of_one_type(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1 or kinds & {list, dict}:
        return [None if value is None else _text(value) for value in values]
    return values


def _text(value: Any) -> str:
    from mlwright.ledger.tracked import as_text

    if value is None:
        return ""
    return (
        value.isoformat()
        if hasattr(value, "isoformat")
        else f"{value:.6g}"
        if isinstance(value, float)
        else as_text(value)
    )


def _frame_of(library: str, columns: dict[str, list[Any]]) -> Any:
    from mlwright.core import adapters

    spec = adapters.find("frame", library)
    if adapters.missing_packages(spec):
        raise MissingExtra(
            f"a data frame of {library} needs the package '{library}', which is not installed.",
            fix=f"pip install {library}",
            package=library,
        )
    return adapters.load("frame", library)(columns)
