"""What `mlwright runs show` prints of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlwright.cli.output import brief, facts, moment, print_fields, print_heading, print_table, span
from mlwright.core.ids import short

if TYPE_CHECKING:
    from mlwright.api.runs import RunDetail

_NESTED_SHOWN = 20


def print_detail(detail: RunDetail) -> None:
    """Print a run with its steps, what it logged, used and made."""
    _print_head(detail)
    if detail.steps:
        print_heading("Steps")
        rows = [
            [step.step, step.status, str(step.attempt), span(step.duration_s), _memory(step.usage), step.reason]
            for step in detail.steps
        ]
        print_table(rows, ["STEP", "STATUS", "TRY", "TOOK", "MEMORY", "WHY"])
    for title, values in (("Parameters", detail.params), ("Tags", detail.tags), ("Metrics", detail.metrics)):
        if values:
            print_heading(title)
            print_fields((name, brief(value)) for name, value in values.items())
    if detail.datasets:
        print_heading("Data")
        rows = [[used.name, used.context or "-", used.digest[:19], used.source] for used in detail.datasets]
        print_table(rows, ["NAME", "FOR", "DIGEST", "FROM"])
    made = [*detail.outputs, *detail.artifacts]
    if made:
        print_heading("Made")
        rows = [[item.step or "-", item.name, item.codec, str(item.size_bytes), item.digest[:19]] for item in made]
        print_table(rows, ["STEP", "NAME", "CODEC", "BYTES", "DIGEST"])
    _print_nested(detail)


def _print_head(detail: RunDetail) -> None:
    run = detail.run
    print_fields(
        [
            ("run", run.id),
            ("name", run.pipeline or run.name),
            ("experiment", run.experiment),
            ("status", run.status),
            ("deleted", moment(detail.deleted_at) if detail.deleted_at else ""),
            ("started", moment(run.started_at)),
            ("took", span(run.duration_s)),
            ("by", run.actor),
            ("part of", short(detail.parent_id) if detail.parent_id else ""),
            ("forked from", _fork(detail)),
            ("cause", facts(run.cause or {})),
            ("code", _code(detail.source)),
            ("arguments", facts(detail.arguments)),
            ("versions", ", ".join(detail.versions)),
            ("note", detail.note),
        ]
    )
    if detail.error:
        print_heading("Error")
        print_fields([(name, detail.error.get(name)) for name in ("what", "why", "fix")])


def _print_nested(detail: RunDetail) -> None:
    if not detail.nested:
        return
    print_heading("Nested runs")
    rows = [[short(run.id), run.name, run.status, span(run.duration_s)] for run in detail.nested[:_NESTED_SHOWN]]
    print_table(rows, ["RUN", "NAME", "STATUS", "TOOK"])
    if len(detail.nested) > _NESTED_SHOWN:
        print_fields([("more", f"mlwright runs ls --where \"parent = '{detail.run.id}'\"")])


def _fork(detail: RunDetail) -> str:
    if not detail.forked_from:
        return ""
    return short(detail.forked_from) + ("" if detail.forked_step is None else f" at step {detail.forked_step}")


def _code(source: dict[str, Any]) -> str:
    """Return program, commit and branch on one line."""
    commit = str(source.get("commit") or "")[:12]
    told = [str(source.get("entry") or ""), commit, str(source.get("branch") or "") if commit else ""]
    return " ".join(part for part in [*told, "(with changes)" if source.get("dirty") else ""] if part)


def _memory(usage: dict[str, Any] | None) -> str:
    peak = (usage or {}).get("peak_memory_bytes")
    return "-" if peak is None else f"{peak / 2**20:.0f} MiB"
