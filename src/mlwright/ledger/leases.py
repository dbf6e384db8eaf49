"""Leases: the right of one process at a time to act, with a fencing token that shuts out a process that lost it.

A lease is free when nobody holds it, when it has expired by the machine's clock, or when its owner was a process of
this very machine that is gone: after a `kill -9` the next start need not wait.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from functools import cache
from pathlib import Path

import msgspec
import sqlalchemy as sa

from mlwright.core.clock import wall_now
from mlwright.errors import LostLease
from mlwright.ledger.conflicts import insert_or_keep
from mlwright.ledger.schema import leases
from mlwright.ledger.store import Ledger, Transaction


class Lease(msgspec.Struct, frozen=True):
    """A held lease.

    Attributes:
        name: What it gives the right to.
        owner: `host:pid:start time`.
        fence: Grows with each new owner; a commit that carries an older one is refused.
    """

    name: str
    owner: str
    fence: int


def this_process() -> str:
    """Return the name of this process, unique across hosts and over time."""
    return _named(os.getpid())


@cache
def _named(pid: int) -> str:
    return f"{_host()}:{pid}:{_start_time(pid)}"


def acquire(ledger: Ledger, name: str, *, ttl_s: float = 15.0, owner: str | None = None) -> Lease | None:
    """Take a lease if it is free or already ours; return None when another living process holds it."""
    owner = owner or this_process()
    with ledger.write("system") as tx:
        # A new lease is a free one with fence 0, so that of two who make it at once only one takes it.
        insert_or_keep(tx, leases, [{"name": name, "owner": "", "fence": 0, "expires_at": wall_now()}])
        row = tx.execute(sa.select(leases).where(leases.c.name == name).with_for_update()).one()
        expires_at = wall_now() + timedelta(seconds=ttl_s)
        if row.owner == owner:
            tx.execute(sa.update(leases).where(leases.c.name == name).values(expires_at=expires_at))
            return Lease(name, owner, row.fence)
        if row.owner and row.expires_at > wall_now() and not is_gone(row.owner):
            return None
        values = {"owner": owner, "fence": row.fence + 1, "expires_at": expires_at}
        tx.execute(sa.update(leases).where(leases.c.name == name).values(values))
        return Lease(name, owner, row.fence + 1)


def holder(ledger: Ledger, name: str) -> str | None:
    """Return the living owner of a lease, None when it is free."""
    with ledger.read() as connection:
        row = connection.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    if row is None or not row.owner or row.expires_at <= wall_now() or is_gone(row.owner):
        return None
    return str(row.owner)


def renew(ledger: Ledger, lease: Lease, *, ttl_s: float = 15.0) -> None:
    """Extend a lease.

    Raises:
        LostLease: Another process has taken it.
    """
    with ledger.write("system") as tx:
        check(tx, lease)
        expires_at = wall_now() + timedelta(seconds=ttl_s)
        tx.execute(sa.update(leases).where(leases.c.name == lease.name).values(expires_at=expires_at))


def check(tx: Transaction, lease: Lease) -> None:
    """Make sure inside a transaction that the lease is still ours: what follows commits only if it is.

    Raises:
        LostLease: Another process has taken it.
    """
    row = tx.execute(sa.select(leases).where(leases.c.name == lease.name).with_for_update()).one_or_none()
    if row is None or row.fence != lease.fence or row.owner != lease.owner:
        raise LostLease(
            f"this process no longer holds '{lease.name}'.",
            why=f"it is now held by {row.owner if row else 'nobody'} (fence {row.fence if row else 0} > {lease.fence})",
            fix="nothing to do: the new owner goes on with the work",
        )


def release(ledger: Ledger, lease: Lease) -> None:
    """Give a lease back; one that was lost already is left alone."""
    with ledger.write("system") as tx:
        mine = (leases.c.name == lease.name, leases.c.owner == lease.owner, leases.c.fence == lease.fence)
        tx.execute(sa.update(leases).where(*mine).values(owner=""))


def is_gone(owner: str) -> bool:
    """Tell whether an owner is a process of this machine that no longer runs."""
    host, pid, started = owner.rsplit(":", 2)
    return host == _host() and _start_time(int(pid)) != started


@cache
def _host() -> str:
    # The boot id tells two boots, and two containers' kernels, apart where host names repeat.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        boot = "0"
    return f"{socket.gethostname()}/{boot}"


def _start_time(pid: int) -> str:
    """Return the kernel's start time of a process, empty when it doesn't run (or is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _alive_without_proc(pid)
    return "" if fields[0] == "Z" else fields[19]


def _alive_without_proc(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
