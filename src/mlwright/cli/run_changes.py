"""`mlwright runs amend|rm|restore|rewind|unrewind|fork`: changing runs."""

from __future__ import annotations

from cyclopts import App

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import facts, print_fields, print_json, print_line, say
from mlwright.core.ids import short
from mlwright.errors import InvalidUsage


def add_to(app: App) -> None:
    """Add these commands to `mlwright runs`."""
    for command in (amend, rm, restore, rewind, unrewind, fork):
        app.command(command)


def amend(
    run: str,
    /,
    *,
    name: str | None = None,
    note: str | None = None,
    tag: list[str] | None = None,
    untag: list[str] | None = None,
    options: Options = NONE,
) -> None:
    """Change a run's name, note or tags, whether or not it has ended.

    Args:
        run: Id, the end of it, or @latest.
        name: What people call it.
        note: What people should know of it.
        tag: A tag to set, as KEY=VALUE; may be given more than once.
        untag: Key of a tag to take off; may be given more than once.
    """
    given = {"name": name, "note": note, "tags": pairs(tag or []), "untag": untag or []}
    with connected(options) as client:
        changed = client.call("runs.amend", run=run, **given)
    if options.json:
        print_json(item=changed)
    elif not changed.new:
        say(f"run {short(changed.run_id)} is so already")
    else:
        print_fields([("run", short(changed.run_id)), ("was", facts(changed.old)), ("is", facts(changed.new))])


def rm(runs: list[str], /, *, options: Options = NONE) -> None:
    """Put runs into the bin, with the runs that are parts of them; `runs restore` takes them out again.

    Args:
        runs: Ids, or the ends of them.
    """
    _change("runs.delete", runs, "deleted", options)
    if not options.json:
        say("take back with: mlwright runs restore RUN; remove for good with: mlwright gc --runs-older-than 30d")


def restore(runs: list[str], /, *, options: Options = NONE) -> None:
    """Take runs out of the bin, with the runs that are parts of them.

    Args:
        runs: Ids, or the ends of them.
    """
    _change("runs.restore", runs, "restored", options)


def rewind(run: str, /, *, to_step: int, options: Options = NONE) -> None:
    """Take the points behind a step out of a run's curves; they are kept, and `runs unrewind` brings them back.

    Args:
        run: Id, the end of it, or @latest.
        to_step: The last step that stays.
    """
    with connected(options) as client:
        found = client.call("runs.rewind", run=run, to_step=to_step)
    if options.json:
        print_json(item=found)
        return
    print_line(f"run {short(found.run_id)} is rewound to step {found.to_step}: {found.points} points left its curves")
    if found.points:
        say(f"undo with: mlwright runs unrewind {short(found.run_id)}")


def unrewind(run: str, /, *, options: Options = NONE) -> None:
    """Undo a run's newest rewinding.

    Args:
        run: Id, the end of it, or @latest.
    """
    with connected(options) as client:
        found = client.call("runs.unrewind", run=run)
    if options.json:
        print_json(item=found)
    else:
        print_line(f"run {short(found.run_id)} has the {found.points} points behind step {found.to_step} again")


def fork(run: str, /, *, at_step: int | None = None, name: str = "", options: Options = NONE) -> None:
    """Make a run that begins with the params, tags and points of another one.

    Args:
        run: Id, the end of it, or @latest.
        at_step: The last step whose points the fork has; all by default.
        name: What to call it; the run's name and -fork by default.
    """
    with connected(options) as client:
        found = client.call("runs.fork", run=run, at_step=at_step, name=name)
    if options.json:
        print_json(item=found)
        return
    print_fields([("run", found.run_id), ("name", found.name), ("forked from", short(found.forked_from))])
    say(f'go on with it: mlwright.start_run(resume="{found.run_id}")')


def pairs(texts: list[str]) -> dict[str, str]:
    """Return KEY=VALUE texts as a dictionary.

    Raises:
        InvalidUsage: One has no `=`.
    """
    for text in texts:
        if "=" not in text:
            raise InvalidUsage(f"'{text}' is no tag.", fix="write it as KEY=VALUE")
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def _change(endpoint: str, runs: list[str], verb: str, options: Options) -> None:
    with connected(options) as client:
        changed = client.call(endpoint, runs=runs)
    if options.json:
        print_json(items=changed.runs)
        return
    for run_id in changed.runs:
        print_line(f"run {short(run_id)} {verb}")
    if not changed.runs:
        say(f"nothing to do: {'it is' if len(runs) == 1 else 'they are'} {verb} already")
