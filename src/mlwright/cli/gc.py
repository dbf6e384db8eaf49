"""`mlwright gc`: remove the artifacts that nothing refers to any more."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import print_json, print_table, say


def gc(
    *,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    grace_hours: float = 24.0,
    options: Options = NONE,
) -> None:
    """Remove the artifacts that no fact of the ledger refers to.

    Args:
        dry_run: Only tell what would be removed.
        grace_hours: Keep what was put within so many hours: its fact may not be written yet.
    """
    with connected(options) as client:
        found = client.call("artifacts.collect", dry_run=dry_run, grace_s=grace_hours * 3600)
    if options.json:
        print_json(item=found)
        return
    if found.dry_run and found.largest:
        print_table([(blob.digest, str(blob.size_bytes)) for blob in found.largest], ("DIGEST", "BYTES"))
    say(found.sentence)
    if found.dry_run and found.removed:
        say("remove them with: mlwright gc")
