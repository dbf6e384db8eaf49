"""What happened to a model, and how it stood at any past moment: read from the rows that keep each change."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.ledger import Connection, assignments
from mlwright.ledger import registry as rows
from mlwright.ledger import registry_changes as kept
from mlwright.ledger.approvals import ApprovalRow, Wanted, list_approvals
from mlwright.ledger.registry_changes import WHOLE_MODEL, changes, tags_of_many
from mlwright.registry.versions import find, the_model

if TYPE_CHECKING:
    from mlwright.project import Project


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a model.

    Attributes:
        at: When.
        what: `version` (registered), `alias`, `environment`, `tag`, `description`, `stage`, `status`, `card`,
            `settings`, `gate`, `approval`, `vote` or `deletion`.
        key: Which one: the alias, environment, tag, gate or role.
        version: The version that it is about, 0 for the model itself.
        old: What it was before, None when there was nothing.
        new: What it was from then on, None when it was removed.
        actor: Who did it.
        reason: Why.
    """

    at: datetime
    what: str
    key: str
    version: int
    old: Any
    new: Any
    actor: str
    reason: str


class VersionThen(msgspec.Struct, frozen=True, kw_only=True):
    """A version as it stood at a moment.

    Attributes:
        version: Its number.
        description: What was said about it.
        stage: Its stage, as MLflow's older clients know it.
        tags: Its tags.
        created_at: When it was registered.
    """

    version: int
    description: str
    stage: str
    tags: dict[str, str]
    created_at: datetime


class Then(msgspec.Struct, frozen=True, kw_only=True):
    """A model as it stood at a moment.

    Attributes:
        model: Its name.
        at: The moment.
        description: What was said about it.
        tags: Its tags.
        aliases: Alias to version.
        environments: Environment to the version that it had.
        versions: The versions there were, newest first.
    """

    model: str
    at: datetime
    description: str
    tags: dict[str, str]
    aliases: dict[str, int]
    environments: dict[str, int]
    versions: list[VersionThen]


def history(project: Project, model: str, *, version: int | None = None, until: datetime | None = None) -> list[Entry]:
    """Return everything that happened to a model (or to one of its versions), newest first, up to a moment.

    What happened to a model that was deleted stays known.

    Raises:
        NotFound: There never was such a model.
    """
    with project.ledger.read() as connection:
        if not changes(connection, model, limit=1):
            the_model(connection, model)
        found = [
            *_registered(connection, model),
            *_pointed(connection, model),
            *_changed(connection, model),
            *_judged(connection, model),
        ]
        for row in list_approvals(connection, Wanted(model=model)):
            found += _approved(row)
    wanted = [entry for entry in found if version is None or entry.version == version]
    wanted = [entry for entry in wanted if until is None or entry.at <= until]
    return sorted(wanted, key=lambda entry: entry.at, reverse=True)


def model_at(project: Project, model: str, at: datetime) -> Then:
    """Return how a model stood at a moment: aliases, environments, tags and descriptions.

    Raises:
        NotFound: There is no such model.
    """
    with project.ledger.read() as connection:
        known = the_model(connection, model)
        pointed = rows.alias_rows(connection, model, at=at)
        held = assignments.assignment_rows(connection, model, at=at)
        versions = [row for row in rows.list_versions(connection, model) if row.created_at <= at]
        values = _values(connection, known, versions)
        # Whatever changed after the moment is undone, the newest change first.
        for change in changes(connection, model, since=at, limit=1_000_000):
            values[change.version, change.what, change.key] = change.old
    return Then(
        model=model,
        at=at,
        description=values.get((WHOLE_MODEL, "description", "")) or "",
        tags=_tags(values, WHOLE_MODEL),
        aliases={row.alias: row.version for row in sorted(pointed, key=lambda row: row.alias)},
        environments={row.environment: row.version for row in sorted(held, key=lambda row: row.environment)},
        versions=[
            VersionThen(
                version=row.version,
                description=values.get((row.version, "description", "")) or "",
                stage=values.get((row.version, "stage", "")) or "None",
                tags=_tags(values, row.version),
                created_at=row.created_at,
            )
            for row in versions
        ],
    )


def set_tag(project: Project, ref: str, key: str, value: str, *, actor: str | None = None, reason: str = "") -> None:
    """Give a model (`churn`) or a version (`churn/3`, `churn@prod`) a tag.

    Raises:
        NotFound: There is no such model, version or alias.
    """
    with project.ledger.write(actor or project.actor) as tx:
        model, version = _target(tx.connection, ref)
        kept.set_tag(tx, model, version, key, value, reason=reason)


def delete_tag(project: Project, ref: str, key: str, *, actor: str | None = None, reason: str = "") -> bool:
    """Take a tag from a model or version; return whether it had it.

    Raises:
        NotFound: There is no such model, version or alias.
    """
    with project.ledger.write(actor or project.actor) as tx:
        model, version = _target(tx.connection, ref)
        return kept.delete_tag(tx, model, version, key, reason=reason) is not None


def describe(project: Project, ref: str, text: str, *, actor: str | None = None, reason: str = "") -> None:
    """Say what a model (`churn`) or a version (`churn/3`) is about.

    Raises:
        NotFound: There is no such model, version or alias.
    """
    with project.ledger.write(actor or project.actor) as tx:
        model, version = _target(tx.connection, ref)
        kept.describe(tx, model, version, text, reason=reason)


def _target(connection: Connection, ref: str) -> tuple[str, int]:
    if "/" in ref or "@" in ref:
        found = find(connection, ref)
        return found.model, found.version
    return the_model(connection, ref).name, WHOLE_MODEL


def _registered(connection: Connection, model: str) -> list[Entry]:
    return [
        Entry(
            at=row.created_at,
            what="version",
            key="",
            version=row.version,
            old=None,
            new=row.version,
            actor=row.actor,
            reason=row.description,
        )
        for row in rows.list_versions(connection, model, limit=100_000)
    ]


def _pointed(connection: Connection, model: str) -> list[Entry]:
    """Return the entries of aliases and environments, each with the version that was there before."""
    stretches: list[tuple[str, str, Any]] = [("alias", row.alias, row) for row in rows.alias_rows(connection, model)]
    placed = assignments.assignment_rows(connection, model)
    stretches += [("environment", row.environment, row) for row in placed]
    found: list[Entry] = []
    ended: dict[tuple[str, str], Any] = {}
    for what, key, row in reversed(stretches):
        last = ended.get((what, key))
        old = last.version if last is not None and last.to_at == row.from_at else None
        ended[what, key] = row
        found.append(
            Entry(
                at=row.from_at,
                what=what,
                key=key,
                version=row.version,
                old=old,
                new=row.version,
                actor=row.actor,
                reason=row.reason,
            )
        )
    return found


def _changed(connection: Connection, model: str) -> list[Entry]:
    names = Entry.__struct_fields__
    return [
        Entry(**{name: getattr(row, name) for name in names}) for row in changes(connection, model, limit=1_000_000)
    ]


def _judged(connection: Connection, model: str) -> list[Entry]:
    return [
        Entry(
            at=row.at,
            what="gate",
            key=row.gate,
            version=row.version,
            old=None,
            new="passed" if row.passed else "refused",
            actor=row.actor,
            reason=row.reason,
        )
        for row in rows.gate_rows(connection, model)
    ]


def _approved(row: ApprovalRow) -> list[Entry]:
    about: dict[str, Any] = {"key": row.environment, "version": row.version}
    found = [
        Entry(at=row.created_at, what="approval", old=None, new="open", actor=row.actor, reason=row.reason, **about)
    ]
    for vote in row.votes:
        said = "approves" if vote.approves else "refuses"
        reason = f"as {vote.role}" + (f": {vote.comment}" if vote.comment else "")
        found.append(Entry(at=vote.at, what="vote", old=None, new=said, actor=vote.actor, reason=reason, **about))
    if row.decided_at is not None:
        state = "approved" if row.state == "used" else row.state
        at = row.decided_at
        found.append(Entry(at=at, what="approval", old="open", new=state, actor="system", reason="", **about))
    return found


def _values(
    connection: Connection, model: rows.ModelRow, versions: list[rows.VersionRow]
) -> dict[tuple[int, str, str], Any]:
    """Return what is said about a model and its versions now, by version, what and key."""
    values: dict[tuple[int, str, str], Any] = {(WHOLE_MODEL, "description", ""): model.description}
    for row in versions:
        values[row.version, "description", ""] = row.description
        values[row.version, "stage", ""] = row.stage
    for (_, version), tags in tags_of_many(connection, [model.name]).items():
        values |= {(version, "tag", key): value for key, value in tags.items()}
    return values


def _tags(values: dict[tuple[int, str, str], Any], version: int) -> dict[str, str]:
    pairs = ((key, value) for (place, what, key), value in values.items() if what == "tag" and place == version)
    return dict(sorted((key, value) for key, value in pairs if value is not None))
