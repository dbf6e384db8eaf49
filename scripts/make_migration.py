"""Write the first migration anew from the schema: `python scripts/make_migration.py` after a change of a table.

Besides the migration it writes the statements that make a new ledger on SQLite: to work them out takes longer than to
execute them, and the first start of a server should be quick.

Only before the first release: from then on a change of the schema is a new migration, written by hand, and this script
goes. The migration names plain SQL types, not this package's, so that it stays what it was when they change.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy.schema import CreateIndex, CreateTable

from mlwright.ledger.migrate import MIGRATIONS, NEW_ON_SQLITE
from mlwright.ledger.schema import metadata
from mlwright.ledger.schema.types import Json, JsonOrNull, Moment, Real, speak_postgresql

TARGET = MIGRATIONS / "versions" / "0001_first.py"
PLAIN = {Moment: "sa.BigInteger()", Json: "sa.Text()", JsonOrNull: "sa.Text()", Real: "sa.Double()"}
FRAME = '''"""The first schema. Written by scripts/make_migration.py."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
{body}
'''


def main() -> int:
    """Write the files; with `--check`, only tell whether they are up to date."""
    TARGET.parent.mkdir(exist_ok=True)
    for target, written in ((TARGET, source()), (NEW_ON_SQLITE, statements())):
        if "--check" not in sys.argv:
            target.write_text(written, encoding="utf-8")
            print(target)
        elif not target.exists() or target.read_text(encoding="utf-8") != written:
            print(f"{target} is not what the schema says; run python scripts/make_migration.py", file=sys.stderr)
            return 1
    return 0


def statements() -> str:
    """Return the statements that make the tables and indexes of a new ledger on SQLite."""
    dialect = sa.create_mock_engine("sqlite://", lambda *_: None).dialect
    found = []
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        parts: list[sa.ExecutableDDLElement] = [CreateTable(table), *map(CreateIndex, indexes)]
        for part in parts:
            lines = str(part.compile(dialect=dialect)).strip().replace("\t", "  ").splitlines()
            found.append("\n".join(line.rstrip() for line in lines))
    return ";\n\n".join(found) + "\n"


def source() -> str:
    """Return the text of the migration that creates exactly the schema."""
    speak_postgresql()
    with sa.create_engine("sqlite://").connect() as connection:
        options = {"target_metadata": metadata, "render_item": _render, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        script = produce_migrations(context, metadata)
        assert script.upgrade_ops is not None
        body = render_python_code(script.upgrade_ops, render_item=_render, migration_context=context)
    kept = [line for line in body.splitlines() if not line.strip().startswith("# ###")]
    text = FRAME.format(body="\n".join(kept))
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", "0001_first.py", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Return how a part of the schema is written, False where Alembic's own way is right."""
    if kind == "type":
        return PLAIN.get(type(item), False)
    if kind == "server_default" and isinstance(getattr(item, "arg", None), sa.False_):
        # Each database writes it in its own way; Alembic would write SQLite's.
        return "sa.false()"
    return False


if __name__ == "__main__":
    raise SystemExit(main())
