"""`mlwright experiments`: folders of experiments, and what they hand down to runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from mlwright.cli.context import NONE, Options, connected
from mlwright.cli.output import Column, facts, moment, print_fields, print_items, print_json, print_line, say
from mlwright.cli.run_changes import pairs

if TYPE_CHECKING:
    from mlwright.api.experiments import Experiment, ExperimentSettings

app = App(name="experiments", help="Experiments: folders of runs, and what they hand down. Alone: `experiments ls`.")

Flag = Annotated[bool, Parameter(negative=())]
_COLUMNS: list[Column] = [
    ("NAME", lambda place: f"{place.name}/" if place.is_folder else place.name),
    ("EXPERIMENTS", lambda place: str(place.experiments)),
    ("RUNS", lambda place: str(place.runs)),
]


_FOUND: list[Column] = [
    ("NAME", lambda found: found.name),
    ("RUNS", lambda found: str(sum(found.runs.values()))),
    ("TAGS", lambda found: facts(found.tags)),
    ("MADE", lambda found: moment(found.created_at)),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Change:
    """What to change of an experiment or a folder.

    Attributes:
        note: What people should know of the experiment itself.
        tag: A tag for new runs, as KEY=VALUE; may be given more than once.
        untag: Key of a tag to set no more; may be given more than once.
        run_note: What new runs have as their note at first.
        keep_deleted_days: How long deleted runs stay in the bin; negative to leave that to `mlwright gc`.
    """

    note: str | None = None
    tag: list[str] | None = None
    untag: list[str] | None = None
    run_note: str | None = None
    keep_deleted_days: float | None = None


NO_CHANGE = Change()


@app.default
@app.command
def ls(folder: str = "", /, *, where: str = "", deleted: Flag = False, options: Options = NONE) -> None:
    """List what lies directly in a folder; or search what lies below it.

    Args:
        folder: Its path; the outermost by default.
        where: Such as "name like 'vision/%' and tags.team = 'red'"; of what lies below the folder at any depth.
        deleted: Look into the bin instead.
    """
    if where:
        below = folder.strip("/").replace("'", "''")
        _search(f"({where}) AND name LIKE '{below}/%'" if below else where, deleted, options)
        return
    with connected(options) as client:
        page = client.call("experiments.list", folder=folder, deleted=deleted)
    print_items(page.items, _COLUMNS, as_json=options.json)
    if not page.items and not options.json:
        say("nothing here" if deleted or folder else "no experiments yet; make one with: mlwright experiments new NAME")


def _search(where: str, deleted: bool, options: Options) -> None:
    with connected(options) as client:
        page = client.call("experiments.search", where=where, view="deleted" if deleted else "active", limit=1000)
    print_items(page.items, _FOUND, as_json=options.json, next_page=page.next)
    if not page.items and not options.json:
        say("no experiment fits")


@app.command
def show(name: str, /, *, options: Options = NONE) -> None:
    """Show an experiment, and the settings that hold for it.

    Args:
        name: Its path.
    """
    with connected(options) as client:
        _print(client.call("experiments.show", name=name), options)


@app.command
def new(name: str, /, *, note: str = "", tag: list[str] | None = None, options: Options = NONE) -> None:
    """Make an experiment.

    Args:
        name: Its path, like vision/defects/resnet.
        note: What people should know of it.
        tag: A tag of its own, as KEY=VALUE; may be given more than once.
    """
    with connected(options, create=True) as client:
        _print(client.call("experiments.new", name=name, note=note, tags=pairs(tag or [])), options)


@app.command
def move(name: str, to: str, /, *, options: Options = NONE) -> None:
    """Give an experiment or a folder another path; what lies below it goes with it.

    Args:
        name: Its path.
        to: The new one.
    """
    with connected(options) as client:
        _print_names(client.call("experiments.move", name=name, to=to).names, options)


@app.command
def rm(name: str, /, *, below: Flag = False, options: Options = NONE) -> None:
    """Put an experiment and its runs into the bin.

    Args:
        name: Its path.
        below: Those that lie below it, too.
    """
    with connected(options) as client:
        _print_names(client.call("experiments.delete", name=name, below=below).names, options)
    if not options.json:
        say(f"take it back with: mlwright experiments restore {name}{' --below' if below else ''}")


@app.command
def restore(name: str, /, *, below: Flag = False, options: Options = NONE) -> None:
    """Take an experiment and its runs out of the bin.

    Args:
        name: Its path.
        below: Those that lie below it, too.
    """
    with connected(options) as client:
        _print_names(client.call("experiments.restore", name=name, below=below).names, options)


@app.command(name="set")
def set_(name: str, /, *, change: Change = NO_CHANGE, options: Options = NONE) -> None:
    """Change what an experiment or a folder hands down to the runs that begin below it.

    Args:
        name: Its path.
    """
    given: dict[str, Any] = {key: getattr(change, key) for key in ("note", "run_note", "keep_deleted_days")}
    given |= {"tags": pairs(change.tag or []), "untag": change.untag or []}
    with connected(options, create=True) as client:
        found = client.call("experiments.set", name=name, **given)
    _print(found, options)


def _print(found: Experiment, options: Options) -> None:
    if options.json:
        print_json(item=found)
        return
    print_fields(
        [
            ("experiment", found.name),
            ("number", str(found.number)),
            ("note", found.note),
            ("tags", facts(found.tags)),
            ("runs", facts(found.runs)),
            ("made", moment(found.created_at)),
            ("deleted", "" if found.deleted_at is None else moment(found.deleted_at)),
            ("hands down", _settings(found.settings)),
            ("in all", _settings(found.inherited)),
        ]
    )


def _settings(found: ExperimentSettings) -> str:
    told = dict(found.tags)
    if found.note:
        told["note"] = found.note
    if found.keep_deleted_days is not None:
        told["keep_deleted_days"] = f"{found.keep_deleted_days:g}"
    return facts(told)


def _print_names(names: list[str], options: Options) -> None:
    if options.json:
        print_json(items=names)
    else:
        for name in names:
            print_line(name)
