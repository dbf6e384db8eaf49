"""Bringing a ledger to this code's schema.

A new ledger gets the whole schema at once; an older one is migrated by Alembic, forward only, in one transaction. Tests
prove that both ways end at the same schema. Reading the revision is one plain query, so an up-to-date ledger opens
without importing Alembic.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from mlwright.core.ids import new_id
from mlwright.errors import NotFound, SchemaTooNew
from mlwright.ledger.driver import send
from mlwright.ledger.schema import REVISION, meta, metadata

MIGRATIONS = Path(__file__).parent / "migrations"
#: What makes a new ledger on SQLite, written from the schema by scripts/make_migration.py.
NEW_ON_SQLITE = MIGRATIONS / "sqlite.sql"
_ADVISORY_LOCK = 0x6D6C7772  # "mlwr"


def ensure(engine: sa.Engine, *, create: bool) -> None:
    """Create or migrate the schema if that is needed.

    Args:
        engine: Database.
        create: Whether an empty database may be given the schema.

    Raises:
        SchemaTooNew: The revision is one that this code doesn't know.
        NotFound: The database is empty and `create` is False.
    """
    if current(engine) == REVISION:
        return
    with engine.connect().execution_options(mlwright_write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        revision = _read(connection)
        if revision is None:
            if not create:
                raise absent()
            _create(connection)
            _stamp(connection, REVISION)
            connection.execute(sa.insert(meta).values(key="instance", value=new_id()))
        elif revision != REVISION:
            _upgrade(connection, revision)


def _create(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        metadata.create_all(connection, checkfirst=False)
        return
    for statement in NEW_ON_SQLITE.read_text(encoding="utf-8").split(";\n\n"):
        send(connection, statement)


def absent() -> NotFound:
    """Return the error for a ledger that isn't there and may not be made."""
    return NotFound("there is no ledger here.", fix="mlwright run <file.py>, or mlwright up")


def current(engine: sa.Engine) -> str | None:
    """Return the schema revision of a database, None when it is empty."""
    with engine.connect() as connection:
        return _read(connection)


def known_revisions() -> list[str]:
    """Return all revisions that this code can migrate from, oldest first."""
    return sorted(path.name.split("_", 1)[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _read(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _stamp(connection: sa.Connection, revision: str) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{revision}')")


def _upgrade(connection: sa.Connection, revision: str) -> None:
    if revision not in known_revisions():
        raise SchemaTooNew(
            f"the ledger has schema revision {revision}; this mlwright knows {REVISION} and older.",
            why="a newer mlwright wrote it",
            fix="pip install --upgrade mlwright",
            revision=revision,
        )
    upgrade(connection)


def upgrade(connection: sa.Connection) -> None:
    """Apply every migration that a database has not seen yet, in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
