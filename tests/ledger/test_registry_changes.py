"""Changes of tags, descriptions and stages are kept, each with what it was before."""

from __future__ import annotations

from mlwright.ledger import outbox, registry, registry_changes
from mlwright.ledger.store import Ledger, Transaction
from version_rows import version_row


def add_model(tx: Transaction, name: str = "churn", versions: int = 2) -> None:
    registry.claim_model(tx, name)
    for _ in range(versions):
        registry.add_version(tx, version_row(tx, name, registry.next_version(tx.connection, name)))


def kept(ledger: Ledger) -> list[tuple[int, str, str, object, object]]:
    with ledger.read() as connection:
        rows = registry_changes.changes(connection, "churn")
    return [(row.version, row.what, row.key, row.old, row.new) for row in reversed(rows)]


def test_a_tag_is_set_changed_and_removed_and_each_change_is_kept_once(ledger: Ledger) -> None:
    with ledger.write("user:ada") as tx:
        add_model(tx)
        assert registry_changes.set_tag(tx, "churn", 1, "team", "air", reason="new") is None
        assert registry_changes.set_tag(tx, "churn", 1, "team", "sea") == "air"
        assert registry_changes.set_tag(tx, "churn", 1, "team", "sea") == "sea"
        registry_changes.set_tag(tx, "churn", 0, "team", "all")
        assert registry_changes.tags_of(tx.connection, "churn", 1) == {"team": "sea"}
        assert registry_changes.tags_of(tx.connection, "churn") == {"team": "all"}
        assert registry_changes.delete_tag(tx, "churn", 1, "team") == "sea"
        assert registry_changes.delete_tag(tx, "churn", 1, "team") is None
    assert kept(ledger) == [
        (1, "tag", "team", None, "air"),
        (1, "tag", "team", "air", "sea"),
        (0, "tag", "team", None, "all"),
        (1, "tag", "team", "sea", None),
    ]
    with ledger.read() as connection:
        told = [(event.type, event.subject, event.data["new"]) for event in outbox.read_events(connection)]
    assert told == [
        ("model-version.changed", "model/churn/1", "air"),
        ("model-version.changed", "model/churn/1", "sea"),
        ("model.changed", "model/churn", "all"),
        ("model-version.changed", "model/churn/1", None),
    ]


def test_descriptions_stages_cards_and_settings_keep_what_they_were(ledger: Ledger) -> None:
    with ledger.write("user:ada") as tx:
        add_model(tx)
        assert registry_changes.describe(tx, "churn", 0, "who leaves") == ""
        assert registry_changes.describe(tx, "churn", 2, "the second") == ""
        assert registry_changes.set_stage(tx, "churn", 2, "Staging") == "None"
        assert registry_changes.set_card(tx, "churn", 2, "sha256:" + "1" * 64) is None
        registry_changes.put_settings(tx, "churn", {"environments": []}, reason="as agreed")
        assert registry_changes.settings_of(tx.connection, "churn") == {"environments": []}
    assert [change[1] for change in kept(ledger)] == ["description", "description", "stage", "card", "settings"]
    with ledger.read() as connection:
        row = registry.find_version(connection, "churn", 2)
        assert row is not None
        assert (row.description, row.stage, row.card_digest) == ("the second", "Staging", "sha256:" + "1" * 64)
        newest = registry_changes.changes(connection, "churn", version=0)[0]
    assert (newest.old, newest.reason, newest.actor) == ({}, "as agreed", "user:ada")


def test_an_alias_that_is_removed_stays_in_the_history(ledger: Ledger) -> None:
    with ledger.write("user:ada") as tx:
        add_model(tx)
        registry.point_alias(tx, "churn", "prod", 2, reason="first")
        assert registry_changes.end_alias(tx, "churn", "prod") == 2
        assert registry_changes.end_alias(tx, "churn", "prod") is None
        assert registry.list_models(tx.connection, "churn")[0].aliases == {}
        assert [row.to_at for row in registry.alias_rows(tx.connection, "churn")] == [tx.now]
