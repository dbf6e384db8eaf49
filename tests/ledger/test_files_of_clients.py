"""Files at paths, uploads in parts and logged models, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.core.clock import ReplayClock
from mlwright.errors import NotFound
from mlwright.ledger import Ledger, files, logged_models, registry, registry_changes, registry_edits
from mlwright.ledger.runs import ensure_experiment
from version_rows import version_row

DIGEST = "sha256:" + "0" * 64


def test_only_what_lies_below_a_folder_is_listed_whatever_its_letters(ledger: Ledger) -> None:
    paths = ["a/b", "a/B", "A/b", "a-b", "a", "a0", "ab/c", "a/b c", "a/é", "a%/x", "a_/x"]
    with ledger.write() as tx:
        for path in paths:
            files.put_file(tx, path, DIGEST, 1)
    with ledger.read() as connection:
        assert {row.path for row in files.files_below(connection, "a")} == {"a/b", "a/B", "a/b c", "a/é"}
        assert {row.path for row in files.files_below(connection, "a_")} == {"a_/x"}
        assert {row.path for row in files.files_below(connection, "")} == set(paths)
        assert files.taken(connection, "a/b/c") in ("a", "a/b")
        assert files.taken(connection, "a%") == "a%/x"
        assert files.taken(connection, "new/x") is None
    with ledger.write() as tx:
        assert files.delete_files(tx, "a") == 5
    with ledger.read() as connection:
        assert files.find_file(connection, "a") is None
        assert files.find_file(connection, "a-b") is not None


NAMES = st.text(alphabet=st.sampled_from("aAbé_%-.0 /"), min_size=1, max_size=6).filter(
    lambda name: "" not in name.split("/")
)


@settings(max_examples=60)
@given(st.sets(NAMES, max_size=8), NAMES)
def test_below_means_the_same_as_for_any_text(ledger: Ledger, names: set[str], folder: str) -> None:
    with ledger.write() as tx:
        for row in files.files_below(tx.connection, ""):
            files.delete_files(tx, row.path)
        for name in names:
            files.put_file(tx, name, DIGEST, 1)
        found = {row.path for row in files.files_below(tx.connection, folder)}
    assert found == {name for name in names if name.startswith(f"{folder}/")}


def test_an_upload_that_nobody_completes_is_given_up(ledger_url: str) -> None:
    clock = ReplayClock(datetime(2026, 1, 1, tzinfo=UTC))
    with Ledger(ledger_url, durability="normal", clock=clock) as ledger:
        with ledger.write() as tx:
            old = files.begin_upload(tx, "a")
            files.add_part(tx, old, 2, files.Part(DIGEST, 5))
            files.add_part(tx, old, 1, files.Part(DIGEST, 7))
        clock.advance(clock.now() + timedelta(days=8))
        with ledger.read() as connection:
            assert files.find_upload(connection, old).parts == {1: files.Part(DIGEST, 7), 2: files.Part(DIGEST, 5)}
        with ledger.write() as tx:
            files.begin_upload(tx, "b")
        with ledger.read() as connection, pytest.raises(NotFound):
            files.find_upload(connection, old)


def test_a_metric_of_a_model_is_kept_once(ledger: Ledger) -> None:
    with ledger.write() as tx:
        new = logged_models.NewLoggedModel(experiment_id=ensure_experiment(tx, "e"), name="m")
        id_ = logged_models.create(tx, new).id
        metric = logged_models.ModelMetric(model_id=id_, key="k", value=float("nan"), step=1, at=tx.now)
        for _ in range(2):
            logged_models.add_metrics(tx, [metric, metric])
        assert len(logged_models.metrics_of(tx.connection, [id_])[id_]) == 1
        with pytest.raises(NotFound):
            logged_models.add_metrics(
                tx, [logged_models.ModelMetric(model_id="x", key="k", value=1, step=1, at=tx.now)]
            )


def test_a_deleted_model_is_remembered(ledger: Ledger) -> None:
    with ledger.write("user:ada") as tx:
        registry_edits.create_model(tx, "m", description="d", tags={"a": "b"})
        registry.add_version(tx, version_row(tx, "m", 1, digest=DIGEST))
        registry.point_alias(tx, "m", "best", 1, reason="")
        registry_edits.delete_model(tx, "m")
        assert registry_edits.registered_models(tx.connection) == []
        (alias,) = registry.alias_rows(tx.connection, "m")
        assert alias.to_at == tx.now
        model, version = registry_changes.changes(tx.connection, "m")
        assert (model.version, model.old) == (0, {"description": "d", "versions": [1]})
        assert (version.version, version.old["files"], version.actor) == (1, "0" * 64, "user:ada")
