from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_local_store import file_of, flip

from mlwright.adapters.store.local import LocalStore
from mlwright.artifacts import codecs, trees
from mlwright.core.digest import canonical_json
from mlwright.errors import AlreadyExists, IntegrityError, InvalidInput, NotFound

parts = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)
layouts = st.dictionaries(st.lists(parts, min_size=1, max_size=3).map(tuple), st.binary(max_size=5), max_size=6)


def contents(folder: Path) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for path in folder.rglob("*"):
        found[path.relative_to(folder).as_posix()] = path.read_bytes() if path.is_file() else None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a.txt").write_text("a")
    (root / "deep" / "er" / "b.bin").write_bytes(b"\0b")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


def write_layout(root: Path, layout: dict[tuple[str, ...], bytes]) -> None:
    for path, content in layout.items():
        target = root.joinpath(*path)
        # A name can't be a file here and a folder there.
        if any(parent.is_file() for parent in target.parents) or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


@given(layout=layouts)
def test_a_folder_comes_back_as_it_was(
    shared_store: LocalStore, tmp_path_factory: pytest.TempPathFactory, layout: dict[tuple[str, ...], bytes]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    (root / "source").mkdir()
    try:
        write_layout(root / "source", layout)
        saved = codecs.save(shared_store, root / "source")
        assert contents(codecs.load(shared_store, saved.digest, saved.codec)) == contents(root / "source")
        trees.materialize(shared_store, saved.digest, root / "copy")
        assert contents(root / "copy") == contents(root / "source")
        assert codecs.save(shared_store, root / "copy").digest == saved.digest
    finally:
        shutil.rmtree(root)


def test_names_modes_and_empty_folders_are_kept(store: LocalStore, folder: Path, tmp_path: Path) -> None:
    saved = codecs.save(store, folder)
    assert (saved.codec, saved.kind, saved.size_bytes) == ("folder", "tree", 1 + 2 + 10)
    view = codecs.load(store, saved.digest, "folder")
    copy = trees.materialize(store, saved.digest, tmp_path / "copy")
    for found in (view, copy):
        assert contents(found) == contents(folder)
        assert os.access(found / "run.sh", os.X_OK)
        assert (found / "a.txt").stat().st_mode & 0o111 == 0


def test_a_view_is_read_only_and_a_copy_is_the_callers(store: LocalStore, folder: Path, tmp_path: Path) -> None:
    digest = trees.put_tree(store, folder).digest
    assert (trees.view(store, digest) / "a.txt").stat().st_mode & 0o222 == 0
    (trees.materialize(store, digest, tmp_path / "copy") / "a.txt").write_text("changed")
    assert (trees.view(store, digest) / "a.txt").read_text() == "a"


def test_a_view_that_somebody_changed_is_put_right(store: LocalStore, folder: Path) -> None:
    digest = trees.put_tree(store, folder).digest
    view = trees.view(store, digest)
    (view / "more.txt").write_text("more")
    (view / "a.txt").unlink()
    (view / "run.sh").chmod(0o755)
    (view / "run.sh").write_text("rm -rf")
    assert contents(trees.view(store, digest)) == contents(folder)


def test_a_damaged_member_is_named(store: LocalStore, folder: Path, tmp_path: Path) -> None:
    tree = trees.put_tree(store, folder)
    member = next(entry for entry in trees.read_manifest(store, tree.digest).files if entry.path == "a.txt")
    trees.view(store, tree.digest)
    flip(file_of(store, member.digest))
    with pytest.raises(IntegrityError, match=member.digest):
        trees.view(store, tree.digest)
    with pytest.raises(IntegrityError, match=member.digest):
        trees.materialize(store, tree.digest, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert [name for name in os.listdir(tmp_path) if name.startswith(".copy")] == []


def test_equal_files_of_a_folder_are_stored_once(store: LocalStore, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for number in range(20):
        (root / f"{number}").write_bytes(b"same")
    trees.put_tree(store, root)
    assert len(list(store.list())) == 2


def test_a_file_keeps_its_name(store: LocalStore, folder: Path) -> None:
    saved = codecs.save(store, folder / "a.txt")
    assert (saved.codec, saved.kind, saved.size_bytes) == ("file", "tree", 1)
    again = codecs.load(store, saved.digest, "file")
    assert (again.name, again.read_text()) == ("a.txt", "a")


def test_a_path_that_does_not_exist_is_named(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="missing"):
        codecs.save(store, tmp_path / "missing")
    with pytest.raises(NotFound, match="missing"):
        trees.put_tree(store, tmp_path / "missing")


def test_a_link_to_a_file_is_stored_as_the_file_and_one_to_a_folder_is_refused(store: LocalStore, folder: Path) -> None:
    (folder / "link.txt").symlink_to("a.txt")
    view = trees.view(store, trees.put_tree(store, folder).digest)
    assert (view / "link.txt").read_text() == "a"
    (folder / "loop").symlink_to(".")
    with pytest.raises(InvalidInput, match="loop"):
        trees.put_tree(store, folder)


def test_a_broken_link_and_a_pipe_are_named(store: LocalStore, tmp_path: Path) -> None:
    for name, make in (("broken", lambda path: path.symlink_to("nowhere")), ("pipe", os.mkfifo)):
        root = tmp_path / f"with-{name}"
        root.mkdir()
        make(root / name)
        with pytest.raises(InvalidInput, match=name):
            trees.put_tree(store, root)


def test_a_name_that_is_no_text_is_refused(store: LocalStore, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    with open(os.fsencode(root) + b"/\xff", "wb"):
        pass
    with pytest.raises(InvalidInput, match="name"):
        trees.put_tree(store, root)


def test_a_destination_with_something_in_it_is_left_alone(store: LocalStore, folder: Path, tmp_path: Path) -> None:
    digest = trees.put_tree(store, folder).digest
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(AlreadyExists, match="full"):
        trees.materialize(store, digest, tmp_path / "full")
    (tmp_path / "empty").mkdir()
    trees.materialize(store, digest, tmp_path / "empty")


@pytest.mark.parametrize("path", ["../evil", "a/../../evil", "/etc/passwd", "", "a//b", "./a", "a/.", "x\0y"])
def test_a_manifest_that_leads_out_of_its_folder_is_refused(store: LocalStore, tmp_path: Path, path: str) -> None:
    member = store.put(b"evil")
    entry = trees.Entry(path=path, digest=member.digest, size_bytes=4)
    for manifest in (trees.Manifest(files=[entry]), trees.Manifest(files=[], folders=[path])):
        digest = store.put(canonical_json(manifest)).digest
        with pytest.raises(InvalidInput):
            trees.materialize(store, digest, tmp_path / "copy")
        with pytest.raises(InvalidInput):
            trees.view(store, digest)


def test_a_manifest_with_a_file_that_is_also_a_folder_is_refused(store: LocalStore) -> None:
    member = store.put(b"x")
    files = [trees.Entry(path=path, digest=member.digest, size_bytes=1) for path in ("a", "a/b")]
    with pytest.raises(InvalidInput):
        trees.read_manifest(store, store.put(canonical_json(trees.Manifest(files=files))).digest)


@pytest.mark.parametrize("content", [b"", b"text", b"[]", b'{"files": 1}', b"\xff"])
def test_a_blob_that_is_no_tree_is_refused(store: LocalStore, content: bytes) -> None:
    digest = store.put(content).digest
    with pytest.raises(InvalidInput, match=digest):
        trees.read_manifest(store, digest)


def test_a_tree_of_a_newer_format_is_named(store: LocalStore) -> None:
    digest = store.put(json.dumps({"files": [], "format": "mlwright-tree/9"}).encode()).digest
    with pytest.raises(InvalidInput, match="mlwright-tree/9"):
        trees.read_manifest(store, digest)
