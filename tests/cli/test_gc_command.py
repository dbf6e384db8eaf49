"""`mlwright gc`: what nothing refers to goes, and only that."""

from __future__ import annotations

from commanding import Command

from mlwright.project import Project


def test_a_dry_run_lists_what_nothing_refers_to_and_removes_nothing(command: Command, project: Project) -> None:
    loose = project.store.put(b"nothing names this")
    ended = command("gc", "--dry-run", "--grace-hours", "0")
    assert ended.code == 0
    assert loose.digest in ended.out
    assert "would remove 1 artifacts" in ended.talk
    assert "mlwright gc" in ended.talk
    assert project.store.has(loose.digest)


def test_what_nothing_refers_to_is_removed_once_it_is_old_enough(command: Command, project: Project) -> None:
    loose = project.store.put(b"nothing names this")
    assert command("gc", "--json").data["item"]["young"] == 1
    assert project.store.has(loose.digest)
    item = command("gc", "--grace-hours", "0", "--json").data["item"]
    assert (item["removed"], item["removed_bytes"]) == (1, 18)
    assert not project.store.has(loose.digest)
