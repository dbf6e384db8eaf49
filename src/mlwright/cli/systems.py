"""`mlwright plan` and `mlwright apply`: a declared system and what is, brought together."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mlwright.cli.context import NONE, Options, local_only, open_project
from mlwright.cli.output import print_json, say
from mlwright.errors import InvalidUsage

if TYPE_CHECKING:
    from mlwright.core.plan import Plan

HAS_CHANGES = 3


def plan(target: str, /, *, exit_code: Annotated[bool, Parameter(negative=())] = False, options: Options = NONE) -> int:
    """Show what applying a system would change.

    Args:
        target: The system, as FILE.py:NAME or package.module:NAME.
        exit_code: End with 3 when there are changes.
    """
    from mlwright import system

    local_only(options, "plan")
    declared = system.load_system(target)
    with open_project(options, create=True) as project:
        found = system.plan(project, declared)
    _print_plan(found, options)
    return HAS_CHANGES if exit_code and not found.is_empty else 0


def apply(target: str, /, *, yes: Annotated[bool, Parameter(negative=())] = False, options: Options = NONE) -> None:
    """Make the ledger agree with a declared system.

    Args:
        target: The system, as FILE.py:NAME or package.module:NAME.
        yes: Don't ask.
    """
    from mlwright import system

    local_only(options, "apply")
    declared = system.load_system(target)
    with open_project(options, create=True) as project:
        found = system.plan(project, declared)
        _print_plan(found, options)
        if found.is_empty:
            return
        if not yes:
            _ask(target)
        system.apply(project, declared, approved=found)
    say(f"applied; keep it turning with: mlwright up {target}")


def _print_plan(found: Plan, options: Options) -> None:
    if options.json:
        print_json(items=found.changes, counts=found.counts(), basis=found.basis)
    else:
        sys.stdout.write(found.render() + "\n")


def _ask(target: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidUsage("apply asks before it changes anything.", fix=f"mlwright apply {target} --yes")
    say("Apply these changes? Only 'yes' is taken as yes:")
    if input().strip() != "yes":
        raise InvalidUsage("nothing was changed.", why="the answer was not 'yes'")
