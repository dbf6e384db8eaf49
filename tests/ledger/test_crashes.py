from __future__ import annotations

import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from mlwright.ledger import Ledger
from mlwright.ledger.schema import events, models

_WRITER = """
import sys
import sqlalchemy as sa
from mlwright.core.ids import new_id
from mlwright.ledger import Ledger
from mlwright.ledger.schema import models

ledger = Ledger(sys.argv[1], durability="normal")
for _ in range(10**9):
    name = new_id()
    with ledger.write() as tx:
        tx.execute(sa.insert(models).values(name=name, created_at=tx.now, changed_at=tx.now))
        tx.emit("experiment.created", f"experiment/{name}")
    print(name, flush=True)
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_half_done(
    ledger_url: str, delay_s: float
) -> None:
    command = [sys.executable, "-c", _WRITER, ledger_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip()]
        time.sleep(delay_s)
        writer.kill()
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
    with Ledger(ledger_url) as ledger, ledger.read() as connection:
        names = connection.execute(sa.select(models.c.name)).scalars().all()
        subjects = connection.execute(sa.select(events.c.subject)).scalars().all()
    assert set(acknowledged) <= set(names)
    assert sorted(subjects) == sorted(f"experiment/{name}" for name in names)


def test_the_durability_that_was_asked_for_is_set(tmp_path: object) -> None:
    levels = {}
    for durability in ("full", "normal"):
        with Ledger(f"sqlite:///{tmp_path}/{durability}.db", durability=durability) as ledger:
            with ledger.read() as connection:
                levels[durability] = connection.exec_driver_sql("PRAGMA synchronous").scalar()
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert levels == {"full": 2, "normal": 1}
