"""`mlwright sync`: ship what runs logged and could not be shipped yet."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from mlwright.cli.context import NONE, Options, open_project
from mlwright.cli.output import print_json, print_table, say


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What was shipped, and what stays.

    Attributes:
        destination: Where to.
        shipped: How many journals of ended processes were shipped whole.
        records: How many records of theirs were new.
        live: How many journals belong to processes that still run and ship them themselves.
        refused: The journals that can't be shipped: path, run and reason.
    """

    destination: str
    shipped: int
    records: int
    live: int
    refused: list[dict[str, str]]


def sync(*, again: Annotated[bool, Parameter(negative=())] = False, options: Options = NONE) -> None:
    """Ship what ended processes logged, to the server if one is set, else to this folder's ledger. Exactly once.

    Args:
        again: Try again what was put aside before, for example because its run had been deleted.
    """
    found = _sync(options, again=again)
    if options.json:
        print_json(item=found)
        return
    say(f"shipped {_counted(found.shipped, 'journal')} ({_counted(found.records, 'record')}) to {found.destination}.")
    if found.live:
        say(f"{_counted(found.live, 'run')} of living processes ship themselves.")
    if found.refused:
        print_table(
            [(row["run_id"], row["path"], row["reason"]) for row in found.refused], ("RUN", "JOURNAL", "REASON")
        )
        say("these journals are kept; try them again with: mlwright sync --again")


def _sync(options: Options, *, again: bool) -> Synced:
    from mlwright.tracking import recovery
    from mlwright.tracking.destinations import LedgerDestination, journals_folder, server

    settings = options.settings()
    folder = journals_folder(settings)
    if again:
        recovery.take_again(folder)
    destination = server(settings) if settings.server else LedgerDestination(open_project(options, create=True))
    recovered = recovery.recover(destination)
    return Synced(
        destination=destination.describe(),
        shipped=recovered.journals,
        records=recovered.records,
        live=recovered.live,
        refused=[msgspec.structs.asdict(refusal) for refusal in recovery.refusals(folder)],
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
