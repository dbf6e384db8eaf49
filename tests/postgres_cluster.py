"""A private PostgreSQL for the tests: its own folder, a free port, a random password; gone afterwards."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from mlwright.ledger import Ledger
from ports import free_port

USER = "mlwright"
_FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=100")
_PR_SET_PDEATHSIG = 1


class Absent(Exception):
    """There is no PostgreSQL here; the message says why."""


class Cluster:
    """A running server. `bare()` gives the URL of a new, empty database, `fresh()` of one with a ledger's tables."""

    def __init__(self) -> None:
        self._binaries = _find_binaries()
        self._account = _account()
        self._password = secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="mlwright-postgres-"))
        self.port = free_port()
        self._with_tables: str | None = None
        self._server: subprocess.Popen[bytes] | None = None
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def bare(self) -> str:
        return self._copy("template0")

    def fresh(self) -> str:
        # Making the tables takes several times as long as copying them.
        if self._with_tables is None:
            url = self.bare()
            Ledger(url).close()
            self._with_tables = url.rpartition("/")[2]
        return self._copy(self._with_tables)

    def drop(self, url: str) -> None:
        self._execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def start(self) -> None:
        settings = [part for setting in (*_FAST, "unix_socket_directories=") for part in ("-c", setting)]
        command = [self._binaries / "postgres", "-D", self.folder / "data", "-h", "127.0.0.1", "-p", str(self.port)]
        with open(self.folder / "log", "ab") as log:
            self._server = subprocess.Popen(
                [*map(str, command), *settings], stdout=log, stderr=log, preexec_fn=_die_with_parent, **self._account
            )
        self._wait()

    def stop(self) -> None:
        if self._server is not None:
            # SIGQUIT is PostgreSQL's immediate shutdown.
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(240)
            self._server = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _initialise(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self._password)
        if "user" in self._account:
            for path in (self.folder, password_file):
                shutil.chown(path, self._account["user"])
        command = [self._binaries / "initdb", "-D", self.folder / "data", "-U", USER, "--pwfile", password_file]
        options = ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run([*map(str, command), *options], capture_output=True, **self._account)
        if done.returncode != 0:
            raise Absent(f"initdb failed: {done.stderr.decode(errors='replace').strip()[-300:]}")

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + 240
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if self._server is None or self._server.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")[-300:]
                    raise Absent(f"the server didn't start: {error} {log}") from error
                time.sleep(0.05)

    def _copy(self, template: str) -> str:
        name = f"t_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def _find_binaries() -> Path:
    """Return the folder of `initdb` and `postgres`: PG_BINDIR's, pg_config's, Debian's, or the path's."""
    folders: list[Path] = []
    if os.environ.get("PG_BINDIR"):
        folders.append(Path(os.environ["PG_BINDIR"]))
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True).stdout.strip()
        folders.append(Path(told))
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    if found:
        folders.append(Path(found).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Absent("no PostgreSQL server is installed (on Debian: apt-get install postgresql)")


def _account() -> dict[str, str]:
    """Return the account to run as: PostgreSQL refuses to run as root."""
    import pwd

    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": name, "group": entry.pw_gid, "cwd": "/"}  # type: ignore[dict-item]
    raise Absent("the tests run as root, which PostgreSQL refuses, and there is no user postgres or nobody")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
