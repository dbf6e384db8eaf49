"""`mlwright models`: versions, aliases and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts import App

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import (
    Column,
    facts,
    moment,
    number,
    print_fields,
    print_heading,
    print_items,
    print_json,
    print_table,
    say,
)
from mlwright.core.ids import short

if TYPE_CHECKING:
    from mlwright.api.models import ModelDetail, Version

app = App(name="models", help="Models: versions, aliases and their history. Alone: `models ls`.")

_COLUMNS: list[Column] = [
    ("MODEL", lambda model: model.name),
    ("LATEST", lambda model: str(model.latest)),
    ("ALIASES", lambda model: _aliases(model.aliases)),
    ("CREATED", lambda model: moment(model.created_at)),
    ("ABOUT", lambda model: model.description),
]
_HISTORY: list[Column] = [
    ("ALIAS", lambda stretch: stretch.alias),
    ("VERSION", lambda stretch: str(stretch.version)),
    ("FROM", lambda stretch: moment(stretch.from_at)),
    ("TO", lambda stretch: moment(stretch.to_at)),
    ("BY", lambda stretch: stretch.actor),
    ("WHY", lambda stretch: stretch.reason),
]


@app.default
@app.command
def ls(*, options: Options = NONE) -> None:
    """List models with their aliases."""
    with connected(options) as client:
        page = client.call("models.list")
    print_items(page.items, _COLUMNS, as_json=options.json)
    if not page.items and not options.json:
        say("no models yet; a step makes one with: mlwright.register_model(name, model, ...)")


@app.command
def show(model: str, /, *, options: Options = NONE) -> None:
    """Show a model, or one version of it.

    Args:
        model: Name, name/3, name@alias or name@latest.
    """
    name, mark, version = model.partition("@") if "@" in model else model.partition("/")
    with connected(options) as client:
        if mark:
            found = client.call("models.version", model=name, version=version)
            gates = client.call("gates.list", model=name, version=found.version).items
        else:
            found = client.call("models.show", model=name)
            gates = found.gates
    if options.json:
        print_json(item=found)
    elif mark:
        _print_version(found)
    else:
        _print_model(found)
    if gates and not options.json:
        print_heading("Gates")
        rows = [[str(row.version), row.gate, "passed" if row.passed else "refused", row.reason] for row in gates]
        print_table(rows, ["VERSION", "GATE", "SAID", "WHY"])


@app.command
def alias(model: str, alias: str, version: int, /, *, reason: str = "", options: Options = NONE) -> None:
    """Point an alias at a version.

    Args:
        model: Name of the model.
        alias: The alias, for example prod.
        version: Number of the version.
        reason: Why, for the history.
    """
    with connected(options) as client:
        changed = client.call("models.alias", model=model, alias=alias, version=version, reason=reason)
    if options.json:
        print_json(item=changed)
    else:
        say(f"{model}@{alias} is now version {version}; see mlwright models history {model}")


@app.command
def history(model: str, /, *, alias: str | None = None, at: str | None = None, options: Options = NONE) -> None:
    """Tell what a model's aliases pointed at, and when.

    Args:
        model: Name of the model.
        alias: Only of this alias.
        at: Only what held at this moment, for example 2026-03-03.
    """
    from mlwright.core.clock import parse_time

    moment_of = parse_time(at) if at else None
    with connected(options) as client:
        page = client.call("models.history", model=model, alias=alias, at=moment_of)
    print_items(page.items, _HISTORY, as_json=options.json)


def _print_model(detail: ModelDetail) -> None:
    model = detail.model
    print_fields(
        [
            ("model", model.name),
            ("about", model.description),
            ("aliases", _aliases(model.aliases)),
            ("created", moment(model.created_at)),
        ]
    )
    print_heading("Versions")
    rows = [
        [str(version.version), moment(version.created_at), short(version.run_id or "-"), _metrics(version)]
        for version in detail.versions
    ]
    print_table(rows, ["VERSION", "CREATED", "RUN", "METRICS"])


def _print_version(version: Version) -> None:
    print_fields(
        [
            ("model", f"{version.model}/{version.version}"),
            ("about", version.description),
            ("flavour", version.flavour + (" (unsafe: loading it runs arbitrary code)" if version.unsafe else "")),
            ("digest", version.digest),
            ("run", version.run_id),
            ("by", version.actor),
            ("created", moment(version.created_at)),
            ("metrics", _metrics(version)),
            ("lineage", facts(version.lineage)),
        ]
    )


def _metrics(version: Version) -> str:
    return " ".join(f"{name}={number(value)}" for name, value in version.metrics.items())


def _aliases(aliases: dict[str, int]) -> str:
    return " ".join(f"{alias}={version}" for alias, version in sorted(aliases.items())) or "-"
