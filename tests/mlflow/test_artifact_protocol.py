"""Artifacts as plain HTTP: listing, writing, reading, deleting, parts, and paths that lead nowhere they should."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow_api import ON_BOTH, Reply, Speaker

from mlwright.artifacts import codecs
from mlwright.artifacts.gc import collect
from mlwright.ledger import tracked
from mlwright.project import Project
from mlwright.server.mlflow.paths import checked_path, path_of
from mlwright.server.mlflow.streams import PIECE_BYTES

FILES = "/api/2.0/mlflow-artifacts"


def put(api: Speaker, path: str, content: bytes) -> Reply:
    return api.send("PUT", f"{FILES}/artifacts/{path}", content)


def read(api: Speaker, path: str, **headers: str) -> Reply:
    return api.send("GET", f"{FILES}/artifacts/{path}", **headers)


def names(api: Speaker, path: str) -> dict[str, Any]:
    found = api.send("GET", f"{FILES}/artifacts", query=f"path={path}").json().get("files", [])
    return {entry["path"]: None if entry["is_dir"] else entry["file_size"] for entry in found}


@ON_BOTH
def test_a_file_is_read_back_as_it_was_written(api: Speaker) -> None:
    assert put(api, "some/where/a.txt", b"hello").json() == {}
    found = read(api, "some/where/a.txt")
    assert (found.status, found.body) == (200, b"hello")
    assert found.headers["content-type"] == "text/plain"
    assert found.headers["content-disposition"] == "attachment; filename=a.txt"
    assert found.headers["x-content-type-options"] == "nosniff"


@ON_BOTH
def test_a_folder_lists_its_files_and_folders_with_sizes(api: Speaker) -> None:
    for path in ("x/b", "x/a/1", "x/a/2", "X/other", "xy"):
        put(api, path, b"12345")
    assert names(api, "x") == {"a": None, "b": 5}
    assert names(api, "x/a") == {"1": 5, "2": 5}
    assert names(api, "x/b") == {}
    assert names(api, "nowhere") == {}
    assert names(api, "") == {"X": None, "x": None, "xy": 5}


@ON_BOTH
def test_a_file_of_a_run_is_an_artifact_of_the_run(api: Speaker, served_project: Project) -> None:
    run_id = api.run()
    put(api, f"0/{run_id}/artifacts/plots/loss.png", b"png")
    with served_project.ledger.read() as connection:
        (row,) = tracked.artifacts_of(connection, run_id)
    assert (row.name, row.codec, row.size_bytes) == ("plots/loss.png", "file", 3)
    loaded: Path = codecs.load(served_project.store, row.digest, row.codec)
    assert (loaded.name, loaded.read_bytes()) == ("loss.png", b"png")
    listed = api.get("artifacts/list", run_id=run_id, path="plots").json()
    assert listed["root_uri"] == f"mlflow-artifacts:/0/{run_id}/artifacts"
    assert listed["files"] == [{"path": "plots/loss.png", "is_dir": False, "file_size": 3}]
    sent = api.send("GET", "/get-artifact", query=f"run_id={run_id}&path=plots/loss.png")
    assert sent.body == b"png"


@ON_BOTH
def test_what_a_run_logged_natively_is_listed_and_read(api: Speaker, served_project: Project, tmp_path: Path) -> None:
    run_id = api.run()
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "deep.txt").write_text("deep")
    (folder / "top.txt").write_text("top")
    single = tmp_path / "single.csv"
    single.write_text("a,b")
    with served_project.ledger.write() as tx:
        for name, value in (("data", folder), ("table", single), ("note", "a text")):
            saved = codecs.save(served_project.store, value)
            row = tracked.RunArtifact(
                name=name,
                digest=saved.digest,
                codec=saved.codec,
                size_bytes=saved.size_bytes,
                step="",
                created_at=tx.now,
            )
            tracked.put_artifacts(tx, run_id, [row])
    root = f"0/{run_id}/artifacts"
    assert names(api, root) == {"data": None, "note": 6, "table": 3}
    assert names(api, f"{root}/data") == {"sub": None, "top.txt": 3}
    assert names(api, f"{root}/data/sub") == {"deep.txt": 4}
    assert read(api, f"{root}/data/sub/deep.txt").body == b"deep"
    assert read(api, f"{root}/table").body == b"a,b"
    assert read(api, f"{root}/note").body == b"a text"
    assert read(api, f"{root}/data").error == "INVALID_PARAMETER_VALUE"
    put(api, f"{root}/data/added.txt", b"added")
    assert names(api, f"{root}/data") == {"added.txt": 5, "sub": None, "top.txt": 3}
    refused = api.send("DELETE", f"{FILES}/artifacts/{root}/data/top.txt")
    assert refused.error == "INVALID_PARAMETER_VALUE"


@ON_BOTH
def test_a_file_that_is_written_again_has_its_new_content(api: Speaker) -> None:
    run_id = api.run()
    for path in ("free/a", f"0/{run_id}/artifacts/a"):
        put(api, path, b"first")
        put(api, path, b"second")
        assert read(api, path).body == b"second"


@ON_BOTH
def test_a_deleted_file_or_folder_is_gone_and_the_rest_stays(api: Speaker) -> None:
    run_id = api.run()
    for root in ("free", f"0/{run_id}/artifacts"):
        for path in ("a/1", "a/2", "ab"):
            put(api, f"{root}/{path}", b"x")
        assert api.send("DELETE", f"{FILES}/artifacts/{root}/a").json() == {}
        assert names(api, root) == {"ab": 1}
        assert api.send("DELETE", f"{FILES}/artifacts/{root}/a").status == 200
        assert read(api, f"{root}/a/1").error == "RESOURCE_DOES_NOT_EXIST"


def test_a_name_is_a_file_or_a_folder(api: Speaker) -> None:
    run_id = api.run()
    for root in ("free", f"0/{run_id}/artifacts"):
        put(api, f"{root}/a/b", b"x")
        assert put(api, f"{root}/a", b"x").error == "INVALID_PARAMETER_VALUE"
        assert put(api, f"{root}/a/b/c", b"x").error == "INVALID_PARAMETER_VALUE"
    assert put(api, f"0/{run_id}/artifacts", b"x").error == "INVALID_PARAMETER_VALUE"


def test_an_experiment_may_keep_its_artifacts_at_a_path_of_its_own(api: Speaker) -> None:
    made = api.ok("experiments/create", {"name": "own", "artifact_location": "mlflow-artifacts:/team/blue"})
    run_id = api.run(experiment_id=made["experiment_id"])
    put(api, f"team/blue/{run_id}/artifacts/a.txt", b"a")
    listed = api.get("artifacts/list", run_id=run_id).json()
    assert listed["files"] == [{"path": "a.txt", "is_dir": False, "file_size": 1}]
    put(api, f"elsewhere/{run_id}/artifacts/b.txt", b"b")
    assert [entry["path"] for entry in api.get("artifacts/list", run_id=run_id).json()["files"]] == ["a.txt"]


def test_ranges_of_a_file_can_be_read(api: Speaker) -> None:
    put(api, "f", b"0123456789")
    for asked, status, body, span in (
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=5-100", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=4-2", 416, b"", "bytes */10"),
        ("pages=1-2", 200, b"0123456789", None),
    ):
        found = read(api, "f", range=asked)
        assert (found.status, found.body, found.headers.get("content-range")) == (status, body, span)
    tag = read(api, "f").headers["etag"]
    assert read(api, "f", if_none_match=tag).status == 304


def test_an_empty_file_is_a_file(api: Speaker) -> None:
    put(api, "empty", b"")
    found = read(api, "empty")
    assert (found.status, found.body, found.headers["content-length"]) == (200, b"", "0")


def test_a_large_file_comes_in_pieces_and_a_client_that_goes_away_leaves_nothing(
    api: Speaker, served_project: Project
) -> None:
    chunk = bytes(range(256)) * 1024
    chunks = [chunk] * (3 * PIECE_BYTES // len(chunk) + 1)

    def upload(path: str, ending: dict[str, Any]) -> int:
        incoming = [{"type": "http.request", "body": part, "more_body": True} for part in chunks] + [ending]
        said: list[Any] = []

        async def receive() -> Any:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        whole = f"{FILES}/artifacts/{path}"
        scope = {"type": "http", "method": "PUT", "path": whole, "query_string": b"", "headers": []}
        asyncio.run(api.app(scope, receive, send))
        return int(said[0]["status"])

    assert upload("whole", {"type": "http.request", "body": b"end", "more_body": False}) == 200
    assert read(api, "whole").body == b"".join(chunks) + b"end"
    kept = len(list(served_project.store.list()))
    assert upload("half", {"type": "http.disconnect"}) == 400
    assert read(api, "half").status == 404
    assert len(list(served_project.store.list())) == kept


@ON_BOTH
def test_a_file_can_come_in_parts_in_any_order(api: Speaker, served_project: Project) -> None:
    run_id = api.run()
    folder = f"0/{run_id}/artifacts/big"
    body = json.dumps({"path": "/somewhere/model.bin", "num_parts": 3}).encode()
    begun = api.send("POST", f"{FILES}/mpu/create/{folder}", body, kind="application/json", host="h.test:1").json()
    assert [part["part_number"] for part in begun["credentials"]] == [1, 2, 3]
    start = f"http://h.test:1{FILES}/mpu/part/{begun['upload_id']}/"
    tags = {}
    for number, content in ((3, b"three"), (1, b"one"), (2, b"two")):
        url = begun["credentials"][number - 1]["url"]
        assert url == f"{start}{number}"
        tags[number] = api.send("PUT", url.removeprefix("http://h.test:1"), content).headers["etag"]
    parts = [{"part_number": number, "etag": tags[number], "url": ""} for number in (1, 2, 3)]
    given = {"path": "/somewhere/model.bin", "upload_id": begun["upload_id"], "parts": parts}
    wrong = {**given, "parts": [*parts[:2], {"part_number": 3, "etag": "other"}]}
    end = f"{FILES}/mpu/complete/{folder}"
    assert api.send("POST", end, json.dumps(wrong).encode(), kind="application/json").status == 400
    # What is still in parts is not collected.
    assert collect(served_project, grace_s=0.0).removed == []
    assert api.send("POST", end, json.dumps(given).encode(), kind="application/json").json() == {}
    assert read(api, f"{folder}/model.bin").body == b"onetwothree"
    assert api.send("POST", end, json.dumps(given).encode(), kind="application/json").status == 404
    presigned = api.send("GET", f"{FILES}/presigned/{folder}/model.bin", host="h.test:1").json()
    assert presigned == {"url": f"http://h.test:1{FILES}/artifacts/{folder}/model.bin", "headers": {}, "file_size": 11}


def test_an_upload_in_parts_can_be_given_up(api: Speaker) -> None:
    body = json.dumps({"path": "f", "num_parts": 1}).encode()
    begun = api.send("POST", f"{FILES}/mpu/create/x", body, kind="application/json").json()
    given = json.dumps({"path": "f", "upload_id": begun["upload_id"]}).encode()
    assert api.send("POST", f"{FILES}/mpu/abort/x", given, kind="application/json").json() == {}
    gone = api.send("PUT", f"{FILES}/mpu/part/{begun['upload_id']}/1", b"late")
    assert gone.error == "RESOURCE_DOES_NOT_EXIST"
    for count in (0, 10_001):
        body = json.dumps({"path": "f", "num_parts": count}).encode()
        assert api.send("POST", f"{FILES}/mpu/create/x", body, kind="application/json").status == 400


def test_the_collector_keeps_files_and_takes_those_that_were_deleted(api: Speaker, served_project: Project) -> None:
    run_id = api.run()
    put(api, "free/a", b"free")
    put(api, f"0/{run_id}/artifacts/a", b"of a run")
    assert collect(served_project, grace_s=0.0).removed == []
    api.send("DELETE", f"{FILES}/artifacts/free")
    api.send("DELETE", f"{FILES}/artifacts/0/{run_id}/artifacts/a")
    assert len(collect(served_project, grace_s=0.0).removed) == 3
    assert list(served_project.store.list()) == []


def test_a_page_of_another_site_can_send_no_file(api: Speaker) -> None:
    run_id = api.run()
    path, query = "/ajax-api/2.0/mlflow/upload-artifact", f"run_uuid={run_id}&path=a.txt"
    refused = api.send("POST", path, b"x", query=query, content_length="1", host="h.test:1", origin="http://evil.test")
    assert refused.error == "PERMISSION_DENIED"
    taken = api.send("POST", path, b"x", query=query, content_length="1", host="h.test:1", origin="http://h.test:1")
    assert taken.status == 200
    assert api.send("POST", path, b"", query=query, content_length="0").error == "INVALID_PARAMETER_VALUE"
    assert api.send("POST", path, b"x", query=query, content_length="99999999").error == "INVALID_PARAMETER_VALUE"


BAD_PATHS = [
    "../secret",
    "a/../../b",
    "a/..",
    "%2e%2e/a",
    "%252e%252e%252fa",
    "..%2fa",
    "a%5c..%5cb",
    "a\\b",
    "/etc/passwd",
    "%2fetc/passwd",
    "C:/a",
    "C:\\a",
    "c:a",
    "a/D:/b",
    "a\0b",
    "a%00b",
    "a#b",
    "file:///etc/passwd",
    "\\\\host\\share",
    "x" * 2001,
    "%" + "25" * 12 + "2e",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_leads_elsewhere_is_refused_wherever_it_is_given(api: Speaker, path: str) -> None:
    run_id = api.run()
    quoted = path.replace("%", "%25").replace("#", "%23").replace("\0", "%00").replace("&", "%26").replace("+", "%2b")
    replies = [
        put(api, path, b"x"),
        read(api, path),
        api.send("DELETE", f"{FILES}/artifacts/{path}"),
        api.send("GET", f"{FILES}/artifacts", query=f"path={quoted}"),
        api.send("GET", "/api/2.0/mlflow/artifacts/list", query=f"run_id={run_id}&path={quoted}"),
        api.send("GET", "/get-artifact", query=f"run_id={run_id}&path={quoted}"),
        api.send("GET", f"{FILES}/presigned/{path}"),
    ]
    assert [reply.error for reply in replies] == ["INVALID_PARAMETER_VALUE"] * len(replies)


@pytest.mark.parametrize("name", ["a\r\nx-evil: 1.txt", 'a"; x="b.txt', "ü\u2028.txt", "\x7f", "a\\b"])
def test_a_name_is_one_header_whatever_it_holds(name: str) -> None:
    from mlwright.server.mlflow.streams import _attachment

    header = _attachment(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert header.endswith(f"filename*=UTF-8''{quote(name, safe='')}")


def test_the_files_of_versions_can_be_read_only(api: Speaker) -> None:
    path = f"versions/{'0' * 64}/a"
    assert put(api, path, b"x").error == "PERMISSION_DENIED"
    assert put(api, "versions/a", b"x").error == "PERMISSION_DENIED"
    assert api.send("DELETE", f"{FILES}/artifacts/{path}").error == "PERMISSION_DENIED"
    assert read(api, path).error == "RESOURCE_DOES_NOT_EXIST"


@settings(max_examples=300)
@given(st.text(alphabet=st.sampled_from("a./\\%2eEfF5cC0:#~ \0\n\u00e9\ud800"), max_size=20))
def test_no_path_leaves_its_folder(text: str) -> None:
    from mlwright.errors import InvalidInput

    try:
        path = checked_path(text)
    except InvalidInput:
        return
    parts = path.split("/")
    assert path == "" or all(part not in ("", ".", "..") for part in parts)
    assert not any(mark in path for mark in ("\\", "\0", "#", "\ud800"))
    assert path_of(f"mlflow-artifacts:/{path}") is not None or "?" in path


@settings(max_examples=150)
@given(
    st.sampled_from(["GET", "PUT", "DELETE", "POST"]),
    st.sampled_from(["artifacts/", "artifacts", "mpu/create/", "mpu/complete/", "mpu/part/", "presigned/", ""]),
    st.text(max_size=12),
    st.one_of(
        st.binary(max_size=20),
        st.builds(
            lambda value: json.dumps(value).encode(),
            st.recursive(
                st.none() | st.integers() | st.text(max_size=4),
                lambda inner: st.dictionaries(
                    st.sampled_from(["path", "num_parts", "upload_id", "parts"]), inner, max_size=4
                ),
            ),
        ),
    ),
    st.text(max_size=12),
)
def test_no_request_about_artifacts_breaks_the_server(
    api: Speaker, method: str, start: str, rest: str, body: bytes, asked: str
) -> None:
    query = f"path={quote(asked, errors='replace')}"
    reply = api.send(method, f"{FILES}/{start}{rest}", body, query=query, kind="application/json")
    assert reply.status < 500, reply


def test_what_a_large_document_names_is_kept(api: Speaker, served_project: Project) -> None:
    named = served_project.store.put(b"named").digest
    for place in (1 << 20, (1 << 20) - 30, 3 << 20):
        text = b"[" + b" " * place + json.dumps(named).encode() + b" " * (1 << 20) + b"]"
        put(api, f"large/{place}.json", text)
    assert collect(served_project, grace_s=0.0).removed == []
    for place in (1 << 20, (1 << 20) - 30):
        api.send("DELETE", f"{FILES}/artifacts/large/{place}.json")
    assert named not in {blob.digest for blob in collect(served_project, grace_s=0.0).removed}
    api.send("DELETE", f"{FILES}/artifacts/large")
    assert named in {blob.digest for blob in collect(served_project, grace_s=0.0).removed}
