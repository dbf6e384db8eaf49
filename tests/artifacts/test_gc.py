from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from test_local_store import file_of, flip

from mlwright.artifacts import codecs, gc, trees
from mlwright.artifacts.codecs import Saved
from mlwright.core.ids import new_id
from mlwright.errors import IntegrityError
from mlwright.ledger import Transaction, schema
from mlwright.ledger import artifacts as artifact_rows
from mlwright.ledger.outbox import read_events
from mlwright.ledger.runs import next_number
from mlwright.project import Project


def add_run(tx: Transaction, **values: object) -> str:
    run_id, experiment_id = new_id(), new_id()
    row = {"id": experiment_id, "number": next_number(tx), "name": experiment_id}
    row |= {"created_at": tx.now, "changed_at": tx.now}
    tx.execute(sa.insert(schema.experiments).values(row))
    run = {"id": run_id, "experiment_id": experiment_id, "name": "r", "kind": "script", "status": "succeeded"}
    run |= {"arguments": {}, "actor": "user:test", "created_at": tx.now, "started_at": tx.now, **values}
    tx.execute(sa.insert(schema.runs).values(run))
    return run_id


def log(tx: Transaction, run_id: str, saved: Saved, name: str = "x") -> None:
    row = {"run_id": run_id, "name": name, "digest": saved.digest, "codec": saved.codec}
    row |= {"size_bytes": saved.size_bytes, "created_at": tx.now}
    tx.execute(sa.insert(schema.run_artifacts).values(row))
    artifact_rows.record(tx, saved.digest, saved.kind, saved.size_bytes)


def collect(project: Project, *, dry_run: bool = False) -> gc.Collection:
    return gc.collect(project, dry_run=dry_run, grace_s=0)


def test_what_nothing_refers_to_is_removed_and_the_rest_stays(project: Project) -> None:
    kept, loose = codecs.save(project.store, "kept"), codecs.save(project.store, "loose")
    with project.ledger.write() as tx:
        log(tx, add_run(tx), kept)
        artifact_rows.record(tx, loose.digest, "blob", 5)
    done = collect(project)
    assert [blob.digest for blob in done.removed] == [loose.digest]
    assert (done.removed_bytes, done.kept, done.kept_bytes, done.young) == (5, 1, 4, 0)
    assert project.store.has(kept.digest)
    assert not project.store.has(loose.digest)
    with project.ledger.read() as connection:
        known = connection.execute(sa.select(schema.artifacts.c.digest)).scalars().all()
        events = read_events(connection, types=["artifacts.collected"])
    assert known == [kept.digest]
    assert events[0].data == {"count": 1, "size_bytes": 5}


def test_a_dry_run_tells_the_same_and_removes_nothing(project: Project) -> None:
    loose = codecs.save(project.store, "loose")
    planned = collect(project, dry_run=True)
    assert project.store.has(loose.digest)
    assert planned.removed == collect(project).removed
    assert planned.sentence.startswith("would remove 1 artifacts (5 B); 0 stay")


def test_what_was_put_a_moment_ago_stays(project: Project) -> None:
    saved = codecs.save(project.store, "new")
    done = gc.collect(project, grace_s=3600)
    assert (done.removed, done.kept, done.young) == ([], 1, 1)
    file = file_of(project.store, saved.digest)
    two_hours_ago = time.time() - 7200
    os.utime(file, (two_hours_ago, two_hours_ago))
    assert len(gc.collect(project, grace_s=3600, dry_run=True).removed) == 1
    codecs.save(project.store, "new")
    assert gc.collect(project, grace_s=3600).removed == []


def test_a_kept_folder_keeps_its_files(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("a")
    (folder / "b").write_text("b")
    saved = codecs.save(project.store, folder)
    trees.view(project.store, saved.digest)
    with project.ledger.write() as tx:
        log(tx, add_run(tx), saved)
    assert collect(project).removed == []
    with project.ledger.write() as tx:
        tx.execute(sa.delete(schema.run_artifacts))
    assert len(collect(project).removed) == 3
    assert list(project.store.list()) == []
    assert list((project.store.scratch() / "views").iterdir()) == []


def test_a_kept_bundle_keeps_what_it_holds_at_any_depth(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("notes")
    saved = codecs.save(project.store, {"file": file, "list": [np.arange(3)], "frame": {"x": np.arange(2.0)}})
    with project.ledger.write() as tx:
        log(tx, add_run(tx), saved)
    assert collect(project).removed == []
    assert codecs.load(project.store, saved.digest, saved.codec)["file"].read_text() == "notes"


REFERENCES = ["ir_digest", "code_digest", "environment_digest"]


@pytest.mark.parametrize("column", REFERENCES)
def test_a_runs_own_digests_are_kept(project: Project, column: str) -> None:
    digest = project.store.put(b"content").digest
    with project.ledger.write() as tx:
        run_id = add_run(tx, **{column: digest})
    assert collect(project).removed == []
    with project.ledger.read() as connection:
        assert artifact_rows.references(connection, digest) == [artifact_rows.Reference("runs", column, run_id)]


def test_outputs_logs_cache_entries_and_models_are_kept(project: Project) -> None:
    digests = [project.store.put(b"content %d" % number).digest for number in range(6)]
    output, log_, cached, model, profile, lineage = digests
    with project.ledger.write() as tx:
        run_id, step_run_id = add_run(tx), new_id()
        step = {"id": step_run_id, "run_id": run_id, "step": "s", "status": "succeeded", "attempt": 1, "fence": 1}
        tx.execute(sa.insert(schema.step_runs).values(**step, log_digest=log_, started_at=tx.now))
        made = {"name": "o", "digest": output, "codec": "bytes", "type": "bytes", "size_bytes": 1}
        row = {"run_id": run_id, "step": "s", "step_run_id": step_run_id, **made}
        tx.execute(sa.insert(schema.step_outputs).values(row))
        entry = {"cache_key": "sha256:" + "1" * 64, "step_run_id": step_run_id, "created_at": tx.now, "step": "s"}
        entry |= {"outputs": [{**made, "digest": cached}], "parts": {}}
        tx.execute(sa.insert(schema.cache_entries).values(entry))
        tx.execute(sa.insert(schema.models).values(name="m", created_at=tx.now, changed_at=tx.now))
        version = {"model": "m", "version": 1, "digest": model, "flavour": "sklearn", "codec": "skops", "unsafe": False}
        version |= {"signature": {}, "metrics": {}, "lineage": {"inputs": {"x": lineage}}, "profile_digest": profile}
        version |= {"actor": "user:test", "created_at": tx.now, "changed_at": tx.now}
        tx.execute(sa.insert(schema.model_versions).values(version))
    assert collect(project).removed == []
    with project.ledger.read() as connection:
        assert {len(artifact_rows.references(connection, digest)) for digest in digests} == {1}


def test_what_only_events_and_cache_keys_mention_is_not_kept(project: Project) -> None:
    digest = project.store.put(b"content").digest
    with project.ledger.write() as tx:
        tx.emit("thing.seen", "thing", digest=digest)
        entry = {"cache_key": "sha256:" + "1" * 64, "step_run_id": new_id(), "created_at": tx.now, "step": "s"}
        tx.execute(sa.insert(schema.cache_entries).values(**entry, outputs=[], parts={"inputs": [digest]}))
    assert len(collect(project).removed) == 1


def test_a_document_that_names_artifacts_keeps_them(project: Project) -> None:
    part = project.store.put(b"part").digest
    document = project.store.put(b'{"weights": "%s"}' % part.encode()).digest
    with project.ledger.write() as tx:
        add_run(tx, ir_digest=document)
    assert collect(project).removed == []


def test_a_damaged_folder_stops_the_collection_before_anything_is_removed(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("a")
    saved, loose = codecs.save(project.store, folder), project.store.put(b"loose")
    with project.ledger.write() as tx:
        log(tx, add_run(tx), saved)
    flip(file_of(project.store, saved.digest))
    with pytest.raises(IntegrityError, match=saved.digest):
        collect(project)
    assert project.store.has(loose.digest)


def test_a_kept_artifact_that_is_missing_does_not_stop_it(project: Project) -> None:
    with project.ledger.write() as tx:
        add_run(tx, ir_digest="sha256:" + "5" * 64)
    assert collect(project).removed == []


def test_what_is_put_again_while_the_collector_looks_stays(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = codecs.save(project.store, "content")
    reachable = gc.reachable

    def put_meanwhile(*arguments: object) -> set[str]:
        found = reachable(*arguments)
        codecs.save(project.store, "content")
        return found

    monkeypatch.setattr(gc, "reachable", put_meanwhile)
    assert collect(project).removed == []
    assert project.store.has(saved.digest)


def test_half_built_views_of_dead_processes_are_swept(project: Project) -> None:
    project.store.put(b"loose")
    left_over = project.store.scratch() / "views" / "building-x"
    left_over.mkdir(parents=True)
    collect(project)
    assert not left_over.exists()


def test_recording_twice_changes_nothing(project: Project) -> None:
    digest = project.store.put(b"content").digest
    with project.ledger.write() as tx:
        artifact_rows.record(tx, digest, "blob", 7)
        artifact_rows.record(tx, digest, "blob", 7)
    with project.ledger.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.artifacts)).scalar() == 1
