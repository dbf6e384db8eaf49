from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mlwright.errors import NotFound, SchemaTooNew
from mlwright.ledger import Ledger, meta, migrate, schema
from mlwright.ledger.store import _postgres_engine, _sqlite_engine

ROOT = Path(__file__).parents[2]


def engine_of(url: str) -> sa.Engine:
    return _sqlite_engine(url, "normal") if url.startswith("sqlite") else _postgres_engine(url)


def described(engine: sa.Engine) -> dict[str, Any]:
    """Everything that the database itself tells about its tables, in a form that can be compared."""
    inspector = sa.inspect(engine)
    found: dict[str, Any] = {}
    for table in inspector.get_table_names():
        if table == "alembic_version":
            continue
        columns = [{**column, "type": repr(column["type"])} for column in inspector.get_columns(table)]
        indexes = sorted(inspector.get_indexes(table), key=lambda index: str(index["name"]))
        for index in indexes:
            index["dialect_options"] = {key: str(value) for key, value in index.get("dialect_options", {}).items()}
        found[table] = {
            "columns": columns,
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": sorted(map(repr, inspector.get_foreign_keys(table))),
            "unique": sorted(map(repr, inspector.get_unique_constraints(table))),
            "indexes": indexes,
        }
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
        # What SQLite keeps is the statement itself; only the order of its constraints may differ.
        found["sql"] = {name: _parts(sql) for name, sql in rows if name != "alembic_version"}
    return found


def _parts(sql: str) -> list[str]:
    return sorted(part.rstrip(") ") for part in " ".join(sql.split()).split(", CONSTRAINT "))


def test_migrating_and_creating_end_at_the_same_schema(bare_url: str, request: pytest.FixtureRequest) -> None:
    other_url = bare_url + "-2"
    if bare_url.startswith("postgresql"):
        other_url = request.getfixturevalue("postgres_cluster").bare()
    created, migrated = engine_of(bare_url), engine_of(other_url)
    migrate.ensure(created, create=True)
    with migrated.connect().execution_options(mlwright_write=True) as connection, connection.begin():
        migrate.upgrade(connection)
    hint = "a table changed: run python scripts/make_migration.py"
    try:
        assert described(migrated) == described(created), hint
        assert migrate.current(migrated) == migrate.current(created) == schema.REVISION
        assert set(schema.metadata.tables) <= set(described(created))
    finally:
        created.dispose()
        migrated.dispose()
        if bare_url.startswith("postgresql"):
            request.getfixturevalue("postgres_cluster").drop(other_url)


def test_the_first_migration_is_what_the_script_writes() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_migration.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_newest_migration_is_the_revision_that_the_code_reads() -> None:
    assert migrate.known_revisions()[-1] == schema.REVISION


def test_opening_again_changes_nothing(ledger_url: str) -> None:
    def instance() -> str:
        with Ledger(ledger_url) as ledger, ledger.read() as connection:
            return str(meta.get(connection, "instance"))

    assert instance() == instance()


def test_a_ledger_of_a_newer_schema_is_refused_and_left_alone(ledger_url: str) -> None:
    Ledger(ledger_url).close()
    engine = engine_of(ledger_url)
    with engine.connect().execution_options(mlwright_write=True) as connection, connection.begin():
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="9999") as caught:
        Ledger(ledger_url)
    assert caught.value.fix == "pip install --upgrade mlwright"
    assert migrate.current(engine) == "9999"
    engine.dispose()


def test_an_absent_ledger_is_not_made_unless_that_is_wished(bare_url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no ledger"):
        Ledger(bare_url, create=False)
    assert not (tmp_path / "ledger.db").exists()


def test_an_existing_ledger_is_opened_without_the_wish_to_make_one(bare_url: str) -> None:
    Ledger(bare_url).close()
    Ledger(bare_url, create=False).close()


_OPENER = """
import sys
from mlwright.ledger import Ledger, meta

sys.stdin.readline()
with Ledger(sys.argv[1], durability="normal") as ledger, ledger.read() as connection:
    print(meta.get(connection, "instance"))
"""


def test_processes_that_make_a_ledger_at_once_end_with_one(bare_url: str) -> None:
    command = [sys.executable, "-c", _OPENER, bare_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [error for _, error in outputs] == [""] * 4
    assert len({output for output, _ in outputs}) == 1


def test_an_up_to_date_ledger_opens_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    program = f"import sys; from mlwright.ledger import Ledger; Ledger({url!r}); print('alembic' in sys.modules)"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "False\n"
