"""`mlwright models promote`, `rollback`, `environments`, and who approves: commands below `mlwright models`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import Column, moment, print_fields, print_heading, print_items, print_json, print_table, say
from mlwright.core.ids import short
from mlwright.errors import GateRefused, InvalidInput

if TYPE_CHECKING:
    from mlwright.api.approvals import Approval
    from mlwright.api.promotions import Promotion

Flag = Annotated[bool, Parameter(negative=())]

_ENVIRONMENTS: list[Column] = [
    ("ENVIRONMENT", lambda row: row.name),
    ("VERSION", lambda row: "-" if row.version is None else str(row.version)),
    ("GATES", lambda row: ", ".join(gate["kind"] for gate in row.gates) or "-"),
    ("APPROVALS", lambda row: _needs(row.approvals) or "-"),
]
_APPROVALS: list[Column] = [
    ("APPROVAL", lambda row: short(row.id)),
    ("VERSION", lambda row: f"{row.model}/{row.version}"),
    ("FOR", lambda row: row.environment),
    ("STATE", lambda row: row.state),
    ("NEEDS", lambda row: _needs(row.needs)),
    ("SAID", lambda row: ", ".join(f"{'+' if vote.approves else '-'}{vote.actor}" for vote in row.votes) or "-"),
    ("ASKED BY", lambda row: row.actor),
    ("UNTIL", lambda row: moment(row.expires_at)),
    ("WHY", lambda row: row.reason),
]


def promote(
    version: str,
    /,
    *,
    to: str,
    reason: str = "",
    dry_run: Flag = False,
    ask_again: Flag = False,
    options: Options = NONE,
) -> int:
    """Promote a version to an environment, or explain what it still lacks.

    Ends with 8 when a gate or a person refused it, or while it waits for approvals.

    Args:
        version: The version: name/3, name@alias or name@latest.
        to: The environment.
        reason: Why, for the history and for those who are asked to approve.
        dry_run: Only tell what would come of it; nothing is written and nobody is asked.
        ask_again: Ask for approval anew although it was refused.
    """
    model, which = split(version)
    with connected(options) as client:
        where: dict[str, Any] = {"model": model, "version": which, "environment": to}
        if dry_run:
            found = client.call("models.plan", **where)
        else:
            found = client.call("models.promote", **where, reason=reason, ask_again=ask_again)
    if options.json:
        print_json(item=found)
    else:
        _print_promotion(found, planned=dry_run)
    return 0 if found.state == "assigned" else GateRefused.exit_code


def rollback(model: str, /, *, env: str, reason: str = "", options: Options = NONE) -> None:
    """Give an environment the version back that it had before; doing it again goes one further back.

    Args:
        model: Name of the model.
        env: The environment.
        reason: Why, for the history.
    """
    with connected(options) as client:
        found = client.call("models.rollback", model=model, environment=env, reason=reason)
    if options.json:
        print_json(item=found)
    else:
        say(f"{env} has version {found.version} of {model} again; see mlwright models history {model}")


def environments(model: str, /, *, file: Path | None = None, reason: str = "", options: Options = NONE) -> None:
    """Show a model's environments and what each asks for, or declare them from a file.

    Args:
        model: Name of the model.
        file: JSON file: a list of {"name", "gates", "approvals", "approval_days"}; shown with --json.
        reason: Why they are declared so, for the history.
    """
    with connected(options) as client:
        if file is None:
            page = client.call("models.environments", model=model)
        else:
            page = client.call("models.declare", model=model, environments=_declared(file), reason=reason)
    print_items(page.items, _ENVIRONMENTS, as_json=options.json)


def approve(version: str, /, *, env: str, comment: str = "", role: str = "", options: Options = NONE) -> None:
    """Agree that a version goes to an environment.

    Args:
        version: The version: name/3, name@alias or name@latest.
        env: The environment.
        comment: Why.
        role: In which role; by default the first of yours that still lacks somebody.
    """
    _vote("approvals.approve", version, {"environment": env, "comment": comment, "role": role}, options)


def refuse(version: str, /, *, env: str, comment: str, role: str = "", options: Options = NONE) -> None:
    """Refuse that a version goes to an environment; one refusal is enough.

    Args:
        version: The version: name/3, name@alias or name@latest.
        env: The environment.
        comment: Why; whoever asked has to know what to change.
        role: In which role.
    """
    _vote("approvals.refuse", version, {"environment": env, "comment": comment, "role": role}, options)


def withdraw(version: str, /, *, env: str, reason: str = "", options: Options = NONE) -> None:
    """Take back a request for approval that you made, or that is about a version of yours.

    Args:
        version: The version: name/3, name@alias or name@latest.
        env: The environment.
        reason: Why.
    """
    _vote("approvals.withdraw", version, {"environment": env, "reason": reason}, options)


def approvals(
    model: str | None = None, /, *, env: str | None = None, state: str | None = None, options: Options = NONE
) -> None:
    """List requests for approval, newest first.

    Args:
        model: About this model.
        env: For this environment.
        state: In this state: open, approved, refused, expired, withdrawn or used.
    """
    with connected(options) as client:
        page = client.call("approvals.list", model=model, environment=env, state=state)
    print_items(page.items, _APPROVALS, as_json=options.json)
    if not page.items and not options.json:
        say("nobody was asked; ask with: mlwright models promote NAME/VERSION --to ENVIRONMENT")


def split(ref: str) -> tuple[str, str]:
    """Return model and version of a reference; a model alone means its newest version.

    Example:
        >>> split("churn/3"), split("churn@prod"), split("churn")
        (('churn', '3'), ('churn', 'prod'), ('churn', 'latest'))
    """
    name, _, which = ref.partition("@") if "@" in ref else ref.partition("/")
    return name, which or "latest"


def _vote(endpoint: str, version: str, said: dict[str, Any], options: Options) -> None:
    model, which = split(version)
    with connected(options) as client:
        found: Approval = client.call(endpoint, model=model, version=which, **said)
    if options.json:
        print_json(item=found)
        return
    what = f"the request for {found.model}/{found.version} and {found.environment} is {found.state}"
    go_on = f"; go on with: mlwright models promote {found.model}/{found.version} --to {found.environment}"
    say(what + (go_on if found.state == "approved" else ""))


def _print_promotion(found: Promotion, *, planned: bool) -> None:
    name = f"{found.model}/{found.version}"
    words = {"assigned": "agreed", "waiting-approval": "waits for approval", "refused": "refused"}
    print_fields(
        [
            ("version", name),
            ("to", found.environment),
            ("state", words[found.state] if planned or found.state != "assigned" else "assigned"),
            ("before", "-" if found.before is None else f"{found.model}/{found.before}"),
            ("approval", short(found.approval.id) if found.approval else None),
        ]
    )
    if found.gates:
        print_heading("Gates")
        print_table(
            [["passed" if row.passed else "refused", row.gate, row.reason] for row in found.gates],
            ["SAID", "GATE", "WHY"],
        )
    if found.missing:
        print_heading("Still missing")
        print_table([[row.kind, row.name, row.reason] for row in found.missing], ["WHAT", "NAME", "WHY"])
    say(_next_step(found, name, planned=planned))


def _next_step(found: Promotion, name: str, *, planned: bool) -> str:
    place = found.environment
    if planned:
        return "nothing was changed" + ("; without --dry-run it would be" if found.changed else "")
    if found.state == "refused":
        return f"{place} keeps {found.model}/{found.before}" if found.before else f"{place} stays empty"
    if found.state == "waiting-approval":
        return f"who may agrees with: mlwright models approve {name} --env {place}"
    if not found.changed:
        return f"{place} has {name} already"
    return f"{place} has {name} now; back with: mlwright models rollback {found.model} --env {place}"


def _declared(file: Path) -> Any:
    import msgspec

    try:
        data = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(f"{file} can't be read as environments.", why=str(error)) from error
    return data["items"] if isinstance(data, dict) and "items" in data else data


def _needs(needs: dict[str, int]) -> str:
    return ", ".join(f"{count} of {role}" for role, count in needs.items())
