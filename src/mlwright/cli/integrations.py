"""`mlwright integrations`: adapters and what they need."""

from __future__ import annotations

from mlwright.cli.context import NONE, Options
from mlwright.cli.output import print_json, print_table


def integrations(*, options: Options = NONE) -> None:
    """List adapters: what they plug into, whether what they need is installed, and how to get it."""
    from mlwright.core.adapters import missing_packages, specs

    rows = [
        {
            "port": spec.port,
            "name": spec.name,
            "ready": not missing_packages(spec),
            "extra": spec.extra,
            "summary": spec.summary,
        }
        for spec in sorted(specs(), key=lambda spec: (spec.port, spec.name))
    ]
    if options.json:
        print_json(items=rows)
        return
    table = [
        [row["port"], row["name"], "ready" if row["ready"] else _install(str(row["extra"])), row["summary"]]
        for row in rows
    ]
    print_table([[str(cell) for cell in row] for row in table], ["PORT", "NAME", "STATE", "ABOUT"])


def _install(extra: str) -> str:
    return f"pip install 'mlwright[{extra}]'"
