"""Model cards: what a version is, made from the facts; and what people wrote about it, kept with its history.

After Mitchell et al., Model Cards for Model Reporting (2019): what, how well, for whom, where from. The facts are read
anew each time, so a card is never out of date; the text of people is an artifact, and each edit of it is kept.
"""

from __future__ import annotations

import re
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.errors import InvalidInput, NotFound
from mlwright.ledger import Connection, artifacts, assignments, datasets, runs
from mlwright.ledger import registry as rows
from mlwright.ledger.approvals import Wanted, list_approvals
from mlwright.ledger.registry_changes import set_card, tags_of
from mlwright.registry.history import history
from mlwright.registry.values import ModelVersion
from mlwright.registry.versions import find, get_version

if TYPE_CHECKING:
    from mlwright.project import Project

_LONGEST_TEXT = 1_000_000
_MOST_CHANGES = 30


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version serves or served: told by whoever knows deployments.

    Attributes:
        deployment: Its name.
        serves_now: Whether it has a share of the traffic now.
        predictions: Rows that it answered.
    """

    deployment: str
    serves_now: bool
    predictions: int


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a card: a table, or text in Markdown.

    Attributes:
        title: Its heading.
        headings: Headings of the columns; empty when it is no table.
        table: Rows of the table.
        text: Text, when it is no table.
    """

    title: str
    headings: list[str] = []
    table: list[list[str]] = []
    text: str = ""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A model card.

    Attributes:
        title: The version, for example `churn/3`.
        summary: Its description, else that of its model.
        sections: Its parts; one without rows and text is left out.
    """

    title: str
    summary: str
    sections: list[Section]


def card(project: Project, version: ModelVersion | str, places: list[Place] | None = None) -> Card:
    """Return the card of a version, made from the facts as they are now.

    Args:
        project: Where it is registered.
        version: The version, or a reference such as `churn/3`.
        places: Where it serves; left out when None.

    Raises:
        NotFound: There is no such version.
    """
    found = get_version(project, version) if isinstance(version, str) else version
    with project.ledger.read() as connection:
        row = rows.find_version(connection, found.model, found.version)
        model = rows.list_models(connection, found.model)[0]
        gates = rows.gate_rows(connection, found.model, found.version)
        asked = list_approvals(connection, Wanted(model=found.model, version=found.version))
        held = assignments.assigned(connection, found.model)
        tags = tags_of(connection, found.model, found.version)
        made_by = _run(connection, found.run_id) if found.run_id else []
    written = project.store.read(row.card_digest).decode() if row is not None and row.card_digest else ""
    pointing = [alias for alias, number in sorted(model.aliases.items()) if number == found.version]
    environments = [name for name, number in sorted(held.items()) if number == found.version]
    sections = [
        Section(title="From its people", text=written.strip()),
        Section(title="What it is", headings=["", ""], table=_identity(found, pointing, environments, tags)),
        Section(title="Takes and gives", headings=["column", "type", "role"], table=_signature(found)),
        Section(title="Metrics", headings=["metric", "value"], table=_metrics(found)),
        Section(title="Gates", headings=["gate", "said", "when", "why"], table=_gates(gates)),
        Section(title="Approvals", headings=["for", "state", "asked by", "who said what"], table=_approvals(asked)),
        Section(title="Where it comes from", headings=["", ""], table=made_by + _lineage(found)),
        Section(title="Where it serves", headings=["deployment", "now", "predictions"], table=_places(places or [])),
        Section(title="History", headings=["when", "what", "from", "to", "by", "why"], table=_history(project, found)),
    ]
    summary = found.description or model.description
    kept = [section for section in sections if section.table or section.text]
    return Card(title=found.ref, summary=summary, sections=kept)


def edit_card(
    project: Project, version: ModelVersion | str, text: str, *, actor: str | None = None, reason: str = ""
) -> str:
    """Keep what people write about a version, in Markdown; return its digest. An empty text removes it.

    Raises:
        NotFound: There is no such version.
        InvalidInput: The text is longer than a million characters.
    """
    if len(text) > _LONGEST_TEXT:
        raise InvalidInput(f"the text of a card has {len(text):,} characters.", why=f"at most {_LONGEST_TEXT:,} fit")
    blob = project.store.put(text.encode()) if text.strip() else None
    with project.ledger.write(actor or project.actor) as tx:
        found = find(tx.connection, version) if isinstance(version, str) else version
        if blob is not None:
            artifacts.record(tx, blob.digest, "blob", blob.size_bytes)
        set_card(tx, found.model, found.version, blob.digest if blob else None, reason=reason)
    return blob.digest if blob else ""


def as_markdown(shown: Card) -> str:
    """Return a card as Markdown."""
    lines = [f"# {shown.title}", ""]
    if shown.summary:
        lines += [shown.summary, ""]
    for section in shown.sections:
        lines += [f"## {section.title}", ""]
        if section.text:
            lines += [section.text, ""]
        if section.table:
            lines.append("| " + " | ".join(section.headings) + " |")
            lines.append("| " + " | ".join("---" for _ in section.headings) + " |")
            lines += ["| " + " | ".join(_cell(text) for text in row) + " |" for row in section.table]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def as_html(shown: Card) -> str:
    """Return a card as one HTML page that needs nothing else: no script, no font, no network."""
    parts = [f"<h1>{escape(shown.title)}</h1>"]
    if shown.summary:
        parts.append(f"<p class=lead>{escape(shown.summary)}</p>")
    for section in shown.sections:
        parts.append(f"<h2>{escape(section.title)}</h2>")
        if section.text:
            parts.append(_written(section.text))
        if section.table:
            parts.append(_table(section))
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;"
        "background:#fff}table{border-collapse:collapse;display:block;overflow-x:auto}td,th{border-bottom:1px solid "
        "#ddd;padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top}th{color:#555;font-weight:600}"
        ".lead{font-size:1.15rem}@media(prefers-color-scheme:dark){body{background:#141414;color:#e8e8e8}td,th{"
        "border-color:#333}th{color:#aaa}}"
    )
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{escape(shown.title)}</title><style>{style}</style></head>'
    )
    return f"{head}<body>{''.join(parts)}</body></html>\n"


def _identity(
    version: ModelVersion, aliases: list[str], environments: list[str], tags: dict[str, str]
) -> list[list[str]]:
    pairs = [
        ("model", version.model),
        ("version", str(version.version)),
        ("environments", ", ".join(environments)),
        ("aliases", ", ".join(aliases)),
        ("flavour", version.flavour + (" (unsafe: loading it runs arbitrary code)" if version.unsafe else "")),
        ("digest", version.digest),
        ("registered", f"{_moment(version.created_at)} by {version.actor}"),
        *((f"tag {key}", value) for key, value in tags.items()),
    ]
    return [[name, value] for name, value in pairs if value]


def _signature(version: ModelVersion) -> list[list[str]]:
    signature = version.signature
    inputs = [[column.name, _type(column), "input"] for column in signature.inputs]
    return inputs + [[column.name, _type(column), "output"] for column in signature.outputs]


def _type(column: Any) -> str:
    return str(column.datatype) + (", may be missing" if column.nullable else "")


def _metrics(version: ModelVersion) -> list[list[str]]:
    return [[name, f"{value:.6g}"] for name, value in sorted(version.metrics.items())]


def _gates(gates: list[rows.GateRow]) -> list[list[str]]:
    return [[row.gate, "passed" if row.passed else "refused", _moment(row.at), row.reason] for row in reversed(gates)]


def _approvals(asked: list[Any]) -> list[list[str]]:
    def said(row: Any) -> str:
        words = [
            f"{vote.actor} ({vote.role}) {'approves' if vote.approves else 'refuses'}"
            + (f": {vote.comment}" if vote.comment else "")
            for vote in row.votes
        ]
        return "; ".join(words)

    return [[row.environment, row.state, row.actor, said(row)] for row in asked]


def _run(connection: Connection, run_id: str) -> list[list[str]]:
    """Return what is known of the run that registered a version: who, from which code, on which data."""
    try:
        run = runs.get_run(connection, run_id)
    except NotFound:
        return [["run", run_id]]
    git = (run.source or {}).get("commit") or (run.source or {}).get("git_commit") or ""
    pairs = [
        ("run", f"{run.id} ({run.name or run.pipeline}, {run.experiment}), {run.status}"),
        ("commit", str(git)),
        ("code", run.code_digest or ""),
        ("environment", run.environment_digest or ""),
    ]
    pairs += [
        (f"dataset {used.dataset.name}", f"{used.dataset.digest} {used.context}".strip())
        for used in datasets.datasets_of(connection, run_id)
    ]
    return [[name, value] for name, value in pairs if value]


def _lineage(version: ModelVersion) -> list[list[str]]:
    lineage = version.lineage
    packages = lineage.get("packages") or {}
    pairs = [
        ("step", lineage.get("step") or ""),
        ("trained on outcomes until", lineage.get("trained_until") or ""),
        *((f"input {name}", digest) for name, digest in (lineage.get("inputs") or {}).items()),
        ("rows it was judged on", lineage.get("evaluation") or ""),
        ("packages", ", ".join(f"{name} {number}" for name, number in packages.items())),
    ]
    return [[name, str(value)] for name, value in pairs if value]


def _places(places: list[Place]) -> list[list[str]]:
    return [[place.deployment, "yes" if place.serves_now else "no", f"{place.predictions:,}"] for place in places]


def _history(project: Project, version: ModelVersion) -> list[list[str]]:
    found: list[list[str]] = []
    for entry in history(project, version.model, version=version.version)[:_MOST_CHANGES]:
        change = [f"{entry.what} {entry.key}".strip(), _value(entry.old), _value(entry.new)]
        found.append([_moment(entry.at), *change, entry.actor, entry.reason])
    return found


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"


def _cell(text: str) -> str:
    r"""Return a text as a cell of a Markdown table: nothing in it may end the cell or begin HTML."""
    flat = re.sub(r"\s+", " ", text).replace("\\", "\\\\").replace("|", "\\|")
    return flat.replace("<", "&lt;").replace(">", "&gt;") or " "


def _table(section: Section) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in section.headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in section.table)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _written(text: str) -> str:
    """Return people's text as HTML: paragraphs, headings and lists of Markdown; anything else as it is written."""
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.strip().splitlines()
        heading = re.match(r"(#{1,6})\s+(.*)", lines[0])
        if heading and len(lines) == 1:
            level = min(len(heading[1]) + 2, 6)
            parts.append(f"<h{level}>{escape(heading[2])}</h{level}>")
        elif all(re.match(r"\s*[-*]\s+", line) for line in lines):
            items = [re.sub(r"^\s*[-*]\s+", "", line) for line in lines]
            parts.append("<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>")
        else:
            parts.append(f"<p>{escape(block)}</p>")
    return "".join(parts)
