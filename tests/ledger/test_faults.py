from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from mlwright.errors import (
    IntegrityError,
    InvalidUsage,
    LedgerUnavailable,
    MissingExtra,
    NotFound,
    PermissionDenied,
    StorageFull,
)
from mlwright.ledger import Ledger, outbox, store
from postgres_cluster import Cluster
from small_disks import needs_root, small_disk


def emit(ledger: Ledger, **data: object) -> None:
    with ledger.write() as tx:
        tx.emit("thing.happened", "thing", **data)


def count(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return len(outbox.read_events(connection))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'home' / 'ledger.db'}"


_LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


def test_a_database_that_another_process_has_locked_is_named_and_works_afterwards(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_TIMEOUT_S", 0.2)
    path = tmp_path / "home" / "ledger.db"
    with Ledger(url) as ledger:
        command = [sys.executable, "-c", _LOCKER, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locker:
            assert locker.stdout is not None
            assert locker.stdout.readline() == b"locked\n"
            with pytest.raises(LedgerUnavailable, match=r"ledger\.db is locked"):
                emit(ledger)
            assert count(ledger) == 0
            locker.communicate(b"\n")
        emit(ledger)
        assert count(ledger) == 1


@pytest.mark.parametrize("content", [b"this is no database, but it is long enough to look at", b"x" * 5000])
def test_a_file_that_is_no_database_is_named_and_left_alone(url: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "home" / "ledger.db"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"ledger\.db"):
        Ledger(url)
    assert path.read_bytes() == content


def test_a_damaged_page_is_named(url: str, tmp_path: Path) -> None:
    with Ledger(url) as ledger:
        for number in range(300):
            emit(ledger, number=number, text="x" * 200)
    path = tmp_path / "home" / "ledger.db"
    content = bytearray(path.read_bytes())
    page = 4096
    for start in range(2 * page, len(content), page):
        content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="restore it from a backup"):
        with Ledger(url) as ledger, ledger.read() as connection:
            outbox.read_events(connection)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    with small_disk(tmp_path / "small", size="2m") as folder:
        yield folder


@needs_root
def test_a_full_disk_is_named_and_what_was_acknowledged_stays(disk: Path) -> None:
    written = 0

    def fill(ledger: Ledger) -> None:
        nonlocal written
        for _ in range(100):
            emit(ledger, text="x" * 50_000)
            written += 1

    url = f"sqlite:///{disk / 'ledger.db'}"
    with Ledger(url) as ledger:
        with pytest.raises(StorageFull, match=str(disk)):
            fill(ledger)
        assert count(ledger) == written > 0
    with Ledger(url) as ledger:
        assert count(ledger) == written


_AS_NOBODY = """
import os, sys, tempfile
from mlwright.errors import MlwrightError
from mlwright.ledger import Ledger

# Everything is imported while that is still allowed.
with tempfile.TemporaryDirectory() as folder, Ledger(f"sqlite:///{folder}/ledger.db") as ledger:
    with ledger.write() as tx:
        tx.emit("thing.happened", "thing")
os.setgid(65534)
os.setuid(65534)
try:
    with Ledger(sys.argv[1]) as ledger:
        with ledger.write() as tx:
            tx.emit("thing.happened", "thing")
except MlwrightError as error:
    print(error.code, error.what)
"""


@needs_root
@pytest.mark.parametrize("place", ["ledger.db", "sub/ledger.db"])
def test_a_ledger_that_may_not_be_written_is_named(place: str) -> None:
    # The folder of the test itself is closed to others.
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        Ledger(f"sqlite:///{folder / 'ledger.db'}").close()
        command = [sys.executable, "-c", _AS_NOBODY, f"sqlite:///{folder / place}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        shutil.rmtree(folder)
    assert done.stdout.startswith("permission-denied")
    assert str(folder) in done.stdout


def test_a_kind_of_database_that_is_not_known_is_refused_without_its_password() -> None:
    with pytest.raises(InvalidUsage, match="mysql") as caught:
        Ledger("mysql://ada:secret@host/db")
    assert "secret" not in str(caught.value)


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"mlwright\[postgres\]"):
        Ledger("postgresql://host/db")


@pytest.mark.postgres
def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(LedgerUnavailable, match=r"ada:\*\*\*@127\.0\.0\.1:1/") as caught:
        Ledger("postgresql://ada:secret@127.0.0.1:1/ml")
    assert "secret" not in str(caught.value)


@pytest.mark.postgres
def test_a_wrong_password_is_a_question_of_permission(postgres_cluster: Cluster) -> None:
    url = f"postgresql://mlwright:wrong-secret@127.0.0.1:{postgres_cluster.port}/postgres"
    with pytest.raises(PermissionDenied) as caught:
        Ledger(url)
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.postgres
def test_a_database_that_does_not_exist_is_not_found(postgres_cluster: Cluster) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        Ledger(postgres_cluster.url("nowhere"))


@pytest.mark.postgres
def test_a_server_that_stops_is_named_and_the_ledger_goes_on_when_it_is_back(postgres_cluster: Cluster) -> None:
    url = postgres_cluster.fresh()
    with Ledger(url) as ledger:
        emit(ledger)
        postgres_cluster.stop()
        try:
            with pytest.raises(LedgerUnavailable):
                emit(ledger)
        finally:
            postgres_cluster.start()
        emit(ledger)
        assert count(ledger) == 2
    postgres_cluster.drop(url)


@pytest.mark.postgres
def test_writers_that_wait_for_each_other_get_an_error_that_says_try_again(postgres_url: str) -> None:
    import threading

    from mlwright.ledger.schema import meta

    both_hold_one = threading.Barrier(2)
    errors: list[Exception] = []
    with Ledger(postgres_url) as ledger:
        with ledger.write() as tx:
            tx.execute(sa.insert(meta), [{"key": key, "value": 0} for key in "ab"])

        def change(first: str, second: str) -> None:
            try:
                with ledger.write() as tx:
                    tx.execute(sa.update(meta).where(meta.c.key == first).values(value=1))
                    both_hold_one.wait(120)
                    tx.execute(sa.update(meta).where(meta.c.key == second).values(value=1))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=change, args=pair) for pair in (("a", "b"), ("b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [type(error) for error in errors] == [LedgerUnavailable]
