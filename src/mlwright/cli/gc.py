"""`mlwright gc`: empty the bin, and remove the artifacts that nothing refers to any more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import print_heading, print_json, print_table, say
from mlwright.core.ids import short
from mlwright.errors import InvalidUsage

if TYPE_CHECKING:
    from mlwright.api.bin import PurgedRuns

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_SHOWN = 20


def gc(
    *,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    grace_hours: float = 24.0,
    runs_older_than: str | None = None,
    options: Options = NONE,
) -> None:
    """Remove the artifacts that no fact of the ledger refers to, and before them what has been in the bin for long.

    Args:
        dry_run: Only tell what would be removed.
        grace_hours: Keep artifacts that were put within so many hours: their fact may not be written yet.
        runs_older_than: Remove runs and experiments for good that were deleted so long ago, for example 30d or 12h; the
            setting of an experiment wins. Without it the bin is left alone.
    """
    age_s = None if runs_older_than is None else seconds(runs_older_than)
    with connected(options) as client:
        purged = None if age_s is None else client.call("runs.purge", older_than_s=age_s, dry_run=dry_run)
        found = client.call("artifacts.collect", dry_run=dry_run, grace_s=grace_hours * 3600)
    if options.json:
        print_json(item=found, **({} if purged is None else {"bin": purged}))
        return
    if purged is not None:
        _print_purged(purged)
    if found.dry_run and found.largest:
        print_table([(blob.digest, str(blob.size_bytes)) for blob in found.largest], ("DIGEST", "BYTES"))
    say(found.sentence)
    if purged is not None and dry_run and purged.artifacts:
        say(f"once the runs are gone, up to {purged.artifacts} more artifacts can go")
    if found.dry_run and (found.removed or (purged is not None and purged.runs)):
        say(
            f"remove them with: mlwright gc{'' if runs_older_than is None else f' --runs-older-than {runs_older_than}'}"
        )


def seconds(text: str) -> float:
    """Return a length of time in seconds.

    Raises:
        InvalidUsage: The text is none.

    Example:
        >>> seconds("30d"), seconds("1.5h")
        (2592000.0, 5400.0)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if match is None:
        raise InvalidUsage(f"'{text}' is no length of time.", fix="write it like 30d, 12h or 45m")
    return float(match[1]) * _UNITS_S[match[2]]


def _print_purged(purged: PurgedRuns) -> None:
    if purged.dry_run:
        _print_part("Runs that would go", purged.largest, ("RUN", "NAME", "EXPERIMENT", "POINTS", "BYTES"), _goner)
    _print_part(
        "Runs that stay", purged.kept, ("RUN", "NAME", "WHY"), lambda row: [short(row.id), row.name, row.reason]
    )
    say(purged.sentence)


def _print_part(title: str, rows: list[Any], headings: tuple[str, ...], cells: Any) -> None:
    if rows:
        print_heading(title)
        print_table([cells(row) for row in rows[:_SHOWN]], headings)
        if len(rows) > _SHOWN:
            say(f"and {len(rows) - _SHOWN} more")


def _goner(run: Any) -> list[str]:
    return [short(run.id), run.name, run.experiment, str(run.points), str(run.size_bytes)]
