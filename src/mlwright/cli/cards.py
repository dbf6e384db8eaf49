"""`mlwright models card` and `lineage`: what a version is, and what became of it."""

from __future__ import annotations

import sys
from pathlib import Path

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import facts, moment, print_fields, print_heading, print_json, print_table, say
from mlwright.cli.promotions import split
from mlwright.errors import InvalidInput, PermissionDenied


def card(
    version: str,
    /,
    *,
    html: Path | None = None,
    edit: Path | None = None,
    reason: str = "",
    options: Options = NONE,
) -> None:
    """Print the card of a version, made from the facts as they are now.

    Args:
        version: The version: name/3, name@alias or name@latest.
        html: Write it as a page to this file instead of printing Markdown.
        edit: Keep the text of this Markdown file as what people say about the version; - for standard input.
        reason: Why it is edited, for the history.
    """
    model, which = split(version)
    with connected(options) as client:
        if edit is not None:
            client.call("models.write", model=model, version=which, text=_text(edit), reason=reason)
        found = client.call("models.card", model=model, version=which, form="html" if html else "markdown")
    if html is not None:
        _write(html, found.text)
        say(f"the card of {found.version} is in {html}")
    elif options.json:
        print_json(item=found)
    elif edit is not None:
        say(f"kept; see mlwright models card {version}")
    else:
        sys.stdout.write(found.text)


def lineage(version: str, /, *, options: Options = NONE) -> None:
    """Tell where a version comes from, where it served and how much it answered.

    Args:
        version: The version: name/3, name@alias or name@latest.
    """
    model, which = split(version)
    with connected(options) as client:
        found = client.call("models.lineage", model=model, version=which)
    if options.json:
        print_json(item=found)
        return
    print_fields(
        [
            ("version", f"{found.model}/{found.version}"),
            ("run", found.run_id),
            ("from", facts({name: value for name, value in found.upstream.items() if value})),
            ("predictions", str(found.predictions)),
        ]
    )
    if found.deployments:
        print_heading("Served by")
        rows = [
            [row.deployment, stretch.arm, f"{stretch.weight:.0%}", moment(stretch.from_at), moment(stretch.to_at)]
            for row in found.deployments
            for stretch in row.stretches
        ]
        print_table(rows, ["DEPLOYMENT", "ARM", "SHARE", "FROM", "TO"])


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} can't be read.", why=str(error)) from error


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PermissionDenied(f"{file} can't be written.", why=error.strerror) from error
