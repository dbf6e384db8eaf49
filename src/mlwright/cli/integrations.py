"""`mlwright integrations`: adapters and what they need."""

from __future__ import annotations

from mlwright.cli.context import NONE, Options
from mlwright.cli.output import print_json, print_table


def integrations(*, options: Options = NONE) -> None:
    """List adapters: what they plug into, whether what they need is installed, and how to get it."""
    from mlwright.core.adapters import installation, missing_packages, specs

    known = sorted(specs(), key=lambda spec: (spec.port, spec.name))
    rows = [
        {
            "port": spec.port,
            "name": spec.name,
            "ready": not missing_packages(spec),
            "extra": spec.extra,
            "summary": spec.summary,
        }
        for spec in known
    ]
    if options.json:
        print_json(items=rows)
        return
    table = [
        [spec.port, spec.name, "ready" if row["ready"] else installation(spec), spec.summary]
        for spec, row in zip(known, rows, strict=True)
    ]
    print_table(table, ["PORT", "NAME", "STATE", "ABOUT"])
