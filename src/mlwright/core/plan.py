"""Plans: the difference between what is declared and what is, shown before it is applied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from mlwright.core.digest import digest_json

Action = Literal["create", "update", "delete", "keep"]
_SIGNS = {"create": "+", "update": "~", "delete": "-", "keep": " "}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to one declared thing.

    Attributes:
        action: create, update, delete or keep.
        kind: The noun, for example `deployment`.
        name: Its name.
        before: Its present state, None when it doesn't exist.
        after: Its declared state, None when it would go.
        note: A sentence on risk or cost, where there is one.
    """

    action: Action
    kind: str
    name: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    note: str = ""

    @property
    def differing(self) -> list[str]:
        """Names of the top-level fields that differ."""
        before, after = self.before or {}, self.after or {}
        return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All changes that would be made, and a fingerprint of the world that they were computed from.

    Attributes:
        changes: In the order in which they would be applied.
        basis: Digest of the present state; `apply` refuses when it no longer holds.
    """

    changes: list[Change]
    basis: str

    @property
    def is_empty(self) -> bool:
        """True when nothing would change."""
        return all(change.action == "keep" for change in self.changes)

    def counts(self) -> dict[str, int]:
        """Return how many things would be created, updated, deleted and kept."""
        found = dict.fromkeys(_SIGNS, 0)
        for change in self.changes:
            found[change.action] += 1
        return found

    def render(self) -> str:
        """Return the plan as text, its last line the counts."""
        lines = []
        for change in self.changes:
            if change.action == "keep":
                continue
            lines.append(f"{_SIGNS[change.action]} {change.kind} {change.name}")
            if change.action == "update":
                before, after = change.before or {}, change.after or {}
                lines += [f"    {key}: {before.get(key)!r} -> {after.get(key)!r}" for key in change.differing]
            if change.note:
                lines.append(f"    note: {change.note}")
        count = self.counts()
        lines.append(
            f"Plan: {count['create']} to create, {count['update']} to update, "
            f"{count['delete']} to delete, {count['keep']} unchanged."
        )
        return "\n".join(lines)


def diff(
    kind: str, declared: dict[str, dict[str, Any]], present: dict[str, dict[str, Any]], *, prune: bool = True
) -> list[Change]:
    """Compare declared things of one kind with those present, by name.

    Args:
        kind: The noun.
        declared: Name to declared state (JSON-able).
        present: Name to present state (JSON-able).
        prune: Whether things that are present and not declared are to be deleted.
    """
    changes: list[Change] = []
    for name, after in declared.items():
        before = present.get(name)
        if before is None:
            changes.append(Change(action="create", kind=kind, name=name, after=after))
        else:
            action: Action = "keep" if digest_json(before) == digest_json(after) else "update"
            changes.append(Change(action=action, kind=kind, name=name, before=before, after=after))
    if prune:
        gone = [name for name in present if name not in declared]
        changes += [Change(action="delete", kind=kind, name=name, before=present[name]) for name in gone]
    return changes


def basis_of(states: Iterable[Any]) -> str:
    """Return the fingerprint of the present states that a plan is computed from."""
    return digest_json(list(states))
