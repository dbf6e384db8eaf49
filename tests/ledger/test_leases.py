from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from mlwright.core.clock import wall_now
from mlwright.errors import LostLease
from mlwright.ledger import Ledger, leases, schema

OTHER = "elsewhere/00000000:1:1"
THIRD = "elsewhere/00000000:2:1"


def expire(ledger: Ledger, name: str) -> None:
    with ledger.write() as tx:
        past = wall_now() - timedelta(seconds=1)
        tx.execute(sa.update(schema.leases).where(schema.leases.c.name == name).values(expires_at=past))


def test_a_free_lease_is_taken_and_a_held_one_is_not(ledger: Ledger) -> None:
    lease = leases.acquire(ledger, "up", owner=OTHER)
    assert lease == leases.Lease("up", OTHER, 1)
    assert leases.acquire(ledger, "up") is None
    assert leases.holder(ledger, "up") == OTHER
    assert leases.acquire(ledger, "another") is not None


def test_the_owner_takes_its_lease_again_with_the_same_fence(ledger: Ledger) -> None:
    first = leases.acquire(ledger, "up")
    assert first is not None
    assert leases.acquire(ledger, "up") == first


def test_an_expired_lease_goes_to_the_next_with_a_higher_fence(ledger: Ledger) -> None:
    first = leases.acquire(ledger, "up", owner=OTHER)
    expire(ledger, "up")
    assert leases.holder(ledger, "up") is None
    second = leases.acquire(ledger, "up", owner=THIRD)
    assert first is not None
    assert second is not None
    assert second.fence == first.fence + 1


def test_renewing_extends_a_lease(ledger: Ledger) -> None:
    lease = leases.acquire(ledger, "up", owner=OTHER, ttl_s=0)
    assert lease is not None
    leases.renew(ledger, lease, ttl_s=60)
    assert leases.acquire(ledger, "up", owner=THIRD) is None


def test_a_released_lease_is_free_at_once(ledger: Ledger) -> None:
    first = leases.acquire(ledger, "up", owner=OTHER, ttl_s=3600)
    assert first is not None
    leases.release(ledger, first)
    assert leases.holder(ledger, "up") is None
    second = leases.acquire(ledger, "up", owner=THIRD)
    assert second is not None
    assert second.fence == 2


def test_the_former_owner_can_no_longer_commit_renew_or_release(ledger: Ledger) -> None:
    late = leases.acquire(ledger, "run:1", owner=OTHER)
    expire(ledger, "run:1")
    taken = leases.acquire(ledger, "run:1", owner=THIRD)
    assert late is not None
    assert taken is not None

    def commit_late() -> None:
        with ledger.write() as tx:
            tx.emit("step.succeeded", "run/1")
            leases.check(tx, late)

    with pytest.raises(LostLease, match="run:1") as caught:
        commit_late()
    assert "(fence 2 > 1)" in (caught.value.why or "")
    with pytest.raises(LostLease):
        leases.renew(ledger, late)
    leases.release(ledger, late)
    assert leases.holder(ledger, "run:1") == THIRD
    with ledger.read() as connection:
        assert connection.execute(sa.select(schema.events)).all() == []
    with ledger.write() as tx:
        leases.check(tx, taken)


def test_only_one_of_many_gets_a_new_lease(ledger: Ledger) -> None:
    start = threading.Barrier(8)

    def take(number: int) -> leases.Lease | None:
        start.wait()
        return leases.acquire(ledger, "up", owner=f"elsewhere/0:{number}:1")

    with ThreadPoolExecutor(8) as pool:
        taken = [lease for lease in pool.map(take, range(8)) if lease is not None]
    assert len(taken) == 1
    assert leases.holder(ledger, "up") == taken[0].owner


def test_only_one_of_many_takes_over_an_expired_lease(ledger: Ledger) -> None:
    leases.acquire(ledger, "up", owner=OTHER)
    expire(ledger, "up")
    start = threading.Barrier(8)

    def take(number: int) -> leases.Lease | None:
        start.wait()
        return leases.acquire(ledger, "up", owner=f"elsewhere/0:{number}:1")

    with ThreadPoolExecutor(8) as pool:
        taken = [lease for lease in pool.map(take, range(8)) if lease is not None]
    assert [lease.fence for lease in taken] == [2]


_HOLDER = """
import sys, time
from mlwright.ledger import Ledger, leases

ledger = Ledger(sys.argv[1], durability="normal")
print(leases.acquire(ledger, "up", ttl_s=3600), flush=True)
time.sleep(600)
"""


def test_the_lease_of_a_killed_process_is_free_at_once(ledger: Ledger) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLDER, ledger.url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"fence=1" in process.stdout.readline()
        assert leases.acquire(ledger, "up") is None
        os.kill(process.pid, signal.SIGSTOP)
        assert leases.acquire(ledger, "up") is None
        process.kill()
        # Not reaped yet: a zombie is gone as well.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        lease = leases.acquire(ledger, "up")
    assert lease is not None
    assert (lease.fence, lease.owner) == (2, leases.this_process())


def test_a_process_of_another_machine_is_only_known_by_its_time(ledger: Ledger) -> None:
    leases.acquire(ledger, "up", owner="elsewhere/ffffffff:999999:1", ttl_s=3600)
    assert leases.holder(ledger, "up") is not None


def test_a_number_that_another_process_got_since_is_not_taken_for_the_owner() -> None:
    host, pid, started = leases.this_process().rsplit(":", 2)
    assert not leases.is_gone(f"{host}:{pid}:{started}")
    assert leases.is_gone(f"{host}:{pid}:{int(started) - 1}")
