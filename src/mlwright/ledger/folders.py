"""Folders of experiments, and the settings that what lies in them inherits.

An experiment's name is a path. A folder needs no row of its own; settings are kept by the experiment of the folder's
name. What lies deeper wins: tags are merged key by key, anything else is taken from the nearest that has it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from mlwright.errors import AlreadyExists, Conflict
from mlwright.ledger.conflicts import insert_or_keep
from mlwright.ledger.driver import select_in
from mlwright.ledger.schema import experiments, runs, tags
from mlwright.ledger.store import Transaction

_COMPARED = 250


class Inherited(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Settings of an experiment, or those that hold for it with what it inherits.

    Attributes:
        tags: What new runs are tagged with.
        note: What new runs have as their note at first.
        keep_deleted_days: How long deleted runs stay in the bin; None: as long as whoever collects says.
    """

    tags: dict[str, str] = {}
    note: str = ""
    keep_deleted_days: float | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What lies directly in a folder.

    Attributes:
        name: Its whole path.
        is_folder: True when something lies below it.
        is_experiment: True when it is an experiment, too.
        experiments: How many experiments it is and has below it.
        runs: How many runs these have, without those in the bin.
    """

    name: str
    is_folder: bool
    is_experiment: bool
    experiments: int
    runs: int


def above(name: str) -> list[str]:
    """Return the folders of an experiment from the outermost on, and the experiment itself.

    Example:
        >>> above("vision/defects/resnet")
        ['vision', 'vision/defects', 'vision/defects/resnet']
    """
    parts = name.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def settings_of(connection: sa.Connection, name: str) -> Inherited:
    """Return the settings that hold for an experiment."""
    query = "SELECT name, settings FROM experiments WHERE settings <> '{}' AND name IN (*)"
    found = Inherited()
    for _, settings in sorted(select_in(connection, query, (), above(name)), key=lambda row: len(row[0])):
        found = merged(found, msgspec.json.decode(settings, type=Inherited))
    return found


def merged(outer: Inherited, inner: Inherited) -> Inherited:
    """Return the settings of an experiment within those of its folder."""
    return Inherited(
        tags={**outer.tags, **inner.tags},
        note=inner.note or outer.note,
        keep_deleted_days=outer.keep_deleted_days if inner.keep_deleted_days is None else inner.keep_deleted_days,
    )


def inherit(tx: Transaction, run_id: str, experiment: str) -> None:
    """Give a new run the tags and the note of its experiment; those that it has already stay."""
    inherit_all(tx, [run_id], experiment)


def inherit_all(tx: Transaction, run_ids: list[str], experiment: str) -> None:
    """Give new runs the tags and the note of their experiment; see `inherit`."""
    found = settings_of(tx.connection, experiment)
    if found.tags or found.note:
        for run_id in run_ids:
            _inherit(tx, run_id, found)


def _inherit(tx: Transaction, run_id: str, found: Inherited) -> None:
    rows = [
        {"run_id": run_id, "key": key, "value": value, "text": value[:_COMPARED]} for key, value in found.tags.items()
    ]
    insert_or_keep(tx, tags, rows)
    if found.note:
        tx.execute(sa.update(runs).where(runs.c.id == run_id, runs.c.note == "").values(note=found.note))


def put_settings(tx: Transaction, experiment_id: str, settings: Inherited) -> None:
    """Set the settings of an experiment."""
    values = {"settings": msgspec.to_builtins(settings), "changed_at": tx.now}
    before = tx.execute(sa.select(experiments.c.settings).where(experiments.c.id == experiment_id)).scalar_one()
    tx.execute(sa.update(experiments).where(experiments.c.id == experiment_id).values(values))
    tx.emit("experiment.changed", f"experiment/{experiment_id}", old=before, settings=values["settings"])


def places_in(connection: sa.Connection, folder: str = "", *, deleted: bool = False) -> list[Place]:
    """Return what lies directly in a folder, by name.

    Args:
        connection: Where to look.
        folder: Its path; empty for the outermost.
        deleted: True to look at the bin instead.
    """
    binned = experiments.c.deleted_at.is_not(None) if deleted else experiments.c.deleted_at.is_(None)
    alive = sa.func.count(runs.c.id)
    joined = experiments.outerjoin(runs, sa.and_(runs.c.experiment_id == experiments.c.id, _in_view(deleted)))
    query = sa.select(experiments.c.name, alive).select_from(joined).where(binned).group_by(experiments.c.name)
    if folder:
        query = query.where(_below(folder))
    start = len(folder) + 1 if folder else 0
    found: dict[str, list[tuple[str, int]]] = {}
    for name, count in connection.execute(query):
        found.setdefault(name[:start] + name[start:].split("/")[0], []).append((name, count))
    return [
        Place(
            name=place,
            is_folder=any(name != place for name, _ in rows),
            is_experiment=any(name == place for name, _ in rows),
            experiments=len(rows),
            runs=sum(count for _, count in rows),
        )
        for place, rows in sorted(found.items())
    ]


def counts_of(connection: sa.Connection, experiment_id: str) -> dict[str, int]:
    """Return how many runs of each status an experiment has, without those in the bin."""
    mine = (runs.c.experiment_id == experiment_id, runs.c.deleted_at.is_(None))
    query = sa.select(runs.c.status, sa.func.count()).where(*mine).group_by(runs.c.status).order_by(runs.c.status)
    return dict(connection.execute(query).all())


def names_at(connection: sa.Connection, path: str, *, deleted: bool | None = None) -> list[str]:
    """Return the experiments of a path: the one of this name, and those below it.

    Args:
        connection: Where to look.
        path: Of an experiment or of a folder.
        deleted: Only those in the bin, or only those that aren't; None for all.
    """
    query = sa.select(experiments.c.name).where(sa.or_(experiments.c.name == path, _below(path)))
    if deleted is not None:
        at = experiments.c.deleted_at
        query = query.where(at.is_not(None) if deleted else at.is_(None))
    return list(connection.execute(query.order_by(experiments.c.name)).scalars())


def move(tx: Transaction, path: str, to: str) -> list[tuple[str, str]]:
    """Give an experiment or a folder, with all that lies below it, another path.

    Returns:
        Old and new name of each experiment.

    Raises:
        AlreadyExists: An experiment of one of the new names is there.
        Conflict: The new path lies within the old one.
    """
    if to.startswith(f"{path}/"):
        raise Conflict(f"'{path}' can't be moved to '{to}'.", why="that lies within it", fix="choose another path")
    pairs = [(name, to + name[len(path) :]) for name in names_at(tx.connection, path)]
    taken = sa.select(experiments.c.name).where(experiments.c.name.in_([new for _, new in pairs]))
    known = sorted(set(tx.execute(taken).scalars()) - {old for old, _ in pairs})
    if known:
        raise AlreadyExists(
            f"'{path}' can't be moved to '{to}'.",
            why=f"there is an experiment '{known[0]}' already",
            fix="move that one away first, or choose another path",
        )
    for old, new in pairs:
        row = tx.execute(sa.select(experiments.c.id).where(experiments.c.name == old)).scalar_one()
        tx.execute(sa.update(experiments).where(experiments.c.id == row).values(name=new, changed_at=tx.now))
        tx.emit("experiment.renamed", f"experiment/{row}", old=old, name=new)
    return pairs


def _below(folder: str) -> sa.ColumnElement[bool]:
    return experiments.c.name.startswith(f"{folder}/", autoescape=True)


def _in_view(deleted: bool) -> Any:
    return sa.true() if deleted else runs.c.deleted_at.is_(None)
