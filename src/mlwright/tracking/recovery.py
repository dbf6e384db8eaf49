"""Shipping what dead processes left: at the next start, or by `mlwright sync`.

A journal that can't be shipped and never will be (its run was deleted, or it is damaged) is moved to `refused/` beside
the others, with the reason in a file of its own: nothing that was logged is thrown away.
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlwright.errors import IntegrityError, MlwrightError, Transient
from mlwright.ledger.leases import is_gone
from mlwright.tracking import journal as journals
from mlwright.tracking import output
from mlwright.tracking.destinations import Destination, journals_folder
from mlwright.tracking.records import Closed, Opened, Record

STALE_S = 60.0
REFUSED = "refused"
_SUFFIX = ".journal"
_log = logging.getLogger("mlwright.tracking")


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A journal that can't be shipped, and why.

    Attributes:
        path: Where it is kept.
        run_id: The run that it belongs to; empty when that can't be read.
        reason: Why, and what can be done.
    """

    path: str
    run_id: str
    reason: str


class Recovered(msgspec.Struct, kw_only=True):
    """What a recovery did.

    Attributes:
        journals: How many journals of dead processes were shipped whole.
        records: How many records were new.
        live: How many journals belong to processes that still run.
        refused: The journals that it put aside.
    """

    journals: int = 0
    records: int = 0
    live: int = 0
    refused: list[Refusal] = []


def recover(destination: Destination) -> Recovered:
    """Ship the journals of scripts that died; a run that its process never closed has failed.

    Raises:
        Transient: The destination is out of reach; the journals keep everything.
    """
    found = Recovered(refused=[])
    for path in sorted(journals_folder(destination.settings).glob(f"*{_SUFFIX}")):
        try:
            opened = journals.header(path)
            if opened is None:
                # Its writer died in the first write; one that is alive would have finished it by now.
                _remove_stale(path)
            elif not is_gone(opened.owner):
                found.live += 1
            else:
                found.records += _ship_lost(destination, path, opened)
                found.journals += 1
        except FileNotFoundError:
            # Another process recovers too, and was faster.
            continue
        except Transient:
            raise
        except MlwrightError as error:
            found.refused.append(refuse(path, error))
    return found


def refuse(path: Path, error: MlwrightError) -> Refusal:
    """Put a journal aside that can't be shipped, with the reason."""
    kept = path.parent / REFUSED / path.name
    kept.parent.mkdir(exist_ok=True)
    try:
        opened = journals.header(path)
    except MlwrightError:
        opened = None
    refusal = Refusal(path=str(kept), run_id=opened.run_id if opened else "", reason=str(error))
    kept.with_suffix(".why").write_bytes(msgspec.json.encode(refusal))
    path.rename(kept)
    _log.warning("%s\n  the journal is kept: %s", error, kept)
    return refusal


def refusals(folder: Path) -> Iterator[Refusal]:
    """Go through the journals of a folder that were put aside."""
    for path in sorted((folder / REFUSED).glob(f"*{_SUFFIX}")):
        try:
            yield msgspec.json.decode(path.with_suffix(".why").read_bytes(), type=Refusal)
        except (OSError, msgspec.MsgspecError):
            yield Refusal(path=str(path), run_id="", reason="its reason was not kept")


def take_again(folder: Path) -> int:
    """Bring the journals that were put aside back among the others, to be shipped again; return how many."""
    count = 0
    for path in sorted((folder / REFUSED).glob(f"*{_SUFFIX}")):
        path.rename(folder / path.name)
        path.with_suffix(".why").unlink(missing_ok=True)
        count += 1
    return count


def _ship_lost(destination: Destination, path: Path, opened: Opened) -> int:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Another process is at it.
            raise FileNotFoundError(path) from None
        if not path.exists():
            raise FileNotFoundError(path)
        return _ship_locked(destination, path, opened)


def _ship_locked(destination: Destination, path: Path, opened: Opened) -> int:
    shipped = destination.ship(path, opened)
    count = shipped.records
    if not shipped.closed:
        if journals.is_damaged(path, shipped.position):
            raise IntegrityError(
                f"the journal {path.name} is damaged after byte {shipped.position}.",
                why="a record's checksum doesn't match; what is before it was shipped",
                fix="keep the file: what follows can be looked at by hand",
            )
        record = output.keep_lost(destination, path, opened)
        if record is not None:
            _append(path, shipped.position, record)
            count += destination.ship(path, opened, since=shipped.position).records
        lost = {"type": "ProcessDied", "what": "the script's process ended without closing its run (was it killed?)"}
        closed = Closed(status="failed", at=destination.clock.now(), duration_s=_lasted_s(opened, path), error=lost)
        destination.close_lost(opened, closed)
    path.unlink(missing_ok=True)
    output.file_beside(path).unlink(missing_ok=True)
    return count


def _append(path: Path, end: int, record: Record) -> None:
    """Add a record to a dead process's journal, in the place of a torn tail."""
    frame = journals.frame_of(record)
    with path.open("r+b") as file:
        file.truncate(end)
        file.seek(end)
        file.write(frame)


def _lasted_s(opened: Opened, path: Path) -> float:
    """Return how long a killed script is known to have lived: from its start to its last record."""
    # By the file's own times: the records carry the system's clock, which may be that of a replay.
    stat = path.stat()
    born = getattr(stat, "st_birthtime", opened.at.timestamp())
    return max(stat.st_mtime - float(born), 0.0)


def _remove_stale(path: Path) -> None:
    age_s = time.time() - path.stat().st_mtime
    if age_s > STALE_S:
        path.unlink(missing_ok=True)
