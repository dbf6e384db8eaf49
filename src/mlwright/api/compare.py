"""Comparing runs: what differs in what they were given, what came out, their code, environment and data."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from mlwright.api.endpoint import Endpoint, Input
from mlwright.api.search import sendable
from mlwright.errors import InvalidInput, MlwrightError

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore
    from mlwright.ledger import Connection
    from mlwright.ledger.runs import RunRow
    from mlwright.project import Project

MOST_RUNS = 20
_DIFF = "source/diff.patch"
_MOST_DIFF = 200_000


class ComparedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One of the runs that are compared.

    Attributes:
        id: Its id.
        name: Its name.
        experiment: What it is filed under.
        status: scheduled, running, succeeded, failed or cancelled.
        started_at: When it began.
        duration_s: How long it took.
    """

    id: str
    name: str
    experiment: str
    status: str
    started_at: datetime
    duration_s: float | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing side by side.

    Attributes:
        key: What it is.
        values: Of each run, in their order; None where it is absent.
        differs: Whether they are not all the same.
    """

    key: str
    values: list[Any]
    differs: bool


class CodeDiff(msgspec.Struct, frozen=True, kw_only=True):
    """How the uncommitted changes of two runs differ.

    Attributes:
        before: Id of the first run.
        after: Id of the other run.
        text: A unified diff of their captured diffs.
    """

    before: str
    after: str
    text: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Runs side by side.

    Attributes:
        runs: In the order in which they were named; every row has a value for each.
        params: What they were given.
        metrics: The last value of each.
        tags: As set.
        code: Commit, digest and entry point.
        diffs: Of uncommitted changes, each run against the first.
        environment: Interpreter, platform and packages.
        data: Digests of the datasets that they used, and of what their steps made.
    """

    runs: list[ComparedRun]
    params: list[Row]
    metrics: list[Row]
    tags: list[Row]
    code: list[Row]
    diffs: list[CodeDiff]
    environment: list[Row]
    data: list[Row]


class CompareRuns(Input, frozen=True, kw_only=True):
    """Which runs.

    Attributes:
        runs: Their ids, parts of them, or `@latest`; at least two.
        everything: Whether to list what is the same, too.
    """

    runs: Annotated[list[str], msgspec.Meta(extra_json_schema={"minItems": 2, "maxItems": MOST_RUNS})]
    everything: bool = False


def compare_runs(project: Project, given: CompareRuns) -> Comparison:
    """Return runs side by side."""
    from mlwright.ledger import datasets, runs, search, steps

    if not 2 <= len(given.runs) <= MOST_RUNS:
        raise InvalidInput(f"{len(given.runs)} runs can't be compared.", why=f"2 to {MOST_RUNS} are taken")
    with project.ledger.read() as connection:
        rows = [runs.find_run(connection, text) for text in given.runs]
        ids = [row.id for row in rows]
        logged = search.logged_by(connection, list(dict.fromkeys(ids)))
        used = datasets.datasets_of_many(connection, list(dict.fromkeys(ids)))
        data = [_data(used[row.id], steps.outputs_of(connection, row.id)) for row in rows]
        diffs = [_captured_diff(project.store, connection, row) for row in rows]

    def side_by_side(found: list[dict[str, Any]]) -> list[Row]:
        return _rows(found, everything=given.everything)

    return Comparison(
        runs=[msgspec.convert(row, ComparedRun, from_attributes=True) for row in rows],
        params=side_by_side([{**row.arguments, **logged[row.id].params} for row in rows]),
        metrics=side_by_side(
            [{key: sendable(metric.last) for key, metric in logged[row.id].metrics.items()} for row in rows]
        ),
        tags=side_by_side([logged[row.id].tags for row in rows]),
        code=side_by_side([_code(row) for row in rows]),
        diffs=_code_diffs(ids, diffs),
        environment=side_by_side([_environment(project.store, row) for row in rows]),
        data=side_by_side(data),
    )


def _rows(found: list[dict[str, Any]], *, everything: bool) -> list[Row]:
    rows = []
    for key in sorted({key for values in found for key in values}):
        values = [one.get(key) for one in found]
        differs = any(
            value != values[0] or (key in one) != (key in found[0]) for value, one in zip(values, found, strict=True)
        )
        if differs or everything:
            rows.append(Row(key=key, values=values, differs=differs))
    return rows


def _code(row: RunRow) -> dict[str, Any]:
    source = row.source or {}
    own = {f"source.{key}": value for key, value in source.items() if isinstance(value, str | int | float | bool)}
    found = {key: value for key, value in own.items() if key != "source.diff_digest"}
    return {**found, **({"code digest": row.code_digest} if row.code_digest else {})}


def _data(used: list[Any], outputs: dict[str, list[Any]]) -> dict[str, str]:
    found = {}
    for one in used:
        context = f" ({one.context})" if one.context else ""
        found[f"dataset {one.dataset.name}{context}"] = one.dataset.digest
    for step, made in outputs.items():
        found |= {f"{step}.{output.name}": output.digest for output in made}
    return found


def _environment(store: ArtifactStore, row: RunRow) -> dict[str, Any]:
    """Return interpreter, platform and packages of a run; nothing when they weren't captured or are gone."""
    if row.environment_digest is None:
        return {}
    try:
        described = msgspec.json.decode(store.read(row.environment_digest))
    except (MlwrightError, msgspec.DecodeError):
        return {"digest": row.environment_digest}
    if not isinstance(described, dict):
        return {"digest": row.environment_digest}
    packages = described.pop("packages", {})
    return {**described, **(packages if isinstance(packages, dict) else {})}


def _captured_diff(store: ArtifactStore, connection: Connection, row: RunRow) -> str:
    """Return the uncommitted changes that a run was started with, empty when none were captured."""
    from mlwright.artifacts import codecs
    from mlwright.ledger import tracked

    for kept in tracked.artifacts_of(connection, row.id):
        if kept.name == _DIFF:
            try:
                diff = codecs.load(store, kept.digest, kept.codec)
            except MlwrightError:
                return ""
            return diff[:_MOST_DIFF].decode(errors="replace") if isinstance(diff, bytes) else str(diff)[:_MOST_DIFF]
    return ""


def _code_diffs(ids: list[str], diffs: list[str]) -> list[CodeDiff]:
    found = []
    for run_id, text in zip(ids[1:], diffs[1:], strict=True):
        if text != diffs[0]:
            lines = difflib.unified_diff(diffs[0].splitlines(), text.splitlines(), ids[0], run_id, lineterm="", n=3)
            found.append(CodeDiff(before=ids[0], after=run_id, text="\n".join(lines)))
    return found


ENDPOINTS = (
    Endpoint(
        name="runs.compare",
        method="GET",
        path="/compare/runs",
        summary="Show runs side by side: what differs in params, metrics, tags, code, environment and data.",
        input=CompareRuns,
        output=Comparison,
        function=compare_runs,
    ),
)
