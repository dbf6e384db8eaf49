"""`mlwright models`: versions, aliases, environments and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from mlwright.api.model_history import ModelThen
    from mlwright.api.models import ModelDetail, Version

app = App(name="models", help="Models: versions, aliases, environments and their history. Alone: `models ls`.")
for _command in ("promote", "rollback", "environments", "approve", "refuse", "withdraw", "approvals"):
    app.command(f"mlwright.cli.promotions:{_command}", name=_command)
for _command in ("card", "lineage"):
    app.command(f"mlwright.cli.cards:{_command}", name=_command)

_WIDEST = 40
_COLUMNS: list[Column] = [
    ("MODEL", lambda model: model.name),
    ("LATEST", lambda model: str(model.latest)),
    ("ALIASES", lambda model: _aliases(model.aliases)),
    ("CREATED", lambda model: moment(model.created_at)),
    ("ABOUT", lambda model: model.description),
]
_VERSIONS: list[Column] = [
    ("VERSION", lambda version: f"{version.model}/{version.version}"),
    ("FLAVOUR", lambda version: version.flavour),
    ("RUN", lambda version: short(version.run_id or "-")),
    ("CREATED", lambda version: moment(version.created_at)),
    ("BY", lambda version: version.actor),
    ("METRICS", lambda version: facts(version.metrics)),
]
_HISTORY: list[Column] = [
    ("AT", lambda change: moment(change.at)),
    ("WHAT", lambda change: change.what),
    ("WHICH", lambda change: change.key),
    ("VERSION", lambda change: str(change.version) if change.version else "-"),
    ("FROM", lambda change: _value(change.old)),
    ("TO", lambda change: _value(change.new)),
    ("BY", lambda change: change.actor),
    ("WHY", lambda change: change.reason),
]


@app.default
@app.command
def ls(*, where: str = "", sort: list[str] | None = None, limit: int = 50, options: Options = NONE) -> None:
    """List models with their aliases; or search them.

    Args:
        where: Such as "name like 'churn%' and tags.team = 'red'".
        sort: Such as "changed desc"; several are taken in turn.
        limit: How many at most.
    """
    with connected(options) as client:
        page = client.call("models.search", where=where, order_by=sort or [], limit=limit)
    print_items(page.items, _COLUMNS, as_json=options.json, next_page=page.next)
    if not page.items and not options.json:
        hint = "no models yet; a step makes one with: mlwright.register_model(name, model, ...)"
        say("no model fits" if where else hint)


@app.command
def versions(*, where: str = "", sort: list[str] | None = None, limit: int = 50, options: Options = NONE) -> None:
    """List versions of all models; or search them.

    Args:
        where: Such as "model = 'churn' and alias = 'prod'".
        sort: Such as "created desc"; several are taken in turn.
        limit: How many at most.
    """
    with connected(options) as client:
        page = client.call("versions.search", where=where, order_by=sort or [], limit=limit)
    print_items(page.items, _VERSIONS, as_json=options.json, next_page=page.next)
    if not page.items and not options.json:
        say("no version fits" if where else "no versions yet")


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
def history(model: str, /, *, key: str | None = None, at: str | None = None, options: Options = NONE) -> None:
    """Tell what happened to a model, or how it stood at a past moment.

    Args:
        model: Name of the model, or one version of it (name/3).
        key: Only of this alias, environment, tag, gate or role.
        at: How it stood then instead, for example 2026-03-03: what was in production?
    """
    from mlwright.core.clock import parse_time

    name, _, version = model.partition("/")
    with connected(options) as client:
        if at is not None:
            then = client.call("models.at", model=name, at=parse_time(at))
        else:
            wanted = int(version) if version.isdigit() else None
            page = client.call("models.history", model=name, version=wanted, key=key)
    if at is None:
        print_items(page.items, _HISTORY, as_json=options.json)
    elif options.json:
        print_json(item=then)
    else:
        _print_then(then)


@app.command
def tag(model: str, key: str, value: str, /, *, reason: str = "", options: Options = NONE) -> None:
    """Give a model or a version a tag.

    Args:
        model: Name, or a version: name/3, name@alias.
        key: Name of the tag.
        value: Its value.
        reason: Why, for the history.
    """
    _say_about(model, "models.tag", {"key": key, "value": value, "reason": reason}, options)


@app.command
def untag(model: str, key: str, /, *, reason: str = "", options: Options = NONE) -> None:
    """Take a tag from a model or a version.

    Args:
        model: Name, or a version: name/3, name@alias.
        key: Name of the tag.
        reason: Why, for the history.
    """
    _say_about(model, "models.untag", {"key": key, "reason": reason}, options)


@app.command
def describe(model: str, text: str, /, *, reason: str = "", options: Options = NONE) -> None:
    """Say what a model or a version is about.

    Args:
        model: Name, or a version: name/3, name@alias.
        text: The description.
        reason: Why, for the history.
    """
    _say_about(model, "models.describe", {"text": text, "reason": reason}, options)


def _say_about(ref: str, endpoint: str, said: dict[str, Any], options: Options) -> None:
    name, mark, which = ref.partition("@") if "@" in ref else ref.partition("/")
    with connected(options) as client:
        found = client.call(endpoint, model=name, version=which if mark else None, **said)
    if options.json:
        print_json(item=found)
    else:
        say(f"{ref}: {found.description or 'no description'}; tags: {facts(found.tags) or 'none'}")


def _print_then(then: ModelThen) -> None:
    print_fields(
        [
            ("model", then.model),
            ("at", moment(then.at)),
            ("about", then.description),
            ("environments", _aliases(then.environments)),
            ("aliases", _aliases(then.aliases)),
            ("tags", facts(then.tags)),
        ]
    )
    if then.versions:
        print_heading("Versions")
        rows = [[str(row.version), moment(row.created_at), facts(row.tags), row.description] for row in then.versions]
        print_table(rows, ["VERSION", "CREATED", "TAGS", "ABOUT"])


def _value(value: Any) -> str:
    text = "-" if value is None else value if isinstance(value, str) else facts({"": value})[1:]
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


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
